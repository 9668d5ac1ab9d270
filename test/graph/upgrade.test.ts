// Every operator whose form or meaning changed: the node of the old operator set against its upgrade, both run.

import { describe, expect, it } from 'vitest';
import { float, floats, int, ints, string } from '../../src/graph/attributes.ts';
import type { Attribute, Graph } from '../../src/graph/graph.ts';
import { inferShapes } from '../../src/graph/infer.ts';
import { float32, fromNumbers, int64, toFloat32 } from '../../src/graph/tensor.ts';
import { upgradeGraph } from '../../src/graph/upgrade.ts';
import { graphOf, ramp, run } from './engine.ts';
import type { NodeTest, Operand } from './engine.ts';

const f = (...shape: number[]) => ramp(shape);
const test = (
  opset: number,
  op: string,
  inputs: Operand[],
  attributes: Record<string, Attribute> = {},
  outputs = 1,
): NodeTest => ({
  op,
  inputs,
  attributes,
  outputs,
  opset,
});

const cases: NodeTest[] = [
  test(7, 'BatchNormalization', [f(2, 3, 4, 4), f(3), f(3), f(3), f(3)]),
  test(8, 'BatchNormalization', [f(2, 3, 4, 4), f(3), f(3), f(3), f(3)], { spatial: int(1) }),
  test(9, 'Slice', [f(5, 6)], { starts: ints([1, -2]), ends: ints([4, 9]) }),
  test(9, 'Slice', [f(5, 6)], { starts: ints([-3]), ends: ints([2 ** 63]), axes: ints([1]) }),
  test(9, 'TopK', [f(3, 8)], { k: int(2) }, 2),
  test(8, 'Upsample', [f(1, 2, 3, 4)], { scales: floats([1, 1, 2, 3]) }),
  test(8, 'Upsample', [f(1, 2, 3, 4)], { scales: floats([1, 1, 2, 3]), mode: string('linear') }),
  test(9, 'Upsample', [f(1, 2, 3, 4), { constant: float32([4], [1, 1, 2, 1.5]) }], { mode: string('nearest') }),
  test(10, 'Resize', [f(1, 2, 5, 6), { constant: float32([4], [1, 1, 0.6, 0.5]) }], { mode: string('nearest') }),
  test(10, 'Resize', [f(1, 2, 5, 6), { constant: float32([4], [1, 1, 2, 2]) }], { mode: string('linear') }),
  test(10, 'Clip', [f(3, 4)], { min: float(0.2), max: float(0.6) }),
  test(10, 'Clip', [f(3, 4)], { max: float(0.6) }),
  test(10, 'Clip', [f(3, 4)]),
  test(10, 'Pad', [f(3, 4)], { pads: ints([1, 0, 0, 2]), value: float(0.5) }),
  test(10, 'Pad', [f(3, 4)], { pads: ints([1, 0, 0, 2]), mode: string('reflect') }),
  test(10, 'Scatter', [f(4, 5), int64([1, 3], [1, 2]), f(1, 2)], { axis: int(1) }),
  test(7, 'Dropout', [f(3, 4)], { ratio: float(0.7) }),
  test(11, 'Squeeze', [f(1, 3, 1)], { axes: ints([0]) }),
  test(11, 'Squeeze', [f(1, 3, 1)]),
  test(11, 'Unsqueeze', [f(3)], { axes: ints([0, 2]) }),
  test(11, 'ReduceSum', [f(2, 3)], { axes: ints([-1]), keepdims: int(0) }),
  test(11, 'ReduceSum', [f(2, 3)]),
  test(11, 'Split', [f(6, 2)], { split: ints([1, 5]) }, 2),
  test(11, 'Split', [f(6, 2)], {}, 3),
  test(13, 'Split', [f(6, 2)], { axis: int(1) }, 2),
  ...['Softmax', 'LogSoftmax', 'Hardmax'].flatMap((op) => [
    test(11, op, [f(2, 3, 4)]),
    test(11, op, [f(2, 3, 4)], { axis: int(2) }),
    test(11, op, [f(2, 3, 4)], { axis: int(0) }),
    test(12, op, [f(2, 3, 4)], { axis: int(-1) }),
    test(11, op, [f(2, 5)]),
    test(13, op, [f(2, 3, 4)], { axis: int(1) }),
  ]),
  test(15, 'RoiAlign', [f(1, 2, 8, 8), f(3, 4), int64([0, 0, 0])], { output_height: int(3), output_width: int(2) }),
  ...['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'].map((name) =>
    test(17, `Reduce${name}`, [f(2, 3, 4)], { axes: ints([0, -1]) }),
  ),
  test(17, 'ReduceMean', [f(2, 3, 4)]),
  test(16, 'GridSample', [f(1, 2, 5, 5), f(1, 3, 3, 2)], { mode: string('bicubic') }),
  test(16, 'GridSample', [f(1, 2, 5, 5), f(1, 3, 3, 2)], { mode: string('nearest') }),
  test(16, 'GridSample', [f(1, 2, 5, 5), f(1, 3, 3, 2)]),
  test(18, 'GroupNormalization', [f(2, 4, 3, 3), f(2), f(2)], { num_groups: int(2) }),
];

