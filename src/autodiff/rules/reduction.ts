// Gradients of reductions over axes: what each reduced element gives to those that it was made of.
// Those along which broadcasting sums are in arithmetic.ts.

import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { resolveAxis } from '../../graph/operators/call.ts';
import { sizeOf } from '../../graph/tensor.ts';
import { ruleOf } from '../rule.ts';
import type { GradientRule, GradientRules } from '../rule.ts';
import { expandTo, indicator, reshapeTo, sumTo } from '../values.ts';

interface Reduced {
  readonly x: Value;
  /** With the reduced axes, of size 1. */
  readonly y: Value;
  /** Elements that each one is made of. */
  readonly count: number;
}

/** @param partial the gradient, or what is repeated along the reduced axes to it; `dy` has the shape of `y`. */
const reducing = (partial: (b: GraphBuilder, dy: Value, at: Reduced) => Value): GradientRule =>
  ruleOf(1, (b, { call, x: [x], y: [y], wants }, [dy]) => {
    if (!wants(0)) return [];
    const { shape } = x;
    const given = call.integers(1, 'axes');
    const none = !given?.length && call.int('noop_with_empty_axes', 0) === 1;
    const axes = new Set(given?.map((axis) => resolveAxis(axis, shape.length)));
    const kept = shape.map((d, i) => (!none && (axes.size === 0 || axes.has(i)) ? 1 : d));
    const count = sizeOf(shape) / sizeOf(kept);
    const dx = partial(b, reshapeTo(b, dy, kept), { x, y: reshapeTo(b, y, kept), count });
    return [expandTo(b, dx, shape)];
  });

const extremum = reducing((b, dy, { x, y }) => {
  const chosen = indicator(b, b.equal(x, y), dy);
  return b.mul(chosen, b.div(dy, sumTo(b, chosen, y.shape)));
});

export const reduction: GradientRules = {
  /** dx = dy. */
  ReduceSum: reducing((_b, dy) => dy),
  /** dx = dy / n. */
  ReduceMean: reducing((b, dy, { count }) => b.div(dy, count)),
  /** dx = dy (x = y) / sum(x = y): equal ones share. */
  ReduceMax: extremum,
  /** dx = dy (x = y) / sum(x = y): equal ones share. */
  ReduceMin: extremum,
  /** dx = 2 dy x. */
  ReduceSumSquare: reducing((b, dy, { x }) => b.mul(x, b.mul(dy, 2))),
  /** dx = dy sign(x). */
  ReduceL1: reducing((b, dy, { x }) => b.mul(b.op('Sign', [x])[0], dy)),
  /** dx = dy x / y, and 0 where y = 0. */
  ReduceL2: reducing((b, dy, { x, y }) => b.mul(x, b.div(dy, b.where(b.equal(y, 0), 1, y)))),
  /** dx = dy exp(x - y). */
  ReduceLogSumExp: reducing((b, dy, { x, y }) => b.mul(b.exp(b.sub(x, y)), dy)),
  /** dx = dy exp(-y). */
  ReduceLogSum: reducing((b, dy, { y }) => b.mul(dy, b.exp(b.neg(y)))),
  /** dx = dy y / x; no number where x = 0. */
  ReduceProd: reducing((b, dy, { x, y }) => b.div(b.mul(dy, y), x)),
};
