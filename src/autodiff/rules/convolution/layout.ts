// How values are laid out for the products of a convolution's gradients: axes in another order, unused pixels cut off.
// Nothing is computed here.

import type { GraphBuilder, Value } from '../../../graph/builder.ts';
import { reshapeTo } from '../../values.ts';
import type { Window } from './window.ts';

/**
 * `x` in the shape `shape`, with its axes in the order `perm`. Axes of size one take no part in the transposition: with
 * them ONNX Runtime is several times slower.
 */
export function permuted(b: GraphBuilder, x: Value, shape: readonly number[], perm: readonly number[]): Value {
  const moved = perm.filter((axis) => shape[axis] !== 1);
  const result = perm.map((axis) => shape[axis]);
  const inOrder = [...moved].sort((first, second) => first - second);
  if (moved.every((axis, i) => axis === inOrder[i])) return reshapeTo(b, x, result);
  const dense = reshapeTo(
    b,
    x,
    inOrder.map((axis) => shape[axis]),
  );
  const order = moved.map((axis) => inOrder.indexOf(axis));
  return reshapeTo(b, b.transpose(dense, order), result);
}

/** `x` without the pixels at the ends that no window reaches, and the padding with which the windows fit exactly. */
export function reached(b: GraphBuilder, x: Value, { begin, end, pixels }: Window): { value: Value; pads: number[] } {
  const pads = [...begin, ...end.map((pad) => Math.max(0, pad))];
  const cut = [...end.keys()].filter((axis) => end[axis] < 0);
  if (cut.length === 0) return { value: x, pads };
  const value = b.slice(x, {
    axes: cut.map((axis) => axis + 2),
    starts: cut.map(() => 0),
    ends: cut.map((axis) => pixels[axis] + end[axis]),
  });
  return { value, pads };
}
