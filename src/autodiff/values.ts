// Small pieces that many gradient rules are made of: sums that undo broadcasting, zeros, copies to a shape.
// They are ordinary operators on a builder.

import type { GraphBuilder, Value } from '../graph/builder.ts';

const same = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((d, i) => d === b[i]);

/** The adjoint of broadcasting: `value` summed over the axes along which a tensor of `shape` was repeated. */
export function sumTo(b: GraphBuilder, value: Value, shape: readonly number[]): Value {
  if (same(value.shape, shape)) return value;
  const lead = value.shape.length - shape.length;
  const axes = value.shape.flatMap((d, i) => (i < lead || (shape[i - lead] === 1 && d !== 1) ? [i] : []));
  const sum = axes.length > 0 ? b.reduceSum(value, axes, true) : value;
  return reshapeTo(b, sum, shape);
}

/** `value` repeated to a shape that it broadcasts to. */
export const expandTo = (b: GraphBuilder, value: Value, shape: readonly number[]): Value =>
  same(value.shape, shape) ? value : b.expand(value, shape);

/** `value` in another shape of as many elements. */
export const reshapeTo = (b: GraphBuilder, value: Value, shape: readonly number[]): Value =>
  same(value.shape, shape) ? value : b.reshape(value, shape);

/** Zeros of the shape and type of a value. */
export const zerosLike = (b: GraphBuilder, { dtype, shape }: Value): Value => expandTo(b, b.scalar(0, dtype), shape);

/** 1 where a condition holds and 0 elsewhere, of the type of a value. */
export const indicator = (b: GraphBuilder, condition: Value, { dtype }: Value): Value => b.cast(condition, dtype);
