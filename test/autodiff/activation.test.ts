// Gradients of functions of one value against central differences, away from kinks; by hand at them.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { float, string } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import type { Attribute } from '../../src/graph/graph.ts';
import { float32 } from '../../src/graph/tensor.ts';
import { checkGradients } from './check.ts';
import { evaluate } from './reference/evaluate.ts';

const both: [number, number][] = [
  [-2, -0.1],
  [0.1, 2],
];
type Case = readonly [op: string, ranges: readonly [number, number][], attributes?: Record<string, Attribute>];
const cases: readonly Case[] = [
  ['Relu', both],
  ['LeakyRelu', both],
  ...[0.2, 1.5, -0.5].map((alpha): Case => ['LeakyRelu', both, { alpha: float(alpha) }]),
  ['Elu', both],
  ...[0.7, 1.3].map((alpha): Case => ['Elu', both, { alpha: float(alpha) }]),
  ['Selu', both],
  ['Selu', both, { alpha: float(1.5), gamma: float(0.8) }],
  ['Celu', both],
  ['Celu', both, { alpha: float(0.6) }],
  ['Gelu', [[-3, 3]]],
  ['Gelu', [[-3, 3]], { approximate: string('tanh') }],
  ['Sigmoid', [[-4, 4]]],
  ['Tanh', [[-2, 2]]],
  ['Softplus', [[-4, 4]]],
  ['Softsign', both],
  [
    'HardSigmoid',
    [
      [-4, -2.6],
      [-2.4, 2.4],
      [2.6, 4],
    ],
  ],
  [
    'HardSigmoid',
    [
      [-4, -2.1],
      [-1.9, 2.9],
      [3.1, 4],
    ],
    { alpha: float(0.2), beta: float(0.4) },
  ],
  [
    'HardSwish',
    [
      [-5, -3.1],
      [-2.9, 2.9],
      [3.1, 5],
    ],
  ],
  ['Mish', [[-4, 4]]],
  [
    'ThresholdedRelu',
    [
      [-1, 0.9],
      [1.1, 2],
    ],
  ],
  [
    'ThresholdedRelu',
    [
      [-1, -0.6],
      [-0.4, 2],
    ],
    { alpha: float(-0.5) },
  ],
  ['Erf', [[-2, 2]]],
  ['Exp', [[-2, 2]]],
  ['Log', [[0.5, 3]]],
  ['Sqrt', [[0.5, 3]]],
  [
    'Reciprocal',
    [
      [-3, -0.5],
      [0.5, 3],
    ],
  ],
  ['Abs', both],
  ['Sin', [[-3, 3]]],
  ['Cos', [[-3, 3]]],
  ['Tan', [[-1, 1]]],
  ['Asin', [[-0.8, 0.8]]],
  ['Acos', [[-0.8, 0.8]]],
  ['Atan', [[-3, 3]]],
  ['Sinh', [[-2, 2]]],
  ['Cosh', [[-2, 2]]],
];

/** The gradients of the sum of what is computed of some numbers. */
function slopes(values: readonly number[], build: (b: GraphBuilder, x: Value) => Value): number[] {
  const b = new GraphBuilder();
  const x = b.input('x', [values.length]);
  b.output(gradients(b, b.reduceSum(build(b, x), [0]), [x])[0], 'dx');
  return [...evaluate(b.build(), { x: float32([values.length], values) }).dx.data];
}

describe('gradients of functions', () => {
  const listed = cases.flatMap(([op, ranges, attributes = {}]) =>
    ranges.map((range) => {
      const text = Object.values(attributes).flatMap((attribute) => Object.values(attribute) as unknown[]);
      return { label: `${op}(${text.join(', ')}) in [${range.join(', ')}]`, op, range, attributes };
    }),
  );
  it.each(listed)('$label', ({ op, range, attributes }) => {
    checkGradients([{ shape: [2, 5], range }], (b, x) => b.op(op, [x], attributes));
    // Of something curved, so that the second order of piecewise linear functions is not zero.
    checkGradients([{ shape: [3], range }], (b, x) => b.op(op, [b.div(b.mul(x, x), x)], attributes), { seed: 2 });
  });
});

describe('Clip', () => {
  const bounds = [
    [-0.5, 0.5],
    [undefined, 0.5],
    [-0.5, undefined],
    [undefined, undefined],
  ];
  it.each(bounds)('from %s to %s', (low, high) => {
    const x = { shape: [6], values: [-0.9, -0.6, -0.4, 0.4, 0.6, 0.9] };
    checkGradients([x], (b, x) => b.clip(b.mul(x, b.abs(b.mul(x, 1.2))), low, high));
  });
  it('gradients of its bounds', () => {
    const x = { shape: [6], values: [-0.9, -0.6, -0.4, 0.4, 0.6, 0.9] };
    checkGradients([x, { shape: [], values: [-0.5] }, { shape: [], values: [0.5] }], (b, x, low, high) =>
      b.op('Clip', [x, b.mul(low, b.abs(low)), b.mul(high, high)]),
    );
  });
});

describe('at kinks, as in torch', () => {
  it('Relu and its kin take the left side at 0', () => {
    expect(slopes([-1, 0, 2], (b, x) => b.relu(x))).toEqual([0, 0, 1]);
    const leaky = (alpha: number) => slopes([-1, 0, 2], (b, x) => b.op('LeakyRelu', [x], { alpha: float(alpha) })[0]);
    expect(leaky(0.25)).toEqual([0.25, 0.25, 1]);
    expect(leaky(2)).toEqual([2, 2, 1]);
    expect(slopes([0, 1, 2], (b, x) => b.op('ThresholdedRelu', [x])[0])).toEqual([0, 0, 1]);
  });
  it('Abs has 0 at 0, Clip has 1 at its bounds, HardSigmoid 0', () => {
    expect(slopes([-1, 0, 2], (b, x) => b.abs(x))).toEqual([-1, 0, 1]);
    expect(slopes([-2, -1, 0, 1, 2], (b, x) => b.clip(x, -1, 1))).toEqual([0, 1, 1, 1, 0]);
    const hard = { alpha: float(0.25), beta: float(0.5) };
    expect(slopes([-2, 0, 2], (b, x) => b.op('HardSigmoid', [x], hard)[0])).toEqual([0, 0.25, 0]);
  });
  it.each(['Floor', 'Ceil', 'Round', 'Sign'])('%s has none anywhere', (op) => {
    expect(slopes([-1.3, 0.2, 2], (b, x) => b.add(b.op(op, [x])[0], x))).toEqual([1, 1, 1]);
  });
});
