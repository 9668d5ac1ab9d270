// Gradients of normalisations against central differences.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { float, int } from '../../src/graph/attributes.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { float32 } from '../../src/graph/tensor.ts';
import { checkGradients, type Operand } from './check.ts';
import { evaluate } from './reference/evaluate.ts';

const positive: [number, number] = [0.5, 1.5];

describe('gradients of LayerNormalization', () => {
  const cases = [
    { shape: [3, 5], axis: -1 },
    { shape: [2, 3, 4], axis: -1 },
    { shape: [2, 3, 4], axis: 1 },
    { shape: [3, 4], axis: 0 },
  ];
  it.each(cases)('$shape from axis $axis', ({ shape, axis }) => {
    const own = shape.slice(axis);
    const attributes = { axis: int(axis), epsilon: float(1e-3) };
    const operands = [{ shape }, { shape: own, range: positive }, { shape: own }];
    checkGradients(operands, (b, ...x) => b.op('LayerNormalization', x, attributes));
    checkGradients(operands.slice(0, 2), (b, ...x) => b.op('LayerNormalization', x, attributes));
  });
  it('with its mean and inverse standard deviation in the loss', () => {
    const operands = [{ shape: [2, 4] }, { shape: [4], range: positive }, { shape: [4] }];
    const all = (b: GraphBuilder, ...x: Parameters<GraphBuilder['relu']>[0][]) =>
      b.op('LayerNormalization', x, { epsilon: float(1e-2) }, { outputs: 3 });
    checkGradients(operands, all);
    checkGradients(operands.slice(0, 1), (b, x) => all(b, x, b.constant(float32([4], [1, 2, 1, 2]))).slice(1));
    checkGradients(operands, (b, ...x) => all(b, ...x)[2]);
  });
});

describe('gradients of BatchNormalization', () => {
  const channels = (range: [number, number]): Operand => ({ shape: [3], range });
  const operands = [channels(positive), channels([-1, 1]), channels([-1, 1]), channels(positive)];
  it.each([[[4, 3]], [[2, 3, 4]], [[2, 3, 2, 2]]])('inference of [%s]', (shape) => {
    checkGradients([{ shape }, ...operands], (b, x, scale, bias, mean, variance) =>
      b.batchNormalization(x, scale, bias, mean, variance, 1e-2),
    );
  });
  it('inference with constant statistics is one product', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [2, 3, 4, 4]);
    const vector = (...values: number[]) => b.constant(float32([3], values));
    const y = b.batchNormalization(x, vector(1, 2, 3), vector(0, 1, 2), vector(0.5, 1, 2), vector(1, 2, 4));
    b.output(gradients(b, b.reduceSum(y, [0, 1, 2, 3]), [x])[0], 'dx');
    const graph = b.build();
    const big = graph.nodes.filter((node) => graph.values.get(node.outputs[0])?.shape?.join() === '2,3,4,4');
    expect(big.map((node) => node.op).filter((op) => op !== 'Expand' && op !== 'Identity')).toEqual(['Mul']);
    const { dx } = evaluate(graph, { x: float32([2, 3, 4, 4], Array<number>(96).fill(1)) });
    [1, 2 / Math.sqrt(2), 3 / 2].forEach((k, c) => expect(dx.data[c * 16]).toBeCloseTo(k, 4));
  });
  it.each([[[4, 3]], [[2, 3, 4]], [[2, 3, 2, 2]]])('training of [%s]', (shape) => {
    const fixed = operands.slice(2).map((operand) => ({ ...operand, fixed: true }));
    checkGradients([{ shape }, ...operands.slice(0, 2), ...fixed], (b, ...x) =>
      b.op('BatchNormalization', x, { training_mode: int(1), epsilon: float(1e-2) }, { outputs: 3 }).slice(0, 1),
    );
  });
});

describe('gradients of InstanceNormalization and GroupNormalization', () => {
  const groups = (size: number) => [{ shape: [size], range: positive }, { shape: [size] }];
  it.each([[[2, 3, 4]], [[2, 2, 3, 2]]])('InstanceNormalization of [%s]', (shape) => {
    const attributes = { epsilon: float(1e-2) };
    checkGradients([{ shape }, ...groups(shape[1])], (b, ...x) => b.op('InstanceNormalization', x, attributes));
  });
  it.each([
    { shape: [2, 4, 3], count: 2 },
    { shape: [2, 6, 2, 2], count: 3 },
    { shape: [1, 4, 2], count: 1 },
    { shape: [2, 2, 4], count: 2 },
  ])('GroupNormalization of $shape in $count groups', ({ shape, count }) => {
    const attributes = { num_groups: int(count), epsilon: float(1e-2) };
    checkGradients([{ shape }, ...groups(count)], (b, ...x) => b.op('GroupNormalization', x, attributes));
  });
  it('GroupNormalization with a scale for each channel, as from operator set 21 on', () => {
    // Equal scales within the groups: the same as operator set 20 computes with one for each group.
    const found = [20, 21].map((opset) => {
      const b = new GraphBuilder({ opset });
      const x = b.input('x', [1, 4, 3]);
      const spread = (values: number[]) => (opset === 20 ? values : values.flatMap((value) => [value, value]));
      const [scale, bias] = [
        [2, 3],
        [0.5, -1],
      ]
        .map(spread)
        .map((v) => b.constant(float32([v.length], v)));
      const [y] = b.op('GroupNormalization', [x, scale, bias], { num_groups: int(2) });
      const [dx, dscale] = gradients(b, b.reduceSum(b.mul(y, b.mul(y, x)), [0, 1, 2]), [x, scale]);
      b.output(dx, 'dx');
      b.output(b.reduceSum(b.reshape(dscale, [2, -1]), [1]), 'dscale');
      const values = Array.from({ length: 12 }, (_, i) => Math.sin(i * i));
      return evaluate(b.build(), { x: float32([1, 4, 3], values) });
    });
    for (const name of ['dx', 'dscale']) {
      found[1][name].data.forEach((value, i) => expect(value).toBeCloseTo(found[0][name].data[i], 9));
    }
  });
});

describe('gradients of LpNormalization', () => {
  it.each([
    { shape: [2, 4], axis: -1 },
    { shape: [2, 3, 2], axis: 1 },
    { shape: [3], axis: 0 },
  ])('$shape along $axis', ({ shape, axis }) => {
    checkGradients([{ shape, range: positive }], (b, x) => b.op('LpNormalization', [x], { axis: int(axis) }));
  });
  it('is 0 at 0, and refuses other norms', () => {
    const of = (p: number) => {
      const b = new GraphBuilder();
      const x = b.input('x', [2, 2]);
      const [y] = b.op('LpNormalization', [x], { p: int(p) }, { name: 'norm' });
      b.output(gradients(b, b.reduceSum(y, [0, 1]), [x])[0], 'dx');
      return [...evaluate(b.build(), { x: float32([2, 2], [0, 0, 3, 4]) }).dx.data];
    };
    const found = of(2);
    expect(found.slice(0, 2)).toEqual([0, 0]);
    // (1 - 1.4 * 0.6) / 5 and (1 - 1.4 * 0.8) / 5.
    expect(found[2]).toBeCloseTo(0.032, 12);
    expect(found[3]).toBeCloseTo(-0.024, 12);
    expect(() => of(1)).toThrow(/"norm" \(LpNormalization\) cannot be differentiated: only the norm with p = 2/);
  });
});
