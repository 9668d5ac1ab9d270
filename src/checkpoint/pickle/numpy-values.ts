// NumPy scalars and arrays in pickles, as numbers.
// It knows numbers and booleans only: texts, dates, records and objects are left to the caller.

import { hasKind, type CheckpointTree, type TreeObject } from '../tree.ts';

/** Larger arrays are data, not settings, and may be left in the file. */
const maxElements = 4096;

type Reader = (view: DataView, at: number, little: boolean) => number | boolean;

/** By kind and bytes, as `dtype.str` has them. 64-bit integers beyond 2^53 lose digits. */
const readers: Readonly<Record<string, Reader>> = {
  b1: (v, at) => v.getUint8(at) !== 0,
  i1: (v, at) => v.getInt8(at),
  i2: (v, at, little) => v.getInt16(at, little),
  i4: (v, at, little) => v.getInt32(at, little),
  i8: (v, at, little) => Number(v.getBigInt64(at, little)),
  u1: (v, at) => v.getUint8(at),
  u2: (v, at, little) => v.getUint16(at, little),
  u4: (v, at, little) => v.getUint32(at, little),
  u8: (v, at, little) => Number(v.getBigUint64(at, little)),
  f4: (v, at, little) => v.getFloat32(at, little),
  f8: (v, at, little) => v.getFloat64(at, little),
};

const listOf = (value: CheckpointTree | undefined): CheckpointTree[] => (Array.isArray(value) ? value : []);
const isGlobal = (value: CheckpointTree, pattern: RegExp): boolean =>
  hasKind(value, 'global') && pattern.test(`${value.module}.${value.name}`);

/**
 * The value of a recorded NumPy call: a number or boolean for a scalar, a flat list in C order for an array of any
 * shape of up to 4,096 elements. Undefined for anything else, arrays in Fortran order of several dimensions included.
 * Known calls: `scalar` and `_reconstruct` of multiarray, `_frombuffer` (pickle protocol 5) and dill's `_create_array`.
 */
export function numpyValue({ callable, args, state }: TreeObject): number | boolean | (number | boolean)[] | undefined {
  const given = listOf(args);
  if (isGlobal(callable, /^numpy\._?core\.multiarray\.scalar$/)) return decode(given[0], [], given[1])?.[0];
  let parts: CheckpointTree[] = [];
  if (isGlobal(callable, /^numpy\._?core\.multiarray\._reconstruct$/)) parts = listOf(state);
  if (isGlobal(callable, /^dill\._dill\._create_array$/)) parts = listOf(given[2]);
  // (buffer, dtype, shape, order)
  if (isGlobal(callable, /^numpy\._?core\.numeric\._frombuffer$/)) {
    parts = [1, given[2], given[1], given[3] === 'F', given[0]];
  }
  const [version, shape, dtype, fortran, bytes] = parts;
  if (version !== 1 || !Array.isArray(shape) || (fortran !== false && shape.length > 1)) return undefined;
  const values = decode(dtype, shape, bytes);
  return shape.length === 0 ? values?.[0] : values;
}

function decode(
  dtype: CheckpointTree | undefined,
  shape: readonly CheckpointTree[],
  bytes: CheckpointTree | undefined,
): (number | boolean)[] | undefined {
  if (!hasKind(dtype, 'object') || !(bytes instanceof Uint8Array)) return undefined;
  const { callable, args, state } = dtype;
  const type = listOf(args)[0];
  if (!isGlobal(callable, /^numpy\.dtype$/) || typeof type !== 'string' || !Object.hasOwn(readers, type)) {
    return undefined;
  }
  const sizes = shape.map((d) => (typeof d === 'number' && d >= 0 ? d : NaN));
  const count = sizes.reduce((product, d) => product * d, 1);
  const width = Number(type[1]);
  if (!(count <= maxElements) || bytes.length !== count * width) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = listOf(state)[1] !== '>';
  return Array.from({ length: count }, (_, i) => readers[type](view, i * width, little));
}
