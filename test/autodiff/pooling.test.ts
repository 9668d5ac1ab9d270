// Gradients of pooling: in float64 against central differences, in float32 against float64, and against PyTorch.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { int, ints, string } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import type { Attribute } from '../../src/graph/graph.ts';
import { float32, sizeOf } from '../../src/graph/tensor.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { golden, largestDifference } from '../golden.ts';
import { checkGradients, uniform } from './check.ts';
import { evaluate } from './reference/evaluate.ts';
import { runOnce } from '../../src/runtime/run-once.ts';

interface Case {
  readonly op: string;
  readonly size: readonly number[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

const shapeOf = ({ size }: Case) => [2, 3, ...size];
const build =
  ({ op, attributes }: Case) =>
  (b: GraphBuilder, x: Value): Value =>
    b.op(op, [x], attributes)[0];
const label = ({ op, size, attributes }: Case) => {
  const values = Object.entries(attributes).map(([key, value]) => [key, Object.values(value)[0] as unknown]);
  return `${op} of ${size.join('x')} ${JSON.stringify(Object.fromEntries(values))}`;
};

/** Values in no order, far enough from each other to keep it under small changes. */
function distinct(shape: readonly number[], seed: number): number[] {
  const random = uniform(seed);
  const values = Array.from({ length: sizeOf(shape) }, (_, i) => i / 50 - 1);
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [values[i], values[j]] = [values[j], values[i]];
  }
  return values;
}

const pool = (op: string, size: number[], kernel: number[], attributes: Record<string, Attribute> = {}): Case => ({
  op,
  size,
  attributes: { kernel_shape: ints(kernel), ...attributes },
});
const include = { count_include_pad: int(1) };
const ceil = { ceil_mode: int(1) };
const windows: Case[] = ['AveragePool', 'MaxPool'].flatMap((op) => [
  pool(op, [4, 6], [2, 2], { strides: ints([2, 2]) }),
  pool(op, [4, 6], [4, 6]),
  pool(op, [4, 6], [2, 3], { strides: ints([2, 3]) }),
  pool(op, [5, 6], [2, 2], { strides: ints([2, 2]) }),
  pool(op, [5, 4], [3, 3], { strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) }),
  pool(op, [5, 4], [3, 2], { pads: ints([1, 0, 1, 1]) }),
  pool(op, [5, 6], [1, 2], { strides: ints([3, 1]) }),
  pool(op, [6, 5], [2, 3], { dilations: ints([2, 2]), pads: ints([1, 1, 0, 1]) }),
  pool(op, [6, 5], [2, 2], { strides: ints([2, 2]), auto_pad: string('SAME_UPPER') }),
  pool(op, [6, 5], [2, 3], { strides: ints([1, 2]), auto_pad: string('SAME_LOWER') }),
  pool(op, [6, 5], [2, 3], { strides: ints([2, 1]), auto_pad: string('VALID') }),
  pool(op, [6, 5], [3, 2], { strides: ints([2, 2]), ...ceil }),
  pool(op, [6, 6], [3, 3], { strides: ints([2, 2]), pads: ints([1, 1, 1, 1]), ...ceil }),
  pool(op, [7], [3], { strides: ints([2]), pads: ints([1, 1]) }),
  pool(op, [6], [2], { strides: ints([2]) }),
]);
const included: Case[] = [
  pool('AveragePool', [5, 4], [3, 3], { strides: ints([2, 2]), pads: ints([1, 1, 1, 1]), ...include }),
  pool('AveragePool', [5, 4], [3, 2], { pads: ints([1, 0, 1, 1]), ...include }),
  pool('AveragePool', [6, 5], [3, 3], { strides: ints([2, 2]), pads: ints([1, 1, 1, 1]), ...include, ...ceil }),
];
const globals: Case[] = ['GlobalAveragePool', 'GlobalMaxPool'].flatMap((op) => [
  { op, size: [4, 3], attributes: {} },
  { op, size: [5], attributes: {} },
]);
const cases = [...windows, ...included, ...globals].map((c) => [label(c), c] as const);

describe('gradients of first and second order in float64', () => {
  it.each(cases)('%s', (_, c) => {
    const shape = shapeOf(c);
    // Squares, since what is linear has no second order.
    checkGradients([{ shape, values: distinct(shape, c.size[0]) }], (b, x) => {
      const y = build(c)(b, x);
      return b.mul(y, y);
    });
  });
});

describe('gradients in float32', () => {
  it.each(cases)('%s', async (_, c) => {
    const b = new GraphBuilder();
    const x = b.input('x', shapeOf(c));
    const y = build(c)(b, x);
    const sumOfSquares = (value: Value) => b.reduceSum(b.mul(value, value), [...value.shape.keys()]);
    const [first] = gradients(b, sumOfSquares(y), [x]);
    const [second] = gradients(b, sumOfSquares(first), [x]);
    b.output(y, 'y');
    b.output(first, 'first');
    b.output(second, 'second');
    const feeds = { x: float32(x.shape, distinct(x.shape, 3)) };
    const exact = evaluate(b.build(), feeds);
    const tensors = await runOnce(nodeEngine(), b.build(), feeds);
    for (const [name, { data }] of Object.entries(exact)) {
      const scale = Math.max(1e-3, ...data.map(Math.abs));
      expect(largestDifference(tensors[name].data as Float32Array, data) / scale, name).toBeLessThan(1e-6);
    }
  });
});

describe('ties', () => {
  const gradientOf = async (op: string, attributes: Record<string, Attribute>, rows: number[][]): Promise<number[]> => {
    const b = new GraphBuilder();
    const x = b.input('x', [1, 1, rows.length, rows[0].length]);
    const [y] = b.op(op, [x], attributes);
    b.output(gradients(b, b.reduceSum(y, [0, 1, 2, 3]), [x])[0], 'dx');
    const tensors = await runOnce(nodeEngine(), b.build(), { x: float32(x.shape, rows.flat()) });
    const dx = Array.from(tensors.dx.data as Float32Array);
    return dx;
  };

  it('of a window go to its first element', async () => {
    const attributes = { kernel_shape: ints([2, 2]), strides: ints([1, 2]) };
    const rows = [
      [0, 0, 1, 2],
      [0, 0, 2, 2],
      [0, 1, 0, 0],
    ];
    expect(await gradientOf('MaxPool', attributes, rows)).toEqual([1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0]);
  });

  it('of a whole map are shared', async () => {
    const rows = [
      [3, 1],
      [3, 3],
    ];
    const third = Math.fround(1 / 3);
    expect(await gradientOf('GlobalMaxPool', {}, rows)).toEqual([third, 0, third, third]);
  });
});

describe('the pooling of PyTorch', () => {
  it('has its gradient', async () => {
    const ops = await golden('ops');
    const [x, y, map, grad] = ['x', 'y', 'map', 'grad'].map((key) => ops(`maxpool_3_2_1/${key}`));
    const b = new GraphBuilder();
    const input = b.input('x', x.shape);
    const out = b.maxPool(input, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
    const loss = b.reduceSum(b.mul(out, b.constant(float32(map.shape, map.data))), [0, 1, 2, 3]);
    b.output(out, 'y');
    b.output(gradients(b, loss, [input])[0], 'grad');
    const tensors = await runOnce(nodeEngine(), b.build(), { x: float32(x.shape, x.data) });
    expect(largestDifference(tensors.y.data as Float32Array, y.data)).toBe(0);
    expect(largestDifference(tensors.grad.data as Float32Array, grad.data)).toBeLessThan(1e-6);
  });
});
