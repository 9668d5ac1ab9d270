// Reductions over axes, and the positions of extrema, in float64.
// Axes come as an input, as from operator set 18 on.

import { array64, sequence, splitAxes } from './array.ts';
import type { Array64 } from './array.ts';
import type { Call, Rule } from './call.ts';

type Reducer = (values: readonly number[]) => number;

const sum: Reducer = (values) => values.reduce((total, value) => total + value, 0);
const largest: Reducer = (values) => values.reduce((best, value) => Math.max(best, value), -Infinity);

/** The values along the axes, reduced for each index of the other axes. */
function reduce(x: Array64, axes: readonly number[], keepdims: boolean, reducer: Reducer): Array64 {
  const { outer, inner, others } = splitAxes(x.shape, axes);
  const values = Float64Array.from(outer, (start) => reducer(Array.from(inner, (at) => x.data[start + at])));
  const shape = keepdims
    ? x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : others.map((axis) => x.shape[axis]);
  return array64(shape, values);
}

/** Without axes all are reduced, or none if `noop_with_empty_axes`; then each value is reduced by itself. */
const reducing =
  (reducer: Reducer): Rule =>
  (call) => {
    const x = call.input(0);
    const rank = x.shape.length;
    const given = call.axes(1, rank) ?? [];
    const none = call.int('noop_with_empty_axes', 0) === 1;
    const axes = given.length > 0 || none ? given : sequence(rank);
    return reduce(x, axes, call.int('keepdims', 1) === 1, reducer);
  };

/** The position of the best value: the first of equal ones, or the last if `select_last_index`. */
const extremum =
  (better: (a: number, b: number) => boolean): Rule =>
  (call: Call) => {
    const x = call.input(0);
    const axis = call.axis('axis', 0, x.shape.length);
    const last = call.int('select_last_index', 0) === 1;
    return reduce(x, [axis], call.int('keepdims', 1) === 1, (values) =>
      values.reduce((best, value, i) => {
        const replaces = better(value, values[best]) || (last && value === values[best]);
        return replaces ? i : best;
      }, 0),
    );
  };

export const reduction: Readonly<Record<string, Rule>> = {
  ReduceSum: reducing(sum),
  ReduceMean: reducing((values) => sum(values) / values.length),
  ReduceMax: reducing(largest),
  ReduceMin: reducing((values) => -largest(values.map((value) => -value))),
  ReduceProd: reducing((values) => values.reduce((product, value) => product * value, 1)),
  ReduceSumSquare: reducing((values) => sum(values.map((value) => value * value))),
  ReduceL1: reducing((values) => sum(values.map(Math.abs))),
  ReduceL2: reducing((values) => Math.sqrt(sum(values.map((value) => value * value)))),
  ReduceLogSum: reducing((values) => Math.log(sum(values))),
  ReduceLogSumExp: reducing((values) => {
    const top = largest(values);
    return top + Math.log(sum(values.map((value) => Math.exp(value - top))));
  }),
  ArgMax: extremum((a, b) => a > b),
  ArgMin: extremum((a, b) => a < b),
};
