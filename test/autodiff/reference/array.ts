// Float64 arrays, and the index arithmetic that the reference operators share.
// No operator of ONNX is here.

import { sizeOf, toFloat32 } from '../../../src/graph/tensor.ts';
import type { Tensor } from '../../../src/graph/tensor.ts';

/** Row-major and contiguous; booleans as 0 and 1, integers as numbers. */
export interface Array64 {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** An array of the shape, zero or with the given numbers. */
export function array64(shape: readonly number[], data?: Float64Array | readonly number[]): Array64 {
  const size = sizeOf(shape);
  const values = data instanceof Float64Array ? data : data ? Float64Array.from(data) : new Float64Array(size);
  if (values.length !== size) throw new Error(`${values.length} values do not fill the shape [${shape.join(', ')}]`);
  return { shape, data: values };
}

/** The values of a tensor of any element type. 64-bit integers beyond 2^53 are rounded. */
export function toArray64(tensor: Tensor): Array64 {
  const { dtype, shape, data } = tensor;
  if (dtype === 'float16' || dtype === 'bfloat16') return array64(shape, Float64Array.from(toFloat32(tensor)));
  return array64(shape, Float64Array.from(data as ArrayLike<number | bigint>, Number));
}

export function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** An axis that may be counted from the end. */
export function axisOf(axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) throw new Error(`the axis ${axis} does not exist in rank ${rank}`);
  return axis < 0 ? axis + rank : axis;
}

/** An index that may be counted from the end. */
export function indexOf(index: number, size: number): number {
  if (!(index >= -size && index < size)) throw new Error(`the index ${index} does not exist among ${size}`);
  return index < 0 ? index + size : index;
}

/** For every index of the shape, in row-major order, the sum of index times stride over the axes. */
export function offsetsOf(shape: readonly number[], strides: readonly number[]): Int32Array {
  let offsets = new Int32Array([0]);
  shape.forEach((size, axis) => {
    const next = new Int32Array(offsets.length * size);
    for (let i = 0; i < offsets.length; i++) {
      for (let j = 0; j < size; j++) next[i * size + j] = offsets[i] + j * strides[axis];
    }
    offsets = next;
  });
  return offsets;
}

/** The shape that all broadcast to by NumPy's rules. */
export function broadcastShapes(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    const size = sizes.find((s) => s !== 1) ?? 1;
    if (sizes.some((s) => s !== 1 && s !== size)) {
      throw new Error(`the shapes [${shapes.map((s) => s.join(', ')).join('] and [')}] do not fit together`);
    }
    return size;
  });
}

/** For every element of `shape` the offset of the element of `x` that is broadcast to it. */
export function broadcastOffsets(x: Array64, shape: readonly number[]): Int32Array {
  const lead = shape.length - x.shape.length;
  const strides = stridesOf(x.shape);
  return offsetsOf(
    shape,
    shape.map((_, axis) => (axis < lead || x.shape[axis - lead] === 1 ? 0 : strides[axis - lead])),
  );
}

/** `f` applied to the elements of arrays broadcast together. It gets the same list each time, filled anew. */
export function mapBroadcast(arrays: readonly Array64[], f: (values: readonly number[]) => number): Array64 {
  const shape = broadcastShapes(arrays.map((x) => x.shape));
  const offsets = arrays.map((x) => broadcastOffsets(x, shape));
  const out = array64(shape);
  const values = arrays.map(() => 0);
  for (let i = 0; i < out.data.length; i++) {
    for (let k = 0; k < arrays.length; k++) values[k] = arrays[k].data[offsets[k][i]];
    out.data[i] = f(values);
  }
  return out;
}

/**
 * Offsets to walk an array by two groups of axes: that of element (outer i, inner j) is `outer[i] + inner[j]`, where inner
 * runs over the given axes and outer over the others.
 */
export function splitAxes(
  shape: readonly number[],
  axes: readonly number[],
): { outer: Int32Array; inner: Int32Array; others: number[] } {
  const strides = stridesOf(shape);
  const others = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const walk = (list: readonly number[]) =>
    offsetsOf(
      list.map((axis) => shape[axis]),
      list.map((axis) => strides[axis]),
    );
  return { outer: walk(others), inner: walk(axes), others };
}

/**
 * The elements at the given positions along each axis: out[i, j, ...] = x[positions[0][i], positions[1][j], ...].
 * Where a position is -1 the element is `fill`.
 */
export function pick(x: Array64, positions: readonly (readonly number[])[], fill = 0): Array64 {
  const strides = stridesOf(x.shape);
  const shape = positions.map((list) => list.length);
  let offsets = new Int32Array([0]);
  positions.forEach((list, axis) => {
    const next = new Int32Array(offsets.length * list.length);
    for (let i = 0; i < offsets.length; i++) {
      list.forEach((position, j) => {
        next[i * list.length + j] = offsets[i] < 0 || position < 0 ? -1 : offsets[i] + position * strides[axis];
      });
    }
    offsets = next;
  });
  return array64(
    shape,
    Float64Array.from(offsets, (offset) => (offset < 0 ? fill : x.data[offset])),
  );
}

/** start, start + step, ...: `count` numbers. */
export const sequence = (count: number, start = 0, step = 1): number[] =>
  Array.from({ length: count }, (_, i) => start + i * step);

export const reshape = (x: Array64, shape: readonly number[]): Array64 => array64(shape, x.data);

export function transpose(x: Array64, perm: readonly number[]): Array64 {
  const strides = stridesOf(x.shape);
  const shape = perm.map((axis) => x.shape[axis]);
  const offsets = offsetsOf(
    shape,
    perm.map((axis) => strides[axis]),
  );
  return array64(
    shape,
    Float64Array.from(offsets, (offset) => x.data[offset]),
  );
}
