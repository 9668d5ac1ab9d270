// The safetensors format: files that Python wrote, files that are written here, and files that are not right.

import { describe, expect, it } from 'vitest';
import { encodeSafetensorsHeader, readSafetensorsBytes, safetensorsChunks } from '../../src/checkpoint/index.ts';
import {
  bytesPerElement,
  float32,
  fromBytes,
  int64,
  toNumbers,
  type DType,
  type Tensor,
} from '../../src/graph/tensor.ts';
import { bytesOf, concat, contents, messageIn, messageOf, openBytes, openGolden } from '../checkpoint/fixtures.ts';

/** A file of a header as given, and of that many bytes of data. */
function file(header: unknown, dataBytes = 0): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setUint32(0, text.length, true);
  return concat(length, text, new Uint8Array(dataBytes));
}

const entry = (shape: number[], start: number, end: number, dtype = 'F32'): unknown => ({
  ...{ dtype, shape, data_offsets: [start, end] },
});

describe('reading', () => {
  it('has the values, types and metadata that Python wrote', async () => {
    const checkpoint = await openGolden('checkpoint/tensors.safetensors');
    expect(checkpoint.format).toBe('safetensors');
    expect(checkpoint.metadata).toEqual({ format: 'pt', made: 'by hand' });
    const load = async (name: string): Promise<Tensor> => checkpoint.tensors.get(name)!.load();
    expect([...(await load('LongStorage')).data].slice(0, 2)).toEqual([2n ** 62n + 1n, -(2n ** 62n)]);
    expect(toNumbers(await load('scalar'))).toEqual([42]);
    expect((await load('scalar')).shape).toEqual([]);
    expect((await load('empty')).shape).toEqual([0, 5]);
  });

  it('keeps tensors of other types apart', async () => {
    const checkpoint = await openBytes(file({ a: entry([2], 0, 2, 'F8_E4M3'), b: entry([1], 2, 6) }, 6));
    expect([...checkpoint.tensors.keys()]).toEqual(['b']);
    expect(checkpoint.tree).toEqual(new Map([['a', new Map<string, unknown>([['dtype', 'F8_E4M3'], ['shape', [2]]])]])); // prettier-ignore
  });

  it('reads a name that JavaScript has a meaning for', async () => {
    const { tensors } = await openBytes(file(`{"__proto__":${JSON.stringify(entry([1], 0, 4))}}`, 4));
    expect([...tensors.keys()]).toEqual(['__proto__']);
  });

  it.each([
    ['a header longer than the file', concat('\xff\xff\0\0\0\0\0\0{}'), /claims 65535 bytes and the file has 10/],
    ['a header longer than any', concat('\0\0\0\xff\0\0\0\0{}'), /more than 100000000/],
    ['no JSON', file('{"a":'), /not valid JSON/],
    ['text that is not UTF-8', file('{"\xff\xfe":1}'), /not valid JSON/],
    ['an entry that is no object', file({ a: 1 }), /tensor a has no valid/],
    ['a missing type', file({ a: { shape: [1], data_offsets: [0, 4] } }, 4), /tensor a has no valid/],
    ['a negative size', file({ a: entry([-1], 0, 4) }, 4), /tensor a has no valid/],
    ['a fractional size', file({ a: entry([1.5], 0, 6) }, 6), /tensor a has no valid/],
    ['offsets in the wrong order', file({ a: entry([1], 4, 0) }, 4), /tensor a has no valid/],
    ['metadata that are no texts', file({ __metadata__: { a: 1 } }), /metadata/],
    [
      'a size that is not the shape',
      file({ a: entry([2], 0, 4) }, 4),
      /tensor a of type float32 and shape \[2\] has 4 bytes/,
    ],
    ['a shape that overflows', file({ a: entry([2 ** 40, 2 ** 40], 0, 4) }, 4), /tensor a of type float32/],
    ['overlapping tensors', file({ a: entry([2], 0, 8), b: entry([1], 4, 8) }, 8), /tensor b begins at byte 4/],
    ['a gap', file({ a: entry([1], 0, 4), b: entry([1], 8, 12) }, 12), /tensor b begins at byte 8/],
    ['data that end early', file({ a: entry([2], 0, 8) }, 7), /take 8 bytes and the file has 7/],
    ['data that go on', file({ a: entry([1], 0, 4) }, 5), /take 4 bytes and the file has 5/],
    [
      'a name twice',
      file(`{"a":${JSON.stringify(entry([1], 0, 4))},"a":${JSON.stringify(entry([1], 0, 4))}}`, 4),
      /twice/,
    ],
    ['deep nesting', file(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), /tensor a has no valid|nested/],
    ['a header of ten million brackets', file(`{"a":[${'[],'.repeat(6_000_000)}[]]}`), /more entries/],
  ])('refuses %s', async (_, bytes, pattern) => {
    const message = await messageOf(openBytes(bytes, 'some.safetensors'));
    expect(message).toMatch(pattern);
    expect(message).toMatch(/^some.safetensors: .*download it again/s);
  });
});

describe('writing', () => {
  const all: DType[] = ['bool', 'uint8', 'int8', 'int16', 'uint16', 'float16', 'bfloat16', 'int32', 'uint32', 'float32', 'int64', 'uint64', 'float64']; // prettier-ignore
  const tensors = new Map(
    all.map((dtype): [string, Tensor] => {
      const bytes = Uint8Array.from({ length: 3 * bytesPerElement(dtype) }, (_, i) => i % 2);
      return [`a ${dtype} "ä"`, { dtype, shape: [3, 1], data: fromBytes(dtype, bytes) }];
    }),
  );

  it('reads back what it wrote, of every type', async () => {
    const bytes = concat(...safetensorsChunks(tensors, { model: 'ä' }));
    const checkpoint = await openBytes(bytes);
    expect(checkpoint.metadata).toEqual({ model: 'ä' });
    expect(await readSafetensorsBytes('test', bytes)).toEqual(
      new Map([...checkpoint.tensors.keys()].map((n) => [n, tensors.get(n)])),
    );
    expect(checkpoint.tensors.size).toBe(all.length);
  });

  it('writes the same contents as Python did', async () => {
    const expected = bytesOf('checkpoint/tensors.safetensors');
    const read = await readSafetensorsBytes('test', expected);
    const again = await openBytes(concat(...safetensorsChunks(read, { format: 'pt', made: 'by hand' })));
    expect(await contents(again)).toEqual(await contents(await openBytes(expected)));
  });

  it('aligns the header and every tensor, and keeps the order otherwise', () => {
    const { bytes, names } = encodeSafetensorsHeader(
      new Map<string, Tensor>([
        ['2', float32([1], [1])],
        ['1', float32([1], [1])],
        ['b', { dtype: 'bool', shape: [1], data: new Uint8Array(1) }],
        ['n', int64([7])],
      ]),
    );
    expect(names).toEqual(['n', '2', '1', 'b']);
    expect(bytes.length % 8).toBe(0);
    expect(Buffer.from(bytes.subarray(8)).toString().trimEnd()).toBe(
      '{"n":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"2":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},' +
        '"1":{"dtype":"F32","shape":[1],"data_offsets":[12,16]},"b":{"dtype":"BOOL","shape":[1],"data_offsets":[16,17]}}',
    );
  });

  it('writes a file without tensors', async () => {
    expect((await openBytes(concat(...safetensorsChunks(new Map())))).tensors.size).toBe(0);
  });

  it('refuses the name of the metadata', async () => {
    expect(await messageIn(() => safetensorsChunks(new Map([['__metadata__', float32([1], [1])]])))).toMatch(
      /__metadata__/,
    );
  });
});
