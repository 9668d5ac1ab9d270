// Files that mean harm: each is read harmlessly or ends in a UserError, soon, and in bounded memory.
// Pickles that are harmful by themselves are in pickle.test.ts, archives in hostile-archives.test.ts.

import { describe, expect, it } from 'vitest';
import { networkPath, pickledModules, stateDict, type ByteSource } from '../../src/checkpoint/index.ts';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { ascii, concat, messageIn, messageOf, openBytes, outcome } from './fixtures.ts';
import * as w from './pickle-writer.ts';

const soon = 20_000; // milliseconds; each takes a fraction of a second on an idle machine

const moduleOf = (attributes: Record<string, w.Code>): w.Code =>
  w.persistent('Net', w.moduleState({ parameters: { x: w.tensor([1]) } }, attributes));
const snapshot = (network: w.Code): Uint8Array => w.pickle(w.dict({ G_ema: network }), 4);

const attributesOf = async (attributes: Record<string, w.Code>): Promise<Readonly<Record<string, unknown>>> => {
  const checkpoint = await openBytes(snapshot(moduleOf(attributes)));
  return pickledModules(checkpoint, networkPath(checkpoint))!.get('')!.attributes;
};

describe('sizes that are lies', { timeout: soon }, () => {
  const huge = '\xff\xff\xff\xff\xff\xff\xff\x7f';

  it.each([
    ['a byte string of 2^63 bytes', concat('\x8e', huge)],
    ['a byte array of 2^63 bytes', concat('\x96', huge)],
    ['a text of 2^63 bytes', concat('\x8d', huge)],
    ['a byte string of 4 GiB', 'B\xff\xff\xff\xff'],
    ['a text of 4 GiB', 'X\xff\xff\xff\xff'],
    ['an integer of 4 GiB', '\x8b\xff\xff\xff\xff'],
  ])('%s ends in a UserError', async (_, code) => {
    expect(await outcome(w.pickle(concat(code, 'abc')))).toMatch(/some.pth ends after \d+ bytes.*truncated/);
  });

  /** A source of zeros behind a few bytes, which refuses reads that no honest file needs. */
  const sparse = (head: Uint8Array, size: number): ByteSource => ({
    name: 'sparse.pkl',
    size,
    read(offset, length) {
      if (length > 2 ** 29) throw new Error(`${length} bytes were read at once`);
      const bytes = new Uint8Array(length);
      if (offset < head.length) bytes.set(head.subarray(offset, offset + length));
      return Promise.resolve(bytes);
    },
  });

  it.each([
    ['a text of 1 TiB', concat('\x8d', w.u64(2n ** 40n)), /more than 268435456 bytes beside tensors/],
    ['a line without an end', 'cmodule', /a line of more than 1048576 bytes/],
    ['an integer of 1 GiB', '\x8b\0\0\0\x40', /an integer of 1073741824 bytes/],
    ['a byte string of 1 TiB, and then zeros', concat('\x8e', w.u64(2n ** 40n)), /byte 0 is no operation/],
  ])('%s, in a file that has them, ends in a UserError', async (_, code, pattern) => {
    const source = sparse(concat('\x80\x04', code), 2 ** 42);
    expect(await messageOf(openCheckpoint(source))).toMatch(pattern);
  });

  it.each([
    ['larger than its data', w.storageFile([1, 2], 2 ** 30), /has \d+ bytes, which its storage of 1073741824 elements/],
    ['negative', w.storageFile([1, 2], -1), /an id that is not of the known form/],
    ['smaller than its data', w.storageFile([1, 2], 1), /has \d+ bytes, which its storage of 1 elements/],
    ['cut off', w.storageFile([1, 2]).slice(0, -10), /is damaged|truncated/],
  ])('an embedded storage whose count is %s ends in a UserError', async (_, file, pattern) => {
    const tensor = w.tensor([], [2], w.loadFromBytes(w.bytes(file)));
    expect(await outcome(snapshot(tensor))).toMatch(pattern);
  });

  it('an embedded storage of 1 TiB is opened, and not loaded', async () => {
    const count = 2 ** 31 - 1;
    const head = w.storageFile([], count);
    const size = 2 ** 33 - 4;
    const tensor = concat(
      w.global('torch._utils', '_rebuild_tensor_v2'),
      concat('(', w.global('torch.storage', '_load_from_bytes'), '\x8e', w.u64(BigInt(head.length + size)), head),
    );
    const place = concat('\x85R', w.int(0), w.tuple(w.int(count)), w.tuple(w.int(1)), '\x89}tR.');
    const start = 2 + tensor.length + size;
    const source: ByteSource = {
      ...sparse(concat('\x80\x04', tensor), start + place.length),
      read: (offset, length) =>
        offset < start
          ? sparse(concat('\x80\x04', tensor), start).read(offset, length)
          : Promise.resolve(place.slice(offset - start, offset - start + length)),
    };
    const { tensors } = await openCheckpoint(source);
    expect(await messageOf(tensors.get('tensor')!.load())).toMatch(/too large to be laid out/);
  });
});

