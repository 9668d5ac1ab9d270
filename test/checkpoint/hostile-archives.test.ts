// Archives that mean harm: each is read harmlessly or ends in a UserError, soon, and in bounded memory.
// What is in their pickles is in hostile.test.ts.

import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { concat, outcome } from './fixtures.ts';
import * as w from './pickle-writer.ts';

const soon = 20_000; // milliseconds; each takes a fraction of a second on an idle machine

describe('archives', { timeout: soon }, () => {
  interface Entry {
    readonly name: string;
    readonly data: Uint8Array;
    /** Claimed instead of the truth. */
    readonly size?: number;
    readonly stored?: number;
    readonly deflate?: boolean;
  }
  const u16 = (value: number): Uint8Array => new Uint8Array(Uint16Array.of(value).buffer);
  const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

  function zip(entries: readonly Entry[]): Uint8Array {
    const parts: Uint8Array[] = [];
    const directory: Uint8Array[] = [];
    let offset = 0;
    for (const { name, data, deflate, ...claims } of entries) {
      const packed = deflate ? new Uint8Array(deflateRawSync(data)) : data;
      const sizes = concat(u32(claims.stored ?? packed.length), u32(claims.size ?? data.length), u16(name.length));
      const common = concat(u16(20), u16(0), u16(deflate ? 8 : 0), u32(0), u32(0), sizes, u16(0));
      directory.push(concat('PK\x01\x02', u16(20), common, u16(0), u16(0), u16(0), u32(0), u32(offset), name));
      parts.push(concat('PK\x03\x04', common, name, packed));
      offset += parts.at(-1)!.length;
    }
    const listed = concat(...directory);
    const end = concat('PK\x05\x06', u32(0), u16(entries.length), u16(entries.length), u32(listed.length), u32(offset));
    return concat(...parts, listed, end, u16(0));
  }

  /** A pickle of one float32 tensor that is the whole of storage 0. */
  const pickleOf = (count: number): Uint8Array => {
    const type = w.global('torch', 'FloatStorage');
    const storage = concat(w.tuple(w.text('storage'), type, w.text('0'), w.text('cpu'), w.int(count)), 'Q');
    return w.pickle(w.dict({ x: w.tensor([], [count], storage) }), 2);
  };
  const four = new Uint8Array(4);

  it('an honest one is read', async () => {
    for (const deflate of [false, true]) {
      const bytes = zip([
        { name: 'm/data.pkl', data: pickleOf(1), deflate },
        { name: 'm/data/0', data: four, deflate },
      ]);
      expect(await outcome(bytes)).toEqual(['x']);
    }
  });

  it.each([
    ['a pickle that claims 3 GiB', { name: 'm/data.pkl', data: pickleOf(1), size: 3 * 2 ** 30 }, /more than 268435456/],
    [
      'a pickle that claims more than there is',
      { name: 'm/data.pkl', data: pickleOf(1), stored: 9999 },
      /ends before its data/,
    ],
    [
      'a deflated pickle that claims 200 MiB',
      { name: 'm/data.pkl', data: pickleOf(1), deflate: true, size: 200 * 2 ** 20 },
      /its size is not possible/,
    ],
    [
      'a deflated pickle that is larger than it claims',
      { name: 'm/data.pkl', data: concat(pickleOf(1), new Uint8Array(2 ** 26)), deflate: true, size: 100 },
      /not of the declared size/,
    ],
    [
      'a deflated pickle of 300 MiB',
      { name: 'm/data.pkl', data: new Uint8Array(2 ** 20), deflate: true, size: 300 * 2 ** 20 },
      /more than 268435456/,
    ],
  ])('%s ends in a UserError', async (_, entry, pattern) => {
    expect(await outcome(zip([entry, { name: 'm/data/0', data: four }]))).toMatch(pattern);
  });

  it('a deflated storage of 600 MiB is not inflated', async () => {
    const count = 150 * 2 ** 20;
    const packed = new Uint8Array(deflateRawSync(new Uint8Array(2 ** 20)));
    const zeros = { name: 'm/data/0', data: concat(...Array<Uint8Array>(600).fill(packed)), size: 4 * count };
    const bytes = zip([{ name: 'm/data.pkl', data: pickleOf(count) }, zeros]);
    // Method 8 in the directory, which alone is believed.
    bytes[Buffer.from(bytes).lastIndexOf('PK\x01\x02') + 10] = 8;
    expect(await outcome(bytes)).toMatch(/is compressed and has 629145600 bytes, more than 536870912/);
  });

  it('a storage that claims to be larger than its entry ends in a UserError', async () => {
    const bytes = zip([
      { name: 'm/data.pkl', data: pickleOf(2 ** 28) },
      { name: 'm/data/0', data: four, size: 2 ** 30 },
    ]);
    expect(await outcome(bytes)).toMatch(/not compressed/);
  });

  it.each(['../', '/', '..\\', 'C:\\', '\0/', '__proto__/'])('names that begin with %j reach nothing', async (root) => {
    const bytes = zip([
      { name: `${root}data.pkl`, data: pickleOf(1) },
      { name: `${root}data/0`, data: four },
      { name: '../../etc/passwd', data: four },
    ]);
    const found = await outcome(bytes);
    // A single folder, whatever its name, is one in the archive.
    if (typeof found === 'string') expect(found).toMatch(/without the data.pkl of a torch checkpoint/);
    else expect(found).toEqual(['x']);
  });

  it('keys of storages that lead out of the archive reach nothing', async () => {
    const type = w.global('torch', 'FloatStorage');
    const storage = concat(w.tuple(w.text('storage'), type, w.text('../../x'), w.text('cpu'), w.int(1)), 'Q');
    const pickle = w.pickle(w.dict({ x: w.tensor([], [1], storage) }), 2);
    const bytes = zip([
      { name: 'm/data.pkl', data: pickle },
      { name: 'x', data: four },
    ]);
    expect(await outcome(bytes)).toMatch(/storage \.\.\/\.\.\/x, which the file does not have/);
  });

  it('two entries of one name, or in a directory that is too large, end in a UserError', async () => {
    const entry = { name: 'm/data.pkl', data: pickleOf(1) };
    expect(await outcome(zip([entry, entry]))).toMatch(/two entries called m\/data.pkl/);
    const listed = new Uint8Array(17 * 2 ** 20);
    const end = concat('PK\x05\x06', u32(0), u32(0), u32(listed.length), u32(4), u16(0));
    expect(await outcome(concat('PK\x03\x04', listed, end))).toMatch(/whose directory is larger than 16777216 bytes/);
  });
});
