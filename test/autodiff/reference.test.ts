// The float64 evaluator against ONNX Runtime in float32, operator by operator, and what it does beyond float32.
// The cases are in the folder of the evaluator.

import { beforeAll, describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { toFloat32 } from '../../src/graph/tensor.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { f, graphOf } from './reference/case.ts';
import type { Case } from './reference/case.ts';
import { groupNormalization21, written } from './reference/fixed-cases.ts';
import { drawn } from './reference/drawn-cases.ts';
import { erf } from './reference/elementwise.ts';
import { evaluate, operators } from './reference/evaluate.ts';
import type { Array64 } from './reference/evaluate.ts';
import { runOnce } from '../../src/runtime/run-once.ts';

/** Largest difference relative to the largest value; infinite where shapes differ. */
function difference(reference: Array64, tensor: Tensor): number {
  if (reference.shape.join() !== tensor.shape.join()) return Infinity;
  const values = tensor.data instanceof BigInt64Array ? Float64Array.from(tensor.data, Number) : toFloat32(tensor);
  let largest = 0;
  let worst = 0;
  reference.data.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value));
    worst = Math.max(worst, Object.is(value, values[i]) ? 0 : Math.abs(value - values[i]));
  });
  return worst === 0 ? 0 : worst / largest;
}

/** Runs all cases of a group on both sides; the sessions of many small graphs would cost more than the arithmetic. */
async function runBoth(cases: readonly Case[], opset?: number) {
  const { graph, feeds } = graphOf(cases, opset);
  const tensors = await runOnce(nodeEngine({ threads: 1 }), graph, feeds);
  return { tensors, arrays: evaluate(graph, feeds) };
}

const groups: Record<string, { cases: readonly Case[]; opset?: number }> = {
  ...Object.fromEntries(Object.entries({ ...written, ...drawn }).map(([name, cases]) => [name, { cases }])),
  'group normalization of operator set 21': { cases: groupNormalization21, opset: 21 },
};

describe.each(Object.entries(groups))('%s in float64 and by ONNX Runtime', (_, { cases, opset }) => {
  let both: Awaited<ReturnType<typeof runBoth>>;
  beforeAll(async () => {
    both = await runBoth(cases, opset);
  });
  const label = ({ op, attributes }: Case) =>
    [op, ...Object.entries(attributes).map(([name, value]) => `${name}=${Object.values(value).join()}`)].join(' ');

  it.each(cases.map((c, i) => [i, label(c), c] as const))('%i %s', (i, _, c) => {
    for (let j = 0; j < c.outputs; j++) {
      const tensor = both.tensors[`${i}/${j}`];
      const exact = !tensor.dtype.startsWith('float');
      expect(difference(both.arrays[`${i}/${j}`], tensor)).toBeLessThanOrEqual(exact ? 0 : 1e-5);
    }
  });
});

describe('the evaluator', () => {
  it('has no operator that is not among the cases', () => {
    const covered = new Set(Object.values(groups).flatMap(({ cases }) => cases.map(({ op }) => op)));
    expect(Object.keys(operators).filter((op) => !covered.has(op))).toEqual([]);
  });

  it.each([
    // From the C library's erf.
    [1e-8, 1.1283791670955126e-8],
    [0.01, 0.011283415555849616],
    [0.3, 0.3286267594591274],
    [0.7, 0.6778011938374184],
    [1, 0.8427007929497149],
    [1.5, 0.9661051464753108],
    [2, 0.9953222650189527],
    [2.7, 0.9998656672600594],
    [3.5, 0.9999992569016276],
    [4.5, 0.9999999998033839],
    [5.5, 0.9999999999999927],
    [9, 1],
    [0, 0],
  ])('has an error function of double precision at %d', (x, expected) => {
    expect(Math.abs(erf(x) - expected)).toBeLessThanOrEqual(1e-15 * expected);
    expect(erf(-x)).toBeCloseTo(-erf(x), 15);
  });

  it('keeps float64: a sum that float32 loses', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [2]);
    b.output(b.op('ReduceSum', [b.add(x, b.scalar(1))])[0], 'y');
    const feed = { shape: [2], data: Float64Array.of(1e-12, 3e-12) };
    expect(evaluate(b.build(), { x: feed }).y.data[0] - 2).toBeCloseTo(4e-12, 15);
  });

  it('names what it cannot do', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [2, 3]);
    b.output(b.op('Hardmax', [x], {}, { name: 'peaks' })[0]);
    expect(() => evaluate(b.build(), { x: f(2, 3) })).toThrow('node "peaks" (Hardmax): the operator is not known here');
    expect(() => evaluate(b.build(), {})).toThrow('the input "x" is not fed');
    expect(() => evaluate(b.build(), { x: f(3, 2) })).toThrow('"x" is [3, 2], but [2, 3] by the graph');
  });
});