describe('upgradeGraph', () => {
  it.each(cases.map((c, i) => [`${i} ${c.op} of set ${c.opset}`, c] as const))('%s', async (_, c) => {
    const { graph, feeds } = graphOf(c);
    const before = await run(inferShapes(graph), feeds);
    const upgraded = inferShapes(upgradeGraph(graph, 21));
    expect(upgraded.opset).toBe(21);
    const after = await run(upgraded, feeds);
    for (const { name } of graph.outputs) {
      expect({ ...after[name], data: 0 }).toEqual({ ...before[name], data: 0 });
      const expected = toFloat32(before[name]);
      const error = toFloat32(after[name]).map((v, i) => Math.abs(v - expected[i]));
      expect(Math.max(0, ...error)).toBeLessThan(1e-5);
    }
  });

  it('goes into nested graphs', async () => {
    const branch = (axis: number): Graph => ({
      ...graphOf(test(11, 'Squeeze', [])).graph,
      nodes: [{ op: 'Squeeze', name: '', inputs: ['i1'], outputs: ['o'], attributes: { axes: ints([axis]) } }],
      outputs: [{ name: 'o', dtype: 'float32' }],
    });
    const attributes = { then_branch: { graph: branch(0) }, else_branch: { graph: branch(2) } };
    const { graph, feeds } = graphOf(test(11, 'If', [fromNumbers('bool', [], [0]), f(1, 3, 1)], attributes));
    const nested: Graph = { ...graph, nodes: graph.nodes.map((node) => ({ ...node, inputs: ['i0'] })) };
    const upgraded = upgradeGraph(nested, 20);
    expect((await run(upgraded, feeds)).o0.shape).toEqual([1, 3]);
  });

  it('leaves newer graphs alone, and refuses what it cannot say', () => {
    const { graph } = graphOf(test(20, 'Relu', [f(2)]));
    expect(upgradeGraph(graph, 18)).toBe(graph);
    expect(() => upgradeGraph({ ...graph, opset: 6 }, 18)).toThrow(
      'The graph "Relu" uses operator set 6; export it with 7 or later (best: 17 or later).',
    );
    const old = graphOf(test(7, 'BatchNormalization', [f(2, 3), f(3), f(3), f(3), f(3)], { spatial: int(0) })).graph;
    expect(() => upgradeGraph(old)).toThrow(
      'Node "node" (BatchNormalization) normalises every position by itself (spatial=0)',
    );
    const scales = { constant: float32([2], [2, 0.5]) };
    expect(() => upgradeGraph(graphOf(test(10, 'Resize', [f(4, 4), scales])).graph)).toThrow(
      'Node "node" (Resize) enlarges one axis and shrinks another, which newer operator sets round in one way only.',
    );
    const group = graphOf(test(18, 'GroupNormalization', [f(2, 4, 3), f(2), f(2)], { num_groups: int(2) })).graph;
    const open: Graph = { ...group, inputs: group.inputs.map(({ name, dtype }) => ({ name, dtype })) };
    expect(() => upgradeGraph(open, 21)).toThrow(
      '(GroupNormalization) cannot be upgraded: its number of channels is not known.',
    );
  });
});
