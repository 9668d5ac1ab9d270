import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { int, string } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { float32, int64 } from '../../src/graph/tensor.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { checkMap } from './check-map.ts';
import { uniform } from './check.ts';
import { runOnce } from '../../src/runtime/run-once.ts';

const indices = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  ({ shape, values, fixed: true, dtype: 'int64' }) as const;

/** The same indices, but such as only running tells: small sums and products would be known before. */
const computed = (b: GraphBuilder, index: Value) =>
  b.cast(b.mul(b.cast(index, 'float32'), b.exp(b.scalar(0))), 'int64');

describe('gradients of Gather', () => {
  it.each([
    ['a range', [1, 2, 3]],
    ['one', [2]],
    ['a permutation', [2, 0, 4, 1, 3]],
    ['a reversal', [4, 3, 2, 1, 0]],
    ['every second', [1, 3]],
    ['every second, backwards', [4, 2, 0]],
    ['some, counted from the end', [-1, 0, -3]],
    ['some twice', [1, 1, 4, 1, 0, -1]],
    ['one again and again', [3, 3, 3]],
  ])('%s', async (_, list) => {
    for (const axis of [0, 1, -1]) {
      const shape = [2, 3, 4].with(axis, 5);
      await checkMap([{ shape }], (b, a) => b.gather(a, list, axis));
      await checkMap([{ shape }, indices(list)], (b, a, index) => b.gather(a, computed(b, index), axis));
    }
  });

  it('a scalar index, and indices of more axes', async () => {
    await checkMap([{ shape: [3, 4] }], (b, a) => b.gather(a, -2, 1));
    await checkMap([{ shape: [3, 4] }], (b, a) => b.gather(a, 1, 0));
    await checkMap([{ shape: [3, 4] }, indices([1], [])], (b, a, i) => b.gather(a, computed(b, i), 1));
    await checkMap([{ shape: [2, 4, 3] }, indices([0, 3, 1, 2], [2, 2])], (b, a, i) => b.gather(a, i, 1));
    await checkMap([{ shape: [4, 3] }, indices([0, 1, 2, 3], [2, 2])], (b, a, i) => b.gather(a, i, 0));
    await checkMap([{ shape: [4, 3] }, indices([0, 1, 1, 3], [2, 2])], (b, a, i) => b.gather(a, i, 0));
  });

  it('indices in a long list, of which nothing but the tensor is known', async () => {
    const list = Array.from({ length: 80 }, (_, i) => (i * 7) % 80);
    await checkMap([{ shape: [80, 2] }], (b, a) => b.gather(a, list, 0));
  });

  it('adds up what threads might add at once', async () => {
    // The sums are exact in float32: any update that is lost shows.
    const [count, width] = [4000, 512];
    const b = new GraphBuilder();
    const table = b.input('table', [3, width]);
    const index = b.constant(int64(Array.from({ length: count }, (_, i) => i % 3)));
    const y = b.gather(table, computed(b, index), 0);
    const numbers = Array.from({ length: count * width }, (_, i) => ((i * 7919) % 13) - 6);
    const weights = b.constant(float32([count, width], numbers));
    b.output(gradients(b, b.reduceSum(b.mul(y, weights), [0, 1]), [table])[0], 'gradient');
    const expected = new Array<number>(3 * width).fill(0);
    numbers.forEach((value, i) => (expected[(Math.floor(i / width) % 3) * width + (i % width)] += value));
    const tensors = await runOnce(nodeEngine({ threads: 2 }), b.build(), { table: float32([3, width], expected) });
    expect(Array.from(tensors.gradient.data as Float32Array)).toEqual(expected);
  });
});

describe('gradients of operators that gather and scatter elements', () => {
  const random = uniform(3);
  const among = (size: number, shape: readonly number[]) =>
    indices(
      Array.from({ length: shape.reduce((a, c) => a * c, 1) }, () => Math.floor(random() * 2 * size) - size),
      shape,
    );

  it.each([0, 1, -1])('GatherElements, axis %i', async (axis) => {
    const attributes = { axis: int(axis) };
    await checkMap([{ shape: [3, 3, 3] }, among(3, [2, 3, 2])], (b, a, i) =>
      b.op('GatherElements', [a, i], attributes),
    );
    await checkMap([{ shape: [3, 4, 5] }, among(3, [3, 4, 5])], (b, a, i) =>
      b.op('GatherElements', [a, i], attributes),
    );
  });

  it('GatherND', async () => {
    const gather = (batch: number) => (b: GraphBuilder, a: Value, i: Value) =>
      b.op('GatherND', [a, i], { batch_dims: int(batch) });
    await checkMap([{ shape: [3, 4] }, indices([0, 3, -1, 1, 2, -4, 2, 0], [4, 2])], gather(0));
    await checkMap([{ shape: [3, 4, 2] }, indices([0, 3, -1, 1, 2, 2], [3, 2])], gather(0));
    await checkMap([{ shape: [3, 4, 2] }, indices([2, 0, -1], [3, 1, 1])], gather(0));
    await checkMap([{ shape: [2, 3, 4] }, indices([2, 0, 2, -3], [2, 2, 1])], gather(1));
    await checkMap([{ shape: [2, 2, 3, 2] }, indices([2, 1, 0, 1, 1, 1, -1, -1], [2, 2, 2])], gather(2));
    await checkMap([{ shape: [3, 4] }, indices([0, 3, 2, 1], [2, 2])], (b, a, i) =>
      b.op('GatherND', [a, computed(b, i)]),
    );
  });

  it.each([0, 1])('ScatterElements, axis %i', async (axis) => {
    const scatter = (reduction: string) => (b: GraphBuilder, a: Value, i: Value, updates: Value) =>
      b.op('ScatterElements', [a, i, updates], { axis: int(axis), reduction: string(reduction) });
    // Each position once.
    const once = axis === 0 ? indices([2, 0, -1, 0, -2, 1], [2, 3]) : indices([2, 0, -2, 1, -1, 0], [2, 3]);
    const [data, updates] = [{ shape: [3, 3] }, { shape: [2, 3] }];
    await checkMap([data, once, updates], scatter('none'));
    await checkMap([data, once, updates], scatter('add'));
    await checkMap([data, among(3, [2, 3]), updates], scatter('add'));
    await checkMap([data, once, { ...updates, fixed: true }], scatter('none'));
    await checkMap([{ ...data, fixed: true }, once, updates], scatter('none'));
  });

  it('ScatterND', async () => {
    const scatter = (reduction: string) => (b: GraphBuilder, a: Value, i: Value, updates: Value) =>
      b.op('ScatterND', [a, i, updates], { reduction: string(reduction) });
    const rows = indices([2, -4], [2, 1]);
    const elements = indices([0, 1, 2, -1, 3, 0], [3, 2]);
    const data = { shape: [4, 3] };
    for (const reduction of ['none', 'add']) {
      await checkMap([data, rows, { shape: [2, 3] }], scatter(reduction));
      await checkMap([data, elements, { shape: [3] }], scatter(reduction));
      await checkMap([data, rows, { shape: [2, 3], fixed: true }], scatter(reduction));
      await checkMap([{ ...data, fixed: true }, elements, { shape: [3] }], scatter(reduction));
    }
  });

  it('names the reduction that has no gradient', () => {
    const b = new GraphBuilder();
    const a = b.input('a', [3]);
    const i = b.constant(int64([1]));
    const [y] = b.op('ScatterElements', [a, i, b.constant(float32([1], [2]))], { reduction: string('mul') });
    expect(() => gradients(b, b.reduceSum(y, [0]), [a])).toThrow(/ScatterElements.*"mul"/);
  });
});
