// What the tests of gradient rules share: gradients of first and second order against central differences in float64.
// Both the gradient graph and the differences are computed by the reference evaluator, so no rounding of float32 is in the way.

import { expect } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { fromNumbers, sizeOf, type DType } from '../../src/graph/tensor.ts';
import { evaluate, type Array64 } from './reference/evaluate.ts';

/** Numbers in (0, 1) that a seed determines. */
export function uniform(seed: number): () => number {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
}

/** An operand of a rule under test. */
export interface Operand {
  readonly shape: readonly number[];
  /** Range of its random values, [-1, 1] by default. Keep away from kinks and poles. */
  readonly range?: readonly [number, number];
  /** Its values, instead of random ones. */
  readonly values?: readonly number[];
  /** An operand that no gradient is asked of: a constant of the graph. */
  readonly fixed?: boolean;
  /** Type of a fixed operand, float32 by default. */
  readonly dtype?: DType;
}

export interface CheckOptions {
  readonly seed?: number;
  /** Check the second order too; true by default. */
  readonly second?: boolean;
  /** Largest difference to a central difference, relative to the largest gradient; 1e-6 by default. */
  readonly tolerance?: number;
}

const step = 1e-5;

/**
 * Expects the gradients that the rules give for `build` to be those that central differences give.
 * The loss is a random weighted sum of all elements of what `build` returns; that of the second order is one of all
 * elements of the first gradients and of their squares.
 */
export function checkGradients(
  operands: readonly Operand[],
  build: (b: GraphBuilder, ...x: Value[]) => Value | readonly Value[],
  { seed = 1, second = true, tolerance = 1e-6 }: CheckOptions = {},
): void {
  const random = uniform(seed);
  const draw = ({ shape, range: [from, to] = [-1, 1], values }: Operand) =>
    values ?? Array.from({ length: sizeOf(shape) }, () => from + (to - from) * random());
  const data = operands.map(draw);
  const free = operands.flatMap(({ fixed }, i) => (fixed ? [] : [i]));
  const name = (i: number) => `x${i}`;
  const b = new GraphBuilder();
  const x = operands.map(({ shape, fixed, dtype = 'float32' }, i) =>
    fixed ? b.constant(fromNumbers(dtype, shape, data[i])) : b.input(name(i), shape),
  );
  const weighted = (values: readonly Value[]): Value =>
    values
      .map((value) => {
        const weights = draw({ shape: value.shape, range: [0.25, 1] });
        return total(b, b.mul(value, b.constant(fromNumbers('float32', value.shape, weights))));
      })
      .reduce((sum, value) => b.add(sum, value));
  const wrt = free.map((i) => x[i]);
  const losses = [weighted([build(b, ...x)].flat())];
  const orders = [gradients(b, losses[0], wrt)];
  if (second) {
    losses.push(weighted(orders[0].flatMap((g) => [g, b.mul(g, g)])));
    orders.push(gradients(b, losses[1], wrt));
  }
  losses.forEach((loss, order) => {
    b.output(loss, `loss ${order}`);
    orders[order].forEach((value, k) => b.output(value, `order ${order} by ${k}`));
  });
  const graph = b.build();

  const feeds = (operand?: number, element = 0, by = 0): Record<string, Array64> =>
    Object.fromEntries(
      free.map((i) => {
        const values = Float64Array.from(data[i]);
        if (i === operand) values[element] += by;
        return [name(i), { shape: operands[i].shape, data: values }];
      }),
    );
  const base = evaluate(graph, feeds());
  for (const order of losses.keys()) {
    const lossAt = (...move: [number, number, number]) => evaluate(graph, feeds(...move))[`loss ${order}`].data[0];
    const found = free.map((_, k) => base[`order ${order} by ${k}`]);
    const scale = Math.max(1e-3, ...found.flatMap(({ data }) => Array.from(data, Math.abs)));
    free.forEach((operand, k) => {
      expect(found[k].shape).toEqual(operands[operand].shape);
      for (const element of chosen(found[k].data.length, random)) {
        const difference = (lossAt(operand, element, step) - lossAt(operand, element, -step)) / (2 * step);
        const error = Math.abs(found[k].data[element] - difference) / scale;
        expect(error, `order ${order}, operand ${operand}, element ${element}`).toBeLessThan(tolerance);
      }
    });
  }
}

/** Sum of all elements, shape []. */
const total = (b: GraphBuilder, x: Value): Value => (x.shape.length === 0 ? x : b.reduceSum(x, [...x.shape.keys()]));

/** All positions of a short list, and some of a long one. */
function chosen(length: number, random: () => number): number[] {
  if (length <= 12) return [...Array(length).keys()];
  return Array.from({ length: 12 }, () => Math.floor(random() * length));
}
