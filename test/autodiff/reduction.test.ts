// Gradients of reductions against central differences, and by hand where elements are equal or zero.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { int } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { float32, int64 } from '../../src/graph/tensor.ts';
import { checkGradients } from './check.ts';
import { evaluate } from './reference/evaluate.ts';

const anywhere = ['Sum', 'Mean', 'SumSquare', 'LogSumExp', 'L2'];
const positive = ['LogSum', 'Prod', 'L1'];
const shape = [2, 3, 4];
/** Far enough from each other, in no order. */
const distinct = { shape, values: Array.from({ length: 24 }, (_, i) => ((i * 7) % 24) / 12 - 0.96) };

const variants = [
  { axes: [1], keepdims: 1, noop: 0 },
  { axes: [-1], keepdims: 0, noop: 0 },
  { axes: [0, 2], keepdims: 1, noop: 0 },
  { axes: [2, 0], keepdims: 0, noop: 0 },
  { axes: [0, 1, 2], keepdims: 0, noop: 0 },
  { axes: undefined, keepdims: 1, noop: 0 },
  { axes: undefined, keepdims: 0, noop: 0 },
  { axes: [], keepdims: 1, noop: 0 },
  { axes: undefined, keepdims: 1, noop: 1 },
  { axes: [], keepdims: 1, noop: 1 },
];
type Variant = (typeof variants)[number];

const reduce =
  (name: string, { axes, keepdims, noop }: Variant) =>
  (b: GraphBuilder, x: Value) =>
    b.op(`Reduce${name}`, [x, axes && b.constant(int64(axes))], {
      keepdims: int(keepdims),
      noop_with_empty_axes: int(noop),
    });

describe.each(variants)('gradients of reductions over $axes, keepdims $keepdims, noop $noop', (variant) => {
  it.each(anywhere)('%s', (name) => {
    // A norm of a single number has a kink at 0.
    const range: [number, number] = variant.noop && name === 'L2' ? [0.2, 1] : [-1, 1];
    checkGradients([{ shape, range }], reduce(name, variant));
  });
  it.each(positive)('%s', (name) => checkGradients([{ shape, range: [0.5, 1.5] }], reduce(name, variant)));
  it.each(['Max', 'Min'])('%s', (name) => {
    checkGradients([distinct], (b, x) => reduce(name, variant)(b, b.mul(x, b.add(x, 3))));
  });
});

/** The gradient of the sum of reductions over the last axis. */
function sumOf(name: string, rows: readonly (readonly number[])[]): number[] {
  const b = new GraphBuilder();
  const dims = [rows.length, rows[0].length];
  const x = b.input('x', dims);
  const [y] = b.op(`Reduce${name}`, [x, b.constant(int64([1]))]);
  b.output(gradients(b, b.reduceSum(y, [0, 1]), [x])[0], 'dx');
  return [...evaluate(b.build(), { x: float32(dims, rows.flat()) }).dx.data];
}

describe('reductions at special places', () => {
  it('equal extrema share', () => {
    const [third, rest] = [1 / 3, [0, 1, 0]];
    expect(
      sumOf('Max', [
        [2, 2, 2],
        [1, 5, 4],
      ]),
    ).toEqual([third, third, third, ...rest]);
    expect(
      sumOf('Min', [
        [3, 3, 9],
        [6, 5, 7],
      ]),
    ).toEqual([0.5, 0.5, 0, ...rest]);
  });
  it('norms have 0 where all is 0', () => {
    expect(
      sumOf('L2', [
        [0, 0],
        [5, 0],
      ]),
    ).toEqual([0, 0, 1, 0]);
    expect(
      sumOf('L1', [
        [0, -2],
        [3, 4],
      ]),
    ).toEqual([0, -1, 1, 1]);
  });
  it('negative elements of products and of absolute sums', () => {
    expect(sumOf('Prod', [[-1, 2, 3]])).toEqual([6, -3, -2]);
    checkGradients([{ shape: [2, 3], range: [-2, -0.5] }], (b, x) => b.op('ReduceL1', [x]));
  });
});
