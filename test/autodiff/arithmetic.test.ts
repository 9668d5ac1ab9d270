// Gradients of arithmetic against central differences, and by hand where operands are equal.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { int } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { float32, fromNumbers, int64, sizeOf } from '../../src/graph/tensor.ts';
import { checkGradients, type Operand } from './check.ts';
import { evaluate } from './reference/evaluate.ts';

const op =
  (name: string, attributes = {}) =>
  (b: GraphBuilder, ...x: Value[]) =>
    b.op(name, x, attributes);

const shapes: readonly (readonly number[])[][] = [
  [
    [2, 3],
    [2, 3],
  ],
  [
    [2, 3, 2],
    [3, 1],
  ],
  [
    [1, 3],
    [2, 1],
  ],
  [[], [2, 2]],
  [[2, 1, 3], [1]],
];
const named = shapes.map((pair) => [pair.map((shape) => `[${shape.join(', ')}]`).join(' and '), pair] as const);

const byHand = (inputs: Record<string, number[]>, loss: (b: GraphBuilder, ...x: Value[]) => Value) => {
  const b = new GraphBuilder();
  const x = Object.entries(inputs).map(([name, values]) => b.input(name, [values.length]));
  gradients(b, b.reduceSum(loss(b, ...x), [0]), x).forEach((value, i) => b.output(value, `d${i}`));
  const feeds = Object.entries(inputs).map(([name, values]) => [name, float32([values.length], values)] as const);
  return Object.values(evaluate(b.build(), Object.fromEntries(feeds))).map(({ data }) => [...data]);
};

describe.each(named)('gradients of %s', (_name, pair) => {
  const operands = (...ranges: [number, number][]): Operand[] =>
    pair.map((shape, i) => ({ shape, range: ranges[i] ?? ranges[0] }));
  it.each(['Add', 'Sub', 'Mul', 'Mean', 'Sum'])('%s', (name) => checkGradients(operands([-1, 1]), op(name)));
  it('Div', () => checkGradients(operands([-1, 1], [0.5, 2]), op('Div')));
  it('Pow', () => checkGradients(operands([0.5, 2], [-2, 2]), op('Pow')));
  it.each(['Min', 'Max'])('%s', (name) => {
    // The second operand is far from the first, above or below.
    const far = {
      shape: pair[1],
      values: Array.from({ length: sizeOf(pair[1]) }, (_, i) => 3 - 6 * (i % 2)),
    };
    checkGradients([{ shape: pair[0] }, far], (b, x, y) => b.op(name, [b.mul(x, x), b.mul(y, x)]));
  });
});

describe('operators of many operands', () => {
  const three = [{ shape: [2, 3] }, { shape: [3], range: [1.5, 2] }, { shape: [2, 1], range: [-4, -3] }] as const;
  it.each(['Sum', 'Mean', 'Max', 'Min'])('%s of three', (name) => {
    checkGradients(three, (b, x, y, z) => b.op(name, [x, b.mul(y, x), b.mul(z, x)]));
  });
  it.each(['Sum', 'Mean', 'Max', 'Min'])('%s of one', (name) => checkGradients([{ shape: [4] }], op(name)));
  it.each(['Max', 'Min'])('%s gives to the first of equal operands', (name) => {
    const low = name === 'Max' ? -5 : 5;
    const all = { a: [1, low, low, 0], c: [1, 2, low, 0], e: [1, 2, 3, low] };
    const found = byHand(all, (b, ...x) => b.op(name, x)[0]);
    expect(found).toEqual([
      [1, 0, 0, 1],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
    ]);
  });
});

describe('powers', () => {
  it.each([2, 0.5, 3, -1, 1, 0, 1.7])('to the constant %d', (exponent) => {
    checkGradients([{ shape: [2, 3], range: [0.5, 2] }], (b, x) => b.pow(x, exponent));
  });
  it('of negative numbers to whole ones', () => {
    checkGradients([{ shape: [5] }], (b, x) => b.pow(x, 3));
    checkGradients([{ shape: [5] }], (b, x) => b.pow(x, 2));
  });
  it('to constants of each column, also of another type', () => {
    const exponents = { shape: [3], values: [2, 3, 0], fixed: true } as const;
    for (const dtype of ['float32', 'int32'] as const) {
      checkGradients([{ shape: [2, 3] }, { ...exponents, dtype }], op('Pow'));
    }
  });
  it('of zero', () => {
    const [dx, de] = byHand({ x: [0, 0, 0, 2], e: [0, 1, 2, 3] }, (b, x, e) => b.pow(x, e));
    expect(dx).toEqual([0, 1, 0, 12]);
    expect(de.slice(0, 3)).toEqual([0, 0, 0]);
    expect(de[3]).toBeCloseTo(8 * Math.log(2), 12);
  });
});

describe('others', () => {
  it.each([[[2, 3]], [[3]], [[2, 1]], [[]], [[4, 1, 3]]])('Where, by conditions of [%s]', (shape) => {
    const values = Array.from({ length: sizeOf(shape) }, (_, i) => (i * 5 + 1) % 2);
    const condition = { shape, values, fixed: true, dtype: 'bool' } as const;
    checkGradients([condition, { shape: [2, 3] }, { shape: [2, 1] }], (b, c, x, y) =>
      b.where(c, b.mul(x, x), b.mul(y, y)),
    );
  });
  it.each([[[3]], [[1, 3]], [[2, 1]], [[1]]])('PRelu with slopes of [%s]', (slopes) => {
    const x = { shape: [2, 3], values: [-0.7, 0.6, 0.4, 0.9, -0.3, -0.5] };
    checkGradients([x, { shape: slopes, range: [0.1, 0.5] }], op('PRelu'));
  });
  it.each(['Neg', 'Identity'])('%s', (name) => {
    checkGradients([{ shape: [2, 3] }], (b, x) => b.op(name, [b.mul(x, x)]));
  });
  it('Cast to another float and back', () => {
    checkGradients([{ shape: [4] }], (b, x) => {
      const double = b.cast(x, 'float64');
      return b.cast(b.mul(double, double), 'float32');
    });
  });
  it.each([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ])('CumSum, exclusive %d, reverse %d', (exclusive, reverse) => {
    checkGradients([{ shape: [2, 4] }], (b, x) =>
      b.op('CumSum', [b.mul(x, x), b.constant(int64([1], []))], { exclusive: int(exclusive), reverse: int(reverse) }),
    );
  });
  it('Dropout passes the gradient on', () => {
    const [dx] = byHand({ x: [1, 2, 3] }, (b, x) =>
      b.mul(b.op('Dropout', [x])[0], b.constant(float32([3], [4, 5, 6]))),
    );
    expect(dx).toEqual([4, 5, 6]);
  });
  it('Dropout in training has none', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [3]);
    const [y] = b.op('Dropout', [x, undefined, b.constant(fromNumbers('bool', [], [1]))], {}, { name: 'drop' });
    expect(() => gradients(b, b.reduceSum(y, [0]), [x])).toThrow(/"drop" \(Dropout\).*training mode/);
  });
});
