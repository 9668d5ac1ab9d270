// The builder: what each method computes on ONNX Runtime, against numbers worked out by hand or in plain loops;
// names, sharing of constants, insertion of other graphs, messages.

import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { int } from '../../src/graph/attributes.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import type { Value } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { float32, fromNumbers, int64, toNumbers } from '../../src/graph/tensor.ts';
import { ramp, run } from './engine.ts';

/** Shape and numbers that a builder method makes of a constant matrix [[1, 2, 3], [4, 5, 6]], or of other inputs. */
async function made(f: (b: GraphBuilder, x: Value) => Value, values = [1, 2, 3, 4, 5, 6], shape = [2, 3]) {
  const b = new GraphBuilder();
  const x = b.input('x', shape);
  const y = f(b, x);
  b.output(y, 'result');
  const { result } = await run(b.build(), { x: float32(shape, values) });
  expect({ dtype: result.dtype, shape: result.shape }).toEqual({ dtype: y.dtype, shape: y.shape });
  return { shape: result.shape, values: toNumbers(result).map((v) => Math.round(v * 1e5) / 1e5) };
}

describe('methods', () => {
  const matrix: [string, (b: GraphBuilder, x: Value) => Value, number[], number[]][] = [
    ['add', (b, x) => b.add(x, 10), [2, 3], [11, 12, 13, 14, 15, 16]],
    ['sub of a number', (b, x) => b.sub(10, x), [2, 3], [9, 8, 7, 6, 5, 4]],
    ['mul', (b, x) => b.mul(x, x), [2, 3], [1, 4, 9, 16, 25, 36]],
    ['div', (b, x) => b.div(x, 4), [2, 3], [0.25, 0.5, 0.75, 1, 1.25, 1.5]],
    ['pow', (b, x) => b.pow(x, 2), [2, 3], [1, 4, 9, 16, 25, 36]],
    ['min', (b, x) => b.min(x, 3), [2, 3], [1, 2, 3, 3, 3, 3]],
    ['max', (b, x) => b.max(x, 3), [2, 3], [3, 3, 3, 4, 5, 6]],
    ['clip', (b, x) => b.clip(x, 2, 5), [2, 3], [2, 2, 3, 4, 5, 5]],
    ['clip above', (b, x) => b.clip(x, undefined, 5), [2, 3], [1, 2, 3, 4, 5, 5]],
    ['relu', (b, x) => b.relu(b.sub(x, 3)), [2, 3], [0, 0, 0, 1, 2, 3]],
    ['sqrt', (b, x) => b.sqrt(b.mul(x, x)), [2, 3], [1, 2, 3, 4, 5, 6]],
    ['exp and log', (b, x) => b.log(b.exp(x)), [2, 3], [1, 2, 3, 4, 5, 6]],
    ['neg and abs', (b, x) => b.abs(b.neg(x)), [2, 3], [1, 2, 3, 4, 5, 6]],
    ['floor', (b, x) => b.floor(b.div(x, 2)), [2, 3], [0, 1, 1, 2, 2, 3]],
    ['sigmoid', (b, x) => b.sigmoid(b.sub(x, 1)), [2, 3], [0.5, 0.73106, 0.8808, 0.95257, 0.98201, 0.99331]],
    ['tanh', (b, x) => b.tanh(b.sub(x, 1)), [2, 3], [0, 0.76159, 0.96403, 0.99505, 0.99933, 0.99991]],
    ['erf', (b, x) => b.erf(b.div(x, 2)), [2, 3], [0.5205, 0.8427, 0.96611, 0.99532, 0.99959, 0.99998]],
    ['transpose', (b, x) => b.transpose(x, [1, 0]), [3, 2], [1, 4, 2, 5, 3, 6]],
    ['reshape', (b, x) => b.reshape(x, [3, -1]), [3, 2], [1, 2, 3, 4, 5, 6]],
    ['flatten', (b, x) => b.flatten(x, 0), [1, 6], [1, 2, 3, 4, 5, 6]],
    ['unsqueeze and squeeze', (b, x) => b.squeeze(b.unsqueeze(x, [0, 3]), [3]), [1, 2, 3], [1, 2, 3, 4, 5, 6]],
    [
      'expand',
      (b, x) => b.expand(b.slice(x, { axes: [0], starts: [0], ends: [1] }), [2, 3]),
      [2, 3],
      [1, 2, 3, 1, 2, 3],
    ],
    ['slice', (b, x) => b.slice(x, { axes: [1], starts: [-1], ends: [-9], steps: [-2] }), [2, 2], [3, 1, 6, 4]],
    ['concat', (b, x) => b.concat([x, x], 1), [2, 6], [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]],
    ['split', (b, x) => b.split(x, [1, 2], 1)[1], [2, 2], [2, 3, 5, 6]],
    ['gather', (b, x) => b.gather(x, [2, 0], 1), [2, 2], [3, 1, 6, 4]],
    ['gather of one', (b, x) => b.gather(x, -1, 1), [2], [3, 6]],
    ['gather by a value', (b, x) => b.gather(x, b.constant(int64([1])), 0), [1, 3], [4, 5, 6]],
    ['pad', (b, x) => b.pad(x, [0, 1, 0, 0], 9), [2, 4], [9, 1, 2, 3, 9, 4, 5, 6]],
    ['pad with zeros', (b, x) => b.pad(x, [0, 0, 0, 1]), [2, 4], [1, 2, 3, 0, 4, 5, 6, 0]],
    ['pad by reflection', (b, x) => b.pad(x, [0, 2, 0, 0], 'reflect'), [2, 5], [3, 2, 1, 2, 3, 6, 5, 4, 5, 6]],
    ['reduceSum', (b, x) => b.reduceSum(x, [1]), [2], [6, 15]],
    ['reduceMean', (b, x) => b.reduceMean(x, [0], true), [1, 3], [2.5, 3.5, 4.5]],
    ['reduceMax', (b, x) => b.reduceMax(x, [-1]), [2], [3, 6]],
    ['reduceMin', (b, x) => b.reduceMin(x, [0, 1]), [], [1]],
    ['reduceSumSquare', (b, x) => b.reduceSumSquare(x, [1]), [2], [14, 77]],
    ['softmax', (b, x) => b.softmax(x), [2, 3], [0.09003, 0.24473, 0.66524, 0.09003, 0.24473, 0.66524]],
    ['matmul', (b, x) => b.matmul(x, b.transpose(x, [1, 0])), [2, 2], [14, 32, 32, 77]],
    ['gemm', (b, x) => b.gemm(x, x, b.scalar(1), { transB: true, alpha: 2, beta: -1 }), [2, 2], [27, 63, 63, 153]],
    [
      'gemm transposed',
      (b, x) => b.gemm(x, x, undefined, { transA: true }),
      [3, 3],
      [17, 22, 27, 22, 29, 36, 27, 36, 45],
    ],
    ['cast', (b, x) => b.cast(b.div(x, 2), 'int32'), [2, 3], [0, 1, 1, 2, 2, 3]],
    ['where and greater', (b, x) => b.where(b.greater(x, 3), x, 0), [2, 3], [0, 0, 0, 4, 5, 6]],
    ['where of less', (b, x) => b.where(b.less(x, 3), -1, x), [2, 3], [-1, -1, 3, 4, 5, 6]],
    ['equal', (b, x) => b.cast(b.equal(x, 3), 'float32'), [2, 3], [0, 0, 1, 0, 0, 0]],
    ['identity', (b, x) => b.identity(x), [2, 3], [1, 2, 3, 4, 5, 6]],
  ];
  it.each(matrix)('%s', async (_, f, shape, values) => {
    expect(await made(f)).toEqual({ shape, values });
  });

  const grid = Array.from({ length: 16 }, (_, i) => i);
  const image: [string, (b: GraphBuilder, x: Value) => Value, number[], number[]][] = [
    ['maxPool', (b, x) => b.maxPool(x, { kernel: [2, 2], strides: [2, 2] }), [1, 1, 2, 2], [5, 7, 13, 15]],
    [
      'maxPool rounding up',
      (b, x) => b.maxPool(x, { kernel: [3, 3], strides: [2, 2], ceil: true }),
      [1, 1, 2, 2],
      [10, 11, 14, 15],
    ],
    [
      'averagePool without padding in the mean',
      (b, x) => b.averagePool(x, { kernel: [2, 2], strides: [3, 3], pads: [1, 1, 1, 1] }),
      [1, 1, 2, 2],
      [0, 2.5, 10, 12.5],
    ],
    [
      'averagePool with it',
      (b, x) => b.averagePool(x, { kernel: [2, 2], strides: [3, 3], pads: [1, 1, 1, 1], countPadding: true }),
      [1, 1, 2, 2],
      [0, 1.25, 5, 12.5],
    ],
    ['globalAveragePool', (b, x) => b.globalAveragePool(x), [1, 1, 1, 1], [7.5]],
    [
      'batchNormalization',
      (b, x) => {
        const v = (value: number) => b.constant(float32([1], [value]));
        const [first] = b.split(x, [1, 3], 2);
        return b.batchNormalization(first, v(2), v(1), v(1.5), v(4), 0);
      },
      [1, 1, 1, 4],
      [-0.5, 0.5, 1.5, 2.5],
    ],
    [
      // Half-pixel centres: rows 0.5 and 2.5.
      'resize to half, linear',
      (b, x) => b.resize(x, { sizes: [2, 2], mode: 'linear' }),
      [1, 1, 2, 2],
      [2.5, 4.5, 10.5, 12.5],
    ],
    [
      // torch: interpolate(arange(16).view(1, 1, 4, 4), size=2, mode='bicubic'); weights of t = 0.5: -0.09375, 0.59375.
      'resize to half, cubic',
      (b, x) => b.resize(x, { sizes: [2, 2], mode: 'cubic' }),
      [1, 1, 2, 2],
      [2.03125, 4.21875, 10.78125, 12.96875],
    ],
    [
      'resize doubling, nearest',
      (b, x) =>
        b.resize(b.slice(x, { axes: [2, 3], starts: [0, 0], ends: [1, 2] }), { scales: [1, 2], mode: 'nearest' }),
      [1, 1, 1, 4],
      [0, 0, 1, 1],
    ],
    [
      'resize by corners',
      (b, x) =>
        b.resize(b.slice(x, { axes: [2], starts: [0], ends: [1] }), {
          sizes: [1, 7],
          mode: 'linear',
          coordinates: 'align_corners',
        }),
      [1, 1, 1, 7],
      [0, 0.5, 1, 1.5, 2, 2.5, 3],
    ],
    [
      // A triangle of twice the width: weights 3/8, 3/8, 1/8 of what lies inside, normalised (PIL, antialiased torch).
      'resize to half, linear and smoothed',
      (b, x) =>
        b.resize(b.slice(x, { axes: [2], starts: [0], ends: [1] }), { sizes: [1, 2], mode: 'linear', antialias: true }),
      [1, 1, 1, 2],
      [0.71429, 2.28571],
    ],
  ];
  it.each(image)('%s', async (_, f, shape, values) => {
    expect(await made(f, grid, [1, 1, 4, 4])).toEqual({ shape, values });
  });

  it('conv with strides, asymmetric pads, dilation, groups and bias equals plain loops', async () => {
    const [n, c, h, w, out, group] = [2, 4, 7, 8, 6, 2];
    const [x, k, bias] = [ramp([n, c, h, w]), ramp([out, c / group, 3, 2]), ramp([out])];
    const b = new GraphBuilder();
    const options = { strides: [2, 1], pads: [1, 0, 2, 1], dilations: [2, 3], group };
    const y = b.conv(b.input('x', [n, c, h, w]), b.constant(k), b.constant(bias), options);
    b.output(y, 'y');
    const result = (await run(b.build(), { x })).y;
    const [, , oh, ow] = y.shape;
    const expected = new Float32Array(n * out * oh * ow);
    let at = 0;
    for (let i = 0; i < n; i++)
      for (let o = 0; o < out; o++)
        for (let p = 0; p < oh; p++)
          for (let q = 0; q < ow; q++) {
            let sum = bias.data[o] as number;
            for (let j = 0; j < c / group; j++)
              for (let u = 0; u < 3; u++)
                for (let v = 0; v < 2; v++) {
                  const [r, s] = [p * 2 + u * 2 - 1, q + v * 3];
                  if (r < 0 || r >= h || s < 0 || s >= w) continue;
                  const channel = Math.floor(o / (out / group)) * (c / group) + j;
                  sum +=
                    (x.data[((i * c + channel) * h + r) * w + s] as number) *
                    (k.data[((o * (c / group) + j) * 3 + u) * 2 + v] as number);
                }
            expected[at++] = sum;
          }
    expect(result.shape).toEqual([...y.shape]);
    const error = Math.max(...expected.map((v, i) => Math.abs(v - (result.data[i] as number))));
    expect(error).toBeLessThan(1e-5);
  });

  it('numbers take the type of the other operand', async () => {
    const b = new GraphBuilder();
    const x = b.constant(int64([5, 7]));
    b.output(b.mul(x, 3), 'y');
    const { y } = await run(b.build());
    expect(y).toEqual(int64([15, 21]));
  });
});

