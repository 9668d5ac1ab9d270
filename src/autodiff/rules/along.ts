// Linear maps of some axes that several gradient rules share: placing a slice among zeros, cutting and padding borders,
// multiplying along an axis. They are ordinary operators on a builder, each with a gradient rule of its own.

import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { transposed } from '../../graph/resample.ts';
import { fromNumbers, sizeOf } from '../../graph/tensor.ts';
import { reshapeTo } from '../values.ts';

/** Positions start, start + step, ... along an axis of so many elements. */
export interface Place {
  readonly axis: number;
  readonly start: number;
  /** Any whole number but 0. */
  readonly step: number;
  readonly size: number;
}

/** The adjoint of slicing: zeros, but the elements of `value` at the given places. */
export function placed(b: GraphBuilder, value: Value, places: readonly Place[]): Value {
  const length = (axis: number) => value.shape[axis];
  const backwards = places.filter(({ axis, step }) => step < 0 && length(axis) > 1);
  const forwards = places.map((place) => {
    const { axis, start, step } = place;
    if (length(axis) === 1) return { ...place, step: 1 };
    return step > 0 ? place : { ...place, start: start + step * (length(axis) - 1), step: -step };
  });
  const spread = withGaps(b, flipped(b, value, backwards), forwards);
  const before = value.shape.map(() => 0);
  const after = value.shape.map(() => 0);
  for (const { axis, start, size } of forwards) {
    before[axis] = start;
    after[axis] = size - start - spread.shape[axis];
  }
  return bordered(b, spread, [...before, ...after]);
}

/** Zero padding before and after every axis; negative numbers cut off. */
export function bordered(b: GraphBuilder, value: Value, pads: readonly number[]): Value {
  if (pads.every((pad) => pad === 0)) return value;
  if (pads.some((pad) => pad > 0)) return b.pad(value, pads);
  // A slice is read faster than a padding that only crops.
  const rank = value.shape.length;
  const axes = [...value.shape.keys()].filter((axis) => pads[axis] !== 0 || pads[axis + rank] !== 0);
  const starts = axes.map((axis) => -pads[axis]);
  const ends = axes.map((axis) => value.shape[axis] + pads[axis + rank]);
  return b.slice(value, { axes, starts, ends });
}

/**
 * `x` multiplied along an axis: y[.., o, ..] = sum over i of matrix[o, i] x[.., i, ..].
 * @param matrix `[to, from]`, row-major, where `from` is the size of the axis.
 */
export function timesAlong(b: GraphBuilder, x: Value, axis: number, matrix: Float64Array): Value {
  const from = x.shape[axis];
  const to = matrix.length / from;
  const shape = x.shape.with(axis, to);
  const constant = (sizes: readonly number[], data: Float64Array) =>
    b.constant(fromNumbers(x.dtype, sizes, Array.from(data)));
  const inner = sizeOf(x.shape.slice(axis + 1));
  const outer = sizeOf(x.shape.slice(0, axis));
  if (inner === 1) {
    // One product over all rows; the other form would run one of a single column for each.
    const right = constant([from, to], transposed(matrix, to, from));
    return reshapeTo(b, b.matmul(reshapeTo(b, x, [outer, from]), right), shape);
  }
  return reshapeTo(b, b.matmul(constant([to, from], matrix), reshapeTo(b, x, [outer, from, inner])), shape);
}

/** The matrix `[from.length, size]` that takes element `from[o]` of an axis to position `o`, transposed: its adjoint. */
export function selectionAdjoint(from: readonly number[], size: number): Float64Array {
  const matrix = new Float64Array(size * from.length);
  from.forEach((i, o) => (matrix[i * from.length + o] = 1));
  return matrix;
}

function flipped(b: GraphBuilder, value: Value, places: readonly Place[]): Value {
  if (places.length === 0) return value;
  const axes = places.map(({ axis }) => axis);
  return b.slice(value, {
    axes,
    starts: axes.map(() => -1),
    ends: axes.map((axis) => -value.shape[axis] - 1),
    steps: axes.map(() => -1),
  });
}

/** Each element followed by step - 1 zeros: an axis of its own, padded, and joined again. */
function withGaps(b: GraphBuilder, value: Value, places: readonly Place[]): Value {
  const steps = value.shape.map((_, axis) => places.find((place) => place.axis === axis)?.step ?? 1);
  if (steps.every((step) => step === 1)) return value;
  const split = value.shape.flatMap((size, axis) => (steps[axis] > 1 ? [size, 1] : [size]));
  const gaps = value.shape.flatMap((_, axis) => (steps[axis] > 1 ? [0, steps[axis] - 1] : [0]));
  const spread = b.pad(b.reshape(value, split), [...gaps.map(() => 0), ...gaps]);
  return b.reshape(
    spread,
    value.shape.map((size, axis) => size * steps[axis]),
  );
}
