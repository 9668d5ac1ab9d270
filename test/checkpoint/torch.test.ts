// Torch files made with Python's own pickle and zipfile, against NumPy's reading of the same arrays (exact).

import { describe, expect, it } from 'vitest';
import { type CheckpointTree, type TreeObject } from '../../src/checkpoint/index.ts';
import { toNumbers } from '../../src/graph/tensor.ts';
import { ascii, bytesOf, concat, contents, messageOf, openBytes, openGolden } from './fixtures.ts';

describe('every element type and every way to lie in a storage', () => {
  it.each([
    ['tensors.pth', 'torch-zip'],
    ['tensors-protocol5.pth', 'torch-zip'],
    ['tensors-deflated.pth', 'torch-zip'],
    ['tensors-zip64.pth', 'torch-zip'],
    ['tensors-legacy.pth', 'torch-legacy'],
    ['tensors-legacy-protocol4.pth', 'torch-legacy'],
  ])('%s', async (name, format) => {
    const checkpoint = await openGolden(`checkpoint/${name}`);
    const expected = await openGolden('checkpoint/tensors.safetensors');
    expect(checkpoint.format).toBe(format);
    expect([...checkpoint.tensors.keys()]).toEqual([...expected.tensors.keys()]);
    expect(await contents(checkpoint)).toEqual(await contents(expected));
  });

  it('reads the parts of storages that old legacy files refer to', async () => {
    const found = await contents(await openGolden('checkpoint/views-legacy.pth'));
    expect(found).toEqual(await contents(await openGolden('checkpoint/views.safetensors')));
  });

  it('refuses big-endian files', async () => {
    expect(await messageOf(openGolden('checkpoint/big-endian.pth'))).toMatch(/big-endian/);
    expect(await messageOf(openGolden('checkpoint/big-endian-legacy.pth'))).toMatch(/big-endian/);
  });
});

describe.each(['objects.pth', 'objects-legacy.pth'])('%s, which has more than tensors', (name) => {
  it('names every tensor by its path, and leaves out what is not dense', async () => {
    const checkpoint = await openGolden(`checkpoint/${name}`);
    const values: Record<string, number[]> = {};
    for (const [key, ref] of checkpoint.tensors) values[key] = toNumbers(await ref.load());
    const [a, b, c] = [1, 2, 3].map((v) => [v, v, v]);
    expect(values).toEqual({
      'state_dict.weight': a,
      'state_dict.bias': b,
      'net.0.weight': a,
      'net.0.mean': b,
      'net.filter': c,
      'easy.kernel': c,
      'cycle.tensor': a,
      uint16: [2, 65535, 4],
      subclass: c,
      'optimizer.state.0.exp_avg': b,
      'optimizer.state.1.exp_avg': c,
      'history.0': a,
      'history.1.0': b,
      'history.1.1.last': c,
      'keys.#0': a,
      'keys.null': b,
      'keys.true': c,
    });
  });

  it('keeps the rest as plain data', async () => {
    const { tree } = await openGolden(`checkpoint/${name}`);
    const at = (key: string): CheckpointTree => (tree as Map<string, CheckpointTree>).get(key)!;
    const args = at('args') as TreeObject;
    expect(args.callable).toEqual({ kind: 'global', module: 'argparse', name: 'Namespace' });
    expect(args.state).toEqual(
      new Map<string, unknown>([
        ['arch', 'resnet50'],
        ['lr', 0.1],
        ['epochs', 100],
        ['resume', null],
        ['crops', [0.4, 1]],
      ]),
    );
    expect(at('called')).toMatchObject({ callable: { module: 'net', name: 'run' }, args: ['touch executed'] });
    expect(at('quantized')).toMatchObject({ kind: 'object', callable: { name: '_rebuild_qtensor' } });
    expect(at('sparse')).toMatchObject({ kind: 'object', callable: { name: '_rebuild_sparse_tensor' } });
    expect(at('complex')).toMatchObject({
      kind: 'object',
      args: [{ type: 'ComplexFloatStorage', count: 2 }, 0, [2], [1], false, new Map()],
    });
    // numpy.float64(0.75) is a call with the value's eight bytes.
    const bytes = ((at('accuracy') as TreeObject).args as CheckpointTree[])[1] as Uint8Array;
    expect(Buffer.from(bytes).readDoubleLE()).toBe(0.75);
    expect(at('names')).toEqual(new Set(['x', 'y']));
    expect(at('size')).toEqual([3, 3]);
    expect(at('big')).toBe(2n ** 80n);
    const cycle = at('cycle') as Map<string, CheckpointTree[]>;
    expect(cycle.get('list')![0]).toBe(cycle);
  });
});