describe('constants', () => {
  it('small equal ones and the same tensor are stored once; named ones keep their names', () => {
    const b = new GraphBuilder();
    const big = ramp([100]);
    expect(b.constant(int64([1, 2]))).toEqual(b.constant(int64([1, 2])));
    expect(b.constant(int64([1, 2])).name).not.toBe(b.constant(int64([2, 1])).name);
    expect(b.constant(int64([1])).name).not.toBe(b.constant(int64([1], [])).name);
    expect(b.scalar(0).name).not.toBe(b.scalar(-0).name);
    expect(b.constant(big)).toEqual(b.constant(big));
    expect(b.constant(big, 'weight').name).toBe('weight');
  });
});

describe('names', () => {
  it('a name is that of the node and its first output', () => {
    const b = new GraphBuilder();
    const parts = b.split(b.input('x', [4]), [1, 3], 0, 'cut');
    parts.forEach((part) => b.output(part));
    const graph = b.build();
    expect(graph.nodes[0]).toMatchObject({ name: 'cut', outputs: ['cut', 'cut:1'] });
    expect(graph.outputs.map((output) => output.name)).toEqual(['cut', 'cut:1']);
  });

  it('no name twice', () => {
    const b = new GraphBuilder({ name: 'g' });
    const x = b.input('x', [1]);
    expect(() => b.relu(x, 'x')).toThrow(new UserError('The graph "g" already has a value named "x".'));
  });

  it('an output by another name is a copy; the same output twice is one', () => {
    const b = new GraphBuilder();
    const y = b.relu(b.input('x', [1]), 'y');
    b.output(y);
    b.output(y);
    b.output(y, 'z');
    expect(b.build().outputs.map((output) => output.name)).toEqual(['y', 'z']);
  });
});

