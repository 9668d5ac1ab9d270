// Arithmetic on small tensors before anything runs, against ONNX Runtime; and chains as exporters write them.

import { describe, expect, it } from 'vitest';
import { int, ints } from '../../src/graph/attributes.ts';
import type { Attribute, Graph, Node } from '../../src/graph/graph.ts';
import { inferShapes, inferValues } from '../../src/graph/infer.ts';
import { float32, fromNumbers, int64, toNumbers } from '../../src/graph/tensor.ts';
import type { DType, Tensor } from '../../src/graph/tensor.ts';
import { graphOf, run } from './engine.ts';
import type { NodeTest } from './engine.ts';

const i = (...values: number[]) => int64(values);
const f = (...values: number[]) => float32([values.length], values);
const b = (...values: number[]) => fromNumbers('bool', [values.length], values);
const test = (op: string, inputs: Tensor[], attributes: Record<string, Attribute> = {}, outputs = 1): NodeTest => ({
  op,
  inputs: inputs.map((constant) => ({ constant })),
  attributes,
  outputs,
});
const matrix = int64([1, 2, 3, 4, 5, 6], [2, 3]);

const cases: NodeTest[] = [
  test('Shape', [matrix]),
  test('Shape', [matrix], { start: int(1) }),
  test('Size', [matrix]),
  test('Gather', [i(5, 6, 7), i(2, -3)]),
  test('Gather', [i(5, 6, 7), int64([1], [])]),
  test('Gather', [matrix, int64([2, 0, 0, -1], [2, 2])], { axis: int(1) }),
  test('Slice', [i(5, 6, 7, 8), i(1), i(3)]),
  test('Slice', [i(5, 6, 7, 8), i(-1), i(-(2 ** 63)), i(0), i(-1)]),
  test('Slice', [matrix, i(2, 0), i(-4, 2), i(1, 0), i(-2, 1)]),
  test('Concat', [i(1), i(2, 3), i(4)], { axis: int(0) }),
  test('Concat', [matrix, int64([7, 8], [2, 1])], { axis: int(1) }),
  test('Split', [matrix, i(1, 2)], { axis: int(1) }, 2),
  test('Split', [i(1, 2, 3, 4, 5)], { num_outputs: int(2) }, 2),
  test('Transpose', [matrix]),
  test('Transpose', [int64([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2])], { perm: ints([1, 2, 0]) }),
  test('Tile', [matrix, i(2, 2)]),
  test('Expand', [int64([1, 2], [2, 1]), i(2, 2, 3)]),
  test('Reshape', [matrix, i(3, -1)]),
  test('Flatten', [matrix]),
  test('Squeeze', [int64([3], [1, 1])]),
  test('Unsqueeze', [i(3), i(0)]),
  test('Identity', [i(3)]),
  test('ConstantOfShape', [i(2, 2)], { value: { tensor: i(7) } }),
  test('ConstantOfShape', [i(3)]),
  ...[
    [1, 10, 4],
    [10, 0, -3],
  ].map((values) =>
    test(
      'Range',
      values.map((v) => int64([v], [])),
    ),
  ),
  test(
    'Range',
    [0, 1, 0.3].map((v) => float32([], [v])),
  ),
  test('Cast', [f(2.7, -2.7, 0)], { to: int(7) }),
  test('Cast', [f(2.7, -2.7, 0)], { to: int(9) }),
  test('Cast', [i(2 ** 24 + 1)], { to: int(1) }),
  ...['Add', 'Sub', 'Mul', 'Div', 'Mod', 'Min', 'Max'].map((op) => test(op, [int64([7, -7], [2, 1]), i(2, -3, 5)])),
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow'].map((op) => test(op, [f(7.3, 0.1, 2), f(0.3, 3, 5)])),
  test('Mod', [i(7, -7), i(3, 3)], { fmod: int(1) }),
  ...['Floor', 'Ceil', 'Round', 'Abs', 'Neg', 'Sign'].map((op) => test(op, [f(2.5, -2.5, 1.5, 0.2, -0.7)])),
  test('Sqrt', [f(2, 9)]),
  test('Not', [b(1, 0)]),
  ...['And', 'Or'].map((op) => test(op, [b(1, 0, 1), b(1, 1, 0)])),
  ...['Equal', 'Less', 'Greater', 'LessOrEqual', 'GreaterOrEqual'].map((op) => test(op, [i(1, 2, 3), i(2, 2, 2)])),
  test('Where', [b(1, 0), i(5, 6), i(-1)]),
  ...['Prod', 'Sum', 'Max', 'Min'].map((op) => test(`Reduce${op}`, [i(2, 3, 4)], { keepdims: int(0) })),
];