describe('tensors that contradict their storages', () => {
  // A legacy file by hand: one tensor `w` of the given shape, strides and offset in a storage of `declared` floats.
  function legacy(place: { shape: number[]; strides: number[]; offset?: number }, declared = 6, written = 6, data = 6) {
    const tuple = (values: number[]): string => `(${values.map((v) => `J${u32(v)}`).join('')}t`;
    const u32 = (v: number): string => String.fromCharCode(v & 255, (v >> 8) & 255, (v >> 16) & 255, (v >> 24) & 255);
    return concat(
      '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.',
      '\x80\x02M\xe9\x03.',
      '\x80\x02}.',
      `\x80\x02}U\x01wctorch._utils\n_rebuild_tensor\n((U\x07storagectorch\nFloatStorage\nU\x01kU\x03cpuK${String.fromCharCode(declared)}NtQ`,
      `J${u32(place.offset ?? 0)}${tuple(place.shape)}${tuple(place.strides)}tRs.`,
      '\x80\x02]U\x01ka.',
      `${u32(written)}\0\0\0\0`,
      new Uint8Array(data * 4),
    );
  }

  it('is read when nothing contradicts', async () => {
    const { tensors } = await openBytes(legacy({ shape: [2, 3], strides: [3, 1] }));
    expect((await tensors.get('w')!.load()).data.length).toBe(6);
  });

  it.each([
    ['too large', legacy({ shape: [2, 4], strides: [4, 1] }), /tensor w of shape \[2, 4\].*does not fit/],
    ['a stride too far', legacy({ shape: [2, 3], strides: [4, 1] }), /tensor w .*does not fit/],
    ['an offset too far', legacy({ shape: [2, 3], strides: [3, 1], offset: 1 }), /tensor w .*offset 1 does not fit/],
    ['a negative stride', legacy({ shape: [2, 3], strides: [-3, 1] }), /without a valid/],
    ['a negative size', legacy({ shape: [-2, 3], strides: [3, 1] }), /without a valid/],
    [
      '65 dimensions',
      legacy({ shape: Array<number>(65).fill(1), strides: Array<number>(65).fill(1) }),
      /without a valid/,
    ],
    ['fewer strides than sizes', legacy({ shape: [2, 3], strides: [1] }), /other strides/],
    [
      'sizes that overflow',
      legacy({ shape: Array<number>(40).fill(2 ** 31 - 1), strides: Array<number>(40).fill(2 ** 31 - 1) }),
      /does not fit/,
    ],
    [
      'another count in the storage',
      legacy({ shape: [2, 3], strides: [3, 1] }, 6, 7, 7),
      /storage k has 7 elements where 6/,
    ],
    ['data that end early', legacy({ shape: [2, 3], strides: [3, 1] }, 6, 6, 5), /storage k needs 24 bytes/],
  ])('%s', async (_, bytes, pattern) => {
    expect(await messageOf(openBytes(bytes))).toMatch(pattern);
  });

  it('reads empty tensors of absurd shapes, and does not lay out absurd expansions', async () => {
    const empty = await openBytes(
      legacy({ shape: [...Array<number>(40).fill(2 ** 31 - 1), 0], strides: Array<number>(41).fill(9) }),
    );
    expect((await empty.tensors.get('w')!.load()).data.length).toBe(0);
    const expanded = await openBytes(legacy({ shape: [2 ** 30, 2 ** 30], strides: [0, 0] }));
    expect(await messageOf(expanded.tensors.get('w')!.load())).toMatch(/w of shape .* too large to be laid out/);
  });
});

describe('archives', () => {
  it('names a storage that is missing, and one of the wrong size', async () => {
    const bytes = bytesOf('checkpoint/tensors.pth');
    const text = Buffer.from(bytes).toString('latin1').replaceAll('any name/data/0', 'any name/data/x');
    expect(await messageOf(openBytes(ascii(text)))).toMatch(
      /tensor FloatStorage is in storage 0, which the file does not have/,
    );
    // The pickle's count of the first storage, 6 elements: 'cuda:0' q BINPUT, K BININT1 6.
    const at = Buffer.from(bytes).indexOf('cuda:0') + 6 + 2 + 1;
    expect(bytes[at]).toBe(6);
    bytes[at] = 5;
    expect(await messageOf(openBytes(bytes))).toMatch(
      /tensor FloatStorage is in storage 0, which has 24 bytes instead of 20/,
    );
  });

  it('names an archive that is something else', async () => {
    const text = Buffer.from(bytesOf('checkpoint/tensors.pth')).toString('latin1');
    const message = await messageOf(openBytes(ascii(text.replaceAll('any name/data.pkl', 'any name/data.txt'))));
    expect(message).toMatch(
      /some.pth is a ZIP archive without the data.pkl .* \(it has any name\/data.txt, any name\/data\/0/,
    );
    expect(await messageOf(openBytes(ascii(text.replaceAll('any name/data.pkl', 'any name/dat1.npy'))))).toMatch(
      /NumPy archive/,
    );
  });

  it('refuses encryption, other compressions and false sizes', async () => {
    const bytes = bytesOf('checkpoint/tensors-deflated.pth');
    const directory = Buffer.from(bytes).indexOf('PK\x01\x02');
    const changed = (offset: number, value: number): Uint8Array => bytes.with(directory + offset, value);
    expect(await messageOf(openBytes(changed(8, 1)))).toMatch(/encrypted/);
    expect(await messageOf(openBytes(changed(10, 12)))).toMatch(/method 12/);
    expect(await messageOf(openBytes(changed(24, bytes[directory + 24] - 1)))).toMatch(
      /declared size|checksum|damaged/,
    );
    expect(await messageOf(openBytes(changed(24, bytes[directory + 24] + 1)))).toMatch(
      /declared size|checksum|damaged/,
    );
    expect(await messageOf(openBytes(changed(26, 255)))).toMatch(/not possible/);
  });
});