describe('build', () => {
  it('drops what no output needs, and records types and shapes', () => {
    const b = new GraphBuilder({ name: 'g', opset: 21 });
    const x = b.input('x', [2, 3]);
    b.add(x, b.constant(ramp([3]), 'unused'));
    b.output(b.relu(x, 'y'));
    const expected: Graph = {
      name: 'g',
      inputs: [{ name: 'x', dtype: 'float32', shape: [2, 3] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: [2, 3] }],
      nodes: [{ op: 'Relu', name: 'y', inputs: ['x'], outputs: ['y'], attributes: {} }],
      initializers: new Map(),
      values: new Map([['y', { name: 'y', dtype: 'float32', shape: [2, 3] }]]),
      opset: 21,
    };
    expect(b.build()).toEqual(expected);
  });
});

describe('inline', () => {
  const weight = ramp([3, 3]);
  /** x [batch, 3] -> relu(x w) as `y`, of an older operator set. */
  const other: Graph = {
    name: 'other',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 3] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 3] }],
    nodes: [
      { op: 'MatMul', name: 'product', inputs: ['x', 'w'], outputs: ['xw'], attributes: {} },
      { op: 'Softmax', name: 'soft', inputs: ['xw'], outputs: ['y'], attributes: {} },
    ],
    initializers: new Map([['w', weight]]),
    values: new Map([['xw', { name: 'xw', dtype: 'float32', shape: [1, 3] }]]),
    opset: 11,
  };

  it('renames, shares weights, infers shapes anew, and upgrades', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', [4, 3]);
    const { y } = b.inline(other, { x }, 'a/');
    const again = b.inline(other, { x: y }, 'b/');
    b.output(again.y, 'result');
    b.output(b.value('a/xw'));
    const graph = b.build();
    expect(y).toEqual({ name: 'a/y', dtype: 'float32', shape: [4, 3] });
    expect(graph.nodes.map((node) => node.name)).toEqual(['a/product', 'a/soft', 'b/product', 'b/soft', 'result']);
    expect([...graph.initializers]).toEqual([['a/w', weight]]);
    expect(graph.initializers.get('a/w')).toBe(weight);
    expect(graph.values.get('a/xw')?.shape).toEqual([4, 3]);
    const { result } = await run(graph, { x: ramp([4, 3]) });
    const sums = [0, 1, 2, 3].map((row) => [0, 1, 2].reduce((sum, i) => sum + (result.data[row * 3 + i] as number), 0));
    sums.forEach((sum) => expect(sum).toBeCloseTo(1, 6));
  });

  it('names that a builder made up give way, chosen ones do not', () => {
    const inner = new GraphBuilder({ name: 'inner' });
    inner.output(inner.sqrt(inner.relu(inner.input('x', [2])), 'root'));
    const graph = inner.build();
    const b = new GraphBuilder({ name: 'outer' });
    const x = b.relu(b.input('x', [2]));
    const { root } = b.inline(graph, { x });
    b.output(root);
    expect(b.build().nodes.map((node) => node.outputs[0])).toEqual(['Relu#1', 'Relu#2', 'root']);
    expect(() => b.inline(graph, { x })).toThrow('The graph "outer" already has a value named "root".');
  });

  it('graphs in attributes see the bound values', async () => {
    const branch = (op: string): Graph => ({
      ...other,
      inputs: [],
      outputs: [{ name: `${op}.out`, dtype: 'float32' }],
      nodes: [{ op, name: op, inputs: ['x'], outputs: [`${op}.out`], attributes: {} }],
      initializers: new Map(),
      values: new Map(),
    });
    const attributes = { then_branch: { graph: branch('Neg') }, else_branch: { graph: branch('Abs') } };
    const graph: Graph = {
      ...other,
      inputs: [other.inputs[0], { name: 'condition', dtype: 'bool', shape: [] }],
      nodes: [{ op: 'If', name: 'choice', inputs: ['condition'], outputs: ['y'], attributes }],
    };
    const b = new GraphBuilder();
    const condition = b.input('c', [], 'bool');
    const { y } = b.inline(graph, { x: b.input('image', [1, 3]), condition }, 'p/');
    b.output(y, 'result');
    const { result } = await run(b.build(), { c: fromNumbers('bool', [], [1]), image: float32([1, 3], [1, 2, 3]) });
    expect(result).toEqual(float32([1, 3], [-1, -2, -3]));
  });

  it('inputs must fit', () => {
    const b = new GraphBuilder({ name: 'g' });
    const x = b.input('x', [4, 3]);
    const wide = b.input('wide', [4, 5]);
    const whole = b.input('whole', [4, 3], 'int32');
    expect(() => b.inline(other, {})).toThrow('The input "x" of the graph "other" is bound to no value.');
    expect(() => b.inline(other, { x, z: x })).toThrow('The graph "other" has no input "z"; its inputs are: x.');
    expect(() => b.inline(other, { x: wide })).toThrow(
      'The input "x" of the graph "other" takes float32 [batch, 3], but "wide" is float32 [4, 5].',
    );
    expect(() => b.inline(other, { x: whole })).toThrow('takes float32 [batch, 3], but "whole" is int32 [4, 3].');
    expect(() => b.inline({ ...other, opset: 23 }, { x })).toThrow(
      'The graph "other" uses operator set 23, newer than 20 of "g", into which it is inserted; build the latter with `opset: 23`.',
    );
  });
});