describe('tensors', { timeout: soon }, () => {
  it('a file inside a file inside a file is not followed', async () => {
    let storage: w.Code = w.loadFromBytes(w.bytes(w.storageFile([1])));
    for (let depth = 0; depth < 30; depth++) storage = w.loadFromBytes(w.bytes(w.storageFile([], 0, storage)));
    expect(await outcome(snapshot(w.tensor([], [1], storage)))).toMatch(/a tensor without a valid storage/);
  });

  it('what is no storage is left alone', async () => {
    const other = w.loadFromBytes(w.bytes(w.storageFile([], 0, w.dict({ a: w.int(1) }))));
    expect(await outcome(snapshot(w.list(other, w.tensor([1]))))).toEqual(['G_ema.1']);
  });

  it.each<[string, w.Code | undefined, string[]]>([
    ['a storage', undefined, ['1']],
    ['a long pickle that is none', concat(w.repeat('N0', 10_000), 'N'), ['1']],
  ])('%s that is referred to a hundred thousand times is read once', async (_, inside, expected) => {
    const load = concat(w.global('torch.storage', '_load_from_bytes'), 'r\x01\0\0\0', '0');
    const file = w.put(2, w.bytes(w.storageFile([], 0, inside)));
    const calls = concat(load, file, '0', '](', w.repeat('j\x01\0\0\0j\x02\0\0\0\x85R', 100_000), 'e');
    expect(await outcome(w.pickle(w.list(calls, w.tensor([1]))))).toEqual(expected);
  });

  it('a text that is encoded a hundred thousand times takes memory once', async () => {
    const encode = concat(w.global('_codecs', 'encode'), 'r\x01\0\0\0', '0', w.put(2, w.text('x'.repeat(60_000))), '0');
    const code = concat(encode, '](', w.repeat('j\x01\0\0\0j\x02\0\0\0\x85R', 100_000), 'e');
    const before = process.memoryUsage.rss();
    expect(await outcome(w.pickle(w.list(code, w.tensor([1]))))).toEqual(['1']);
    expect(process.memoryUsage.rss() - before).toBeLessThan(5e8);
  });

  it('tensors of 400 MB in all do not count as objects', async () => {
    // 4,000 byte strings of 100 kB, made when they are read.
    const one = concat(w.bytes(new Uint8Array(100_000)), '0');
    const head = ascii('\x80\x04');
    const last = concat(w.tensor([1]), '.');
    const middle = 4000 * one.length;
    const source: ByteSource = {
      name: 'large.pkl',
      size: head.length + middle + last.length,
      read(offset, length) {
        const at = (i: number): number =>
          i < head.length ? head[i] : i < head.length + middle ? one[(i - head.length) % one.length] : last[i - head.length - middle]; // prettier-ignore
        if (offset < head.length || length < 1000 || offset + length > head.length + middle) {
          return Promise.resolve(Uint8Array.from({ length }, (_, i) => at(offset + i)));
        }
        const bytes = new Uint8Array(length);
        for (let i = 0; i < length;) {
          const from = (offset + i - head.length) % one.length;
          const part = one.subarray(from, from + length - i);
          bytes.set(part, i);
          i += part.length;
        }
        return Promise.resolve(bytes);
      },
    };
    const { tensors } = await openCheckpoint(source);
    expect([...tensors.keys()]).toEqual(['tensor']);
  });

  it('lists that double at every level end in a UserError', async () => {
    const bomb = concat(w.tensor([1]), w.repeat('2\x86', 60));
    expect(await outcome(snapshot(bomb))).toMatch(/share them too often/);
  });

  it('deep nesting ends in a UserError', async () => {
    expect(await outcome(snapshot(concat(w.tensor([1]), w.repeat('\x85', 100_000))))).toMatch(/nested more than/);
  });
});