describe('elements of small tensors', () => {
  it.each(cases.map((c, index) => [`${index} ${c.op}`, c] as const))('%s as ONNX Runtime computes', async (_, c) => {
    const { graph } = graphOf(c);
    const known = inferValues(graph);
    const results = await run(inferShapes(graph));
    for (const { name } of graph.outputs) {
      // Not exact for float32 powers and ranges alone, whose rounding differs in the last place.
      const { elements } = known.get(name)!;
      expect(elements).toHaveLength(results[name].data.length);
      toNumbers(results[name]).forEach((value, at) => expect(elements![at]).toBeCloseTo(value, 5));
    }
  });
});

/** A graph of nodes given as [op, inputs, output, attributes]. */
function chain(
  shape: readonly (number | string)[],
  steps: readonly [string, string[], string, Record<string, Attribute>?][],
  constants: Record<string, Tensor> = {},
  recorded: Record<string, { dtype: DType; shape: readonly number[] }> = {},
): Graph {
  const nodes = steps.map(([op, inputs, output, attributes = {}]): Node => ({
    op,
    name: output,
    inputs,
    outputs: [output],
    attributes,
  }));
  return {
    name: 'chain',
    inputs: [{ name: 'x', dtype: 'float32', shape }],
    outputs: [{ name: 'y', dtype: 'float32' }],
    nodes,
    initializers: new Map(Object.entries(constants)),
    values: new Map(Object.entries(recorded).map(([name, info]) => [name, { name, ...info }])),
    opset: 17,
  };
}
const shapeOf = (graph: Graph, bindings = {}) => inferShapes(graph, bindings).outputs[0].shape;
const scalar = (value: number) => int64([value], []);

/** torch: `x.view(x.size(0), x.size(1) * x.size(2), -1)`. */
const view = chain(
  ['batch', 4, 'h', 6],
  [
    ['Shape', ['x'], 'shape'],
    ['Gather', ['shape', 'zero'], 'n', { axis: int(0) }],
    ['Gather', ['shape', 'one'], 'c', { axis: int(0) }],
    ['Gather', ['shape', 'two'], 'h', { axis: int(0) }],
    ['Mul', ['c', 'h'], 'ch'],
    ['Unsqueeze', ['n', 'axis'], 'n1'],
    ['Unsqueeze', ['ch', 'axis'], 'ch1'],
    ['Concat', ['n1', 'ch1', 'rest'], 'target', { axis: int(0) }],
    ['Reshape', ['x', 'target'], 'y'],
  ],
  { zero: scalar(0), one: scalar(1), two: scalar(2), axis: int64([0]), rest: int64([-1]) },
);