describe('messages', () => {
  const b = new GraphBuilder({ name: 'g' });
  const x = b.input('x', [2, 3]);
  const cases: [string, () => unknown, string][] = [
    [
      'shapes that do not fit',
      () => b.add(x, b.constant(ramp([2])), 'sum'),
      'Node "sum" (Add): the shapes [2, 3] and [2] do not broadcast.',
    ],
    [
      'an operator that is not known',
      () => b.op('Mystery', [x], { a: int(1) }, { name: 'm' }),
      'Shape and type of "m" in the graph "g" cannot be told before running: unknown type [...].',
    ],
    [
      'a shape that data decide',
      () => b.op('NonZero', [x], {}, { name: 'nz' }),
      'Shape and type of "nz" in the graph "g" cannot be told before running: int64 [2, ?].',
    ],
    [
      'a value of another graph',
      () => b.relu({ name: 'stranger', dtype: 'float32', shape: [1] }),
      'The graph "g" has no value "stranger".',
    ],
    ['a reshape that does not fit', () => b.reshape(x, [4, -1]), '[2, 3] does not reshape to [4, -1]'],
    ['no outputs', () => b.build(), 'The graph "g" has no output; declare one with output()'],
    [
      'an old operator set',
      () => new GraphBuilder({ opset: 13 }),
      'Graphs are built for operator set 18 or later, not 13',
    ],
    ['two numbers', () => b.add(1, 2), 'One of two operands must be a value, not a number'],
    ['an empty name', () => b.relu(x, ''), 'A value needs a name; leave it out to have one made'],
  ];
  it.each(cases)('%s', (_, f, message) => expect(f).toThrow(message));
});
