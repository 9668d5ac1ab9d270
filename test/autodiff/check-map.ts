// What the tests of linear operators share: their gradients by checkGradients, and on the engine that runs them.
// A linear operator's gradient is constant in its input, so that its output is squared for the second order to show.

import { expect } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { float32, fromNumbers, sizeOf } from '../../src/graph/tensor.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { checkGradients, uniform, type Operand } from './check.ts';
import { evaluate } from './reference/evaluate.ts';
import { runOnce } from '../../src/runtime/run-once.ts';

type Build = (b: GraphBuilder, ...x: Value[]) => Value | readonly Value[];

/**
 * Expects the gradients of `build` to be those that central differences give, and ONNX Runtime to compute them, of first
 * and second order, as the reference in float64 does (relative to the largest element, within 1e-5).
 */
export async function checkMap(operands: readonly Operand[], build: Build): Promise<void> {
  const squared: Build = (b, ...x) => [build(b, ...x)].flat().map((y) => b.mul(y, y));
  checkGradients(operands, squared);

  const random = uniform(7);
  const b = new GraphBuilder();
  const data = operands.map(({ shape, values }) => values ?? Array.from({ length: sizeOf(shape) }, random));
  const x = operands.map(({ shape, fixed, dtype = 'float32' }, i) =>
    fixed ? b.constant(fromNumbers(dtype, shape, data[i])) : b.input(`x${i}`, shape),
  );
  const wrt = x.filter((_, i) => !operands[i].fixed);
  const sum = (values: readonly Value[]) =>
    values
      .map((value) => b.reduceSum(b.mul(value, value), [...value.shape.keys()]))
      .reduce((total, value) => b.add(total, value));
  const first = gradients(b, sum([squared(b, ...x)].flat()), wrt);
  const second = gradients(b, sum(first), wrt);
  [...first, ...second].forEach((value, i) => b.output(value, `gradient ${i}`));
  const graph = b.build();
  const feeds = Object.fromEntries(
    operands.flatMap(({ shape, fixed }, i) => (fixed ? [] : [[`x${i}`, float32(shape, data[i])]])),
  );
  const expected = evaluate(graph, feeds);
  const tensors = await runOnce(nodeEngine(), graph, feeds);
  for (const [name, { shape, data: numbers }] of Object.entries(expected)) {
    expect(tensors[name].shape).toEqual(shape);
    const largest = numbers.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
    numbers.forEach((value, i) => {
      expect(Math.abs(Number(tensors[name].data[i]) - value) / largest, name).toBeLessThan(1e-5);
    });
  }
}