describe('chains that compute shapes', () => {
  it('view: numbers where bound, names where they survive', () => {
    expect(shapeOf(view, { batch: 2, h: 5 })).toEqual([2, 20, 6]);
    expect(shapeOf(view, { h: 5 })).toEqual(['batch', 20, 6]);
    expect(shapeOf(view)).toEqual(['batch', '?', '?']);
  });

  it('flatten of a dynamic batch keeps its name', () => {
    const graph = chain(['batch', 4, 5, 6], [['Reshape', ['x', 'target'], 'y']], { target: int64([0, -1]) });
    expect(shapeOf(graph)).toEqual(['batch', 120]);
    const back = chain(['batch', 4, 5, 6], [['Reshape', ['x', 'target'], 'y']], { target: int64([-1, 8, 15]) });
    expect(shapeOf(back)).toEqual(['batch', 8, 15]);
  });

  it('pads computed the way torch.nn.functional.pad is exported', () => {
    const graph = chain(
      [1, 2, 5, 6],
      [
        ['ConstantOfShape', ['missing'], 'zeros', { value: { tensor: int64([0]) } }],
        ['Concat', ['given', 'zeros'], 'all', { axis: int(0) }],
        ['Reshape', ['all', 'pairs'], 'table'],
        ['Slice', ['table', 'start', 'end', 'axis', 'step'], 'reversed'],
        ['Transpose', ['reversed'], 'swapped', { perm: ints([1, 0]) }],
        ['Reshape', ['swapped', 'flat'], 'list'],
        ['Cast', ['list'], 'pads', { to: int(7) }],
        ['Pad', ['x', 'pads'], 'y'],
      ],
      {
        missing: int64([4]),
        given: int64([1, 2, 3, 4]),
        pairs: int64([-1, 2]),
        start: int64([-1]),
        end: int64([-(2 ** 63)]),
        axis: int64([0]),
        step: int64([-1]),
        flat: int64([-1]),
      },
    );
    // Left 1, right 2, top 3, bottom 4.
    expect(shapeOf(graph)).toEqual([1, 2, 12, 9]);
  });

  it('sizes of a resize by float arithmetic', () => {
    const graph = chain(
      [1, 2, 5, 'w'],
      [
        ['Shape', ['x'], 'shape'],
        ['Slice', ['shape', 'two', 'four'], 'hw'],
        ['Cast', ['hw'], 'hwf', { to: int(1) }],
        ['Mul', ['hwf', 'factor'], 'scaled'],
        ['Floor', ['scaled'], 'floored'],
        ['Cast', ['floored'], 'sizes', { to: int(7) }],
        ['Slice', ['shape', 'zero', 'two'], 'nc'],
        ['Concat', ['nc', 'sizes'], 'target', { axis: int(0) }],
        ['Resize', ['x', '', '', 'target'], 'y'],
      ],
      { zero: int64([0]), two: int64([2]), four: int64([4]), factor: float32([1], [1.5]) },
    );
    expect(shapeOf(graph, { w: 7 })).toEqual([1, 2, 7, 10]);
    expect(shapeOf(graph)).toEqual([1, 2, 7, '?']);
  });

  it('expand with the export of -1: where(shape == -1, ones, shape)', () => {
    const graph = chain(
      [1, 1, 5],
      [
        ['ConstantOfShape', ['three'], 'ones', { value: { tensor: int64([1]) } }],
        ['Equal', ['wanted', 'minus'], 'open'],
        ['Where', ['open', 'ones', 'wanted'], 'target'],
        ['Expand', ['x', 'target'], 'y'],
      ],
      { three: int64([3]), wanted: int64([4, 3, -1]), minus: int64([-1]) },
    );
    expect(shapeOf(graph)).toEqual([4, 3, 5]);
  });

  it('recorded shapes of another batch are not believed', () => {
    const graph = chain(
      ['batch', 3],
      [
        ['Relu', ['x'], 'r'],
        ['Sigmoid', ['r'], 'y'],
      ],
      {},
      {
        r: { dtype: 'float32', shape: [1, 3] },
        y: { dtype: 'float32', shape: [1, 3] },
      },
    );
    expect(inferShapes(graph, { batch: 8 }).values.get('r')?.shape).toEqual([8, 3]);
    expect(inferShapes(graph).values.get('r')?.shape).toEqual(['batch', 3]);
  });

  it('an operator that is not known leaves its output unknown, with the type that the file records', () => {
    const graph = chain(
      [1, 3],
      [
        ['Mystery', ['x'], 'r'],
        ['Sigmoid', ['r'], 'y'],
      ],
      {},
      {
        r: { dtype: 'float16', shape: [1, 3] },
      },
    );
    const inferred = inferShapes(graph);
    expect(inferred.values.get('r')).toEqual({ name: 'r', dtype: 'float16' });
    expect(inferred.outputs).toEqual([{ name: 'y', dtype: 'float16' }]);
  });

  it('If: the branch that is taken, or what both have in common', () => {
    const branch = (op: string, attributes: Record<string, Attribute> = {}): Attribute => ({
      graph: {
        ...chain([], [[op, ['x'], `${op}.out`, attributes]]),
        inputs: [],
        outputs: [{ name: `${op}.out`, dtype: 'float32' }],
      },
    });
    const graph = chain(
      [1, 1, 'n'],
      [
        ['Shape', ['x'], 'shape'],
        ['Gather', ['shape', 'one'], 'size'],
        ['Equal', ['size', 'one'], 'single'],
        ['If', ['single'], 'y', { then_branch: branch('Relu'), else_branch: branch('Flatten') }],
      ],
      { one: scalar(1) },
    );
    expect(shapeOf(graph)).toEqual([1, 1, 'n']);
    const open: Graph = { ...graph, inputs: [{ name: 'x', dtype: 'float32', shape: [1, 'm', 'n'] }] };
    expect(shapeOf(open)).toBeUndefined();
  });
});

describe('bindings', () => {
  const graph = chain(['batch', '?', 4], [['Relu', ['x'], 'y']]);
  it('names, unnamed axes, and fixed axes that are to change', () => {
    expect(shapeOf(graph, { batch: 2, 'x[1]': 3, 'x[2]': 5, other: 7 })).toEqual([2, 3, 5]);
    expect(shapeOf(graph, { 'x[1]': 3 })).toEqual(['batch', 3, 4]);
  });
  it('no size below 1', () => {
    expect(() => inferShapes(graph, { batch: 0 })).toThrow(
      'The dimension "batch" of the graph "chain" cannot be 0; give a positive integer.',
    );
  });
});