describe('modules', { timeout: soon }, () => {
  const parts = (modules: w.Code): w.Code =>
    concat('}(', w.text('_parameters'), w.dict({ x: w.tensor([1]) }), w.text('_modules'), modules, 'u');

  it('one inside itself is read once', async () => {
    // modules = {}; net = Net(modules); modules['again'] = net
    const net = concat(w.put(2, w.persistent('Net', parts(w.put(1, '}')))));
    const code = concat(net, '0', w.get(1), w.text('again'), w.get(2), 's0', w.get(2));
    const checkpoint = await openBytes(snapshot(code));
    expect([...stateDict(checkpoint).keys()]).toEqual(['x']);
    expect([...pickledModules(checkpoint, 'G_ema')!.keys()]).toEqual(['']);
  });

  it('one whose record contains itself is read once', async () => {
    // meta = {}; net = reconstruct(meta); meta['state'] = {'net': net}
    const reconstruct = w.global('torch_utils.persistence', '_reconstruct_persistent_obj');
    const net = w.put(2, concat(reconstruct, w.put(1, w.dict({ class_name: w.text('Net') })), '\x85R'));
    const state = concat('}', w.text('net'), w.get(2), 's');
    const code = concat(net, '0', w.get(1), w.text('state'), state, 's0', w.list(w.get(2), w.tensor([1])));
    expect(await outcome(snapshot(code))).toEqual(['G_ema.1']);
  });

  it.each([
    ['no record', w.int(7)],
    ['a record without a class', w.dict({ state: w.dict({}) })],
    ['a class that is no text', w.dict({ class_name: w.dict({}) })],
    ['a state that is no dict', w.dict({ class_name: w.text('Net'), state: w.list(w.int(1)) })],
  ])('one of %s is no module', async (_, meta) => {
    const net = w.call(w.global('torch_utils.persistence', '_reconstruct_persistent_obj'), meta);
    const checkpoint = await openBytes(w.pickle(w.dict({ G_ema: w.list(net, w.tensor([1])) })));
    expect(pickledModules(checkpoint, 'G_ema.0')).toBeUndefined();
  });

  it('modules that double at every level end in a UserError', async () => {
    // Without tensors, so that only their names are many.
    let net: w.Code = w.persistent('Leaf', w.moduleState({}));
    for (let level = 1; level < 60; level++) {
      net = w.persistent('Net', w.moduleState({ modules: { a: w.put(level, net), b: w.get(level) } }));
    }
    const checkpoint = await openBytes(w.pickle(w.dict({ net, x: w.tensor([1]) })));
    expect(await messageIn(() => pickledModules(checkpoint, 'net'))).toMatch(/more than 1000000 modules and values/);
  });

  it('modules that are nested deep end in a UserError', async () => {
    let net: w.Code = w.persistent('Leaf', w.moduleState({}));
    for (let level = 1; level < 300; level++) net = w.persistent('Net', w.moduleState({ modules: { a: net } }));
    const checkpoint = await openBytes(w.pickle(w.dict({ net, x: w.tensor([1]) })));
    expect(await messageIn(() => pickledModules(checkpoint, 'net'))).toMatch(/nested more than 100 deep/);
  });

  it('attributes that double at every level end in a UserError, and deep ones are left out', async () => {
    await expect(attributesOf({ bomb: concat(w.list(w.int(1)), w.repeat('2\x86', 60)) })).rejects.toThrow(
      /more than 1000000 modules and values/,
    );
    expect(await attributesOf({ deep: concat('N', w.repeat('\x85', 900)), z: w.int(1) })).toEqual({ z: 1 });
  });

  const f8 = w.bytes(new Uint8Array(8));
  it.each<[string, w.Code]>([
    ['of a negative shape', w.numpyArray('f8', [w.int(-1), w.int(-1)], f8)],
    ['of a gigantic shape', w.numpyArray('f8', Array<w.Code>(40).fill(w.int(2 ** 31 - 1)), f8)],
    ['of a shape that is no number', w.numpyArray('f8', [w.text('1')], f8)],
    ['of a fractional size', w.numpyArray('f8', [concat('G', Uint8Array.of(0x3f, 0xe0), '\0\0\0\0\0\0')], f8)],
    ['of too few bytes', w.numpyArray('f8', [w.int(2)], f8)],
    ['of a type that is a property', w.numpyArray('constructor', [w.int(1)], f8)],
    [
      'of objects that are calls',
      w.numpyArray('O', [w.int(1)], w.list(w.call(w.global('os', 'system'), w.text('ls')))),
    ],
    ['of data that are left in the file', w.numpyArray('u1', [w.int(70_000)], w.bytes(new Uint8Array(70_000)))],
  ])('an array %s is left out', async (_, array) => {
    expect(await attributesOf({ array, z: w.int(1) })).toEqual({ z: 1 });
  });
});

describe('what a pickle is made of', { timeout: soon }, () => {
  it('a million objects are too many, of any kind', async () => {
    for (const code of ['}', ')', '\x8f', 'C\0', 'cm\nn\n']) {
      expect(await outcome(w.pickle(w.repeat(`${code}0`, 1_100_000), 4))).toMatch(/more than 1000000 objects/);
    }
  });

  it('a pickle of another module is inert', async () => {
    const exec = w.call(w.global('builtins', 'exec'), w.text('raise SystemExit'));
    expect(await outcome(w.pickle(exec))).toMatch(/a Python pickle that torch.save did not write/);
  });

  it('names in the pickle are only names', async () => {
    const { tree } = await openBytes(
      snapshot(w.list(w.call(w.global('os', 'system'), w.text('exit 1')), w.tensor([1]))),
    );
    expect((tree as Map<string, unknown[]>).get('G_ema')![0]).toMatchObject({
      callable: { kind: 'global', module: 'os', name: 'system' },
      args: ['exit 1'],
    });
  });
});
