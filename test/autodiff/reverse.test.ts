// Reverse mode as a whole: paths, stops, graphs in and out, recomputation. Single rules are tested beside this.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cotangentName, gradient, gradientName, vjp } from '../../src/autodiff/gradient.ts';
import { gradients, vectorJacobian } from '../../src/autodiff/reverse.ts';
import { gradientRules } from '../../src/autodiff/rules/index.ts';
import { simplify } from '../../src/autodiff/simplify.ts';
import { UserError } from '../../src/errors.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { int } from '../../src/graph/attributes.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { pruneGraph } from '../../src/graph/prune.ts';
import { float32, sizeOf, type Float32Tensor } from '../../src/graph/tensor.ts';
import { largestDifference } from '../golden.ts';
import { engine } from '../zoo/fixtures.ts';
import { uniform } from './check.ts';
import { evaluate } from './reference/evaluate.ts';
import { runOnce } from '../../src/runtime/run-once.ts';

function random(shape: readonly number[], seed: number): Float32Tensor {
  const next = uniform(seed);
  return float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => 2 * next() - 1),
  );
}

const total = (b: GraphBuilder, x: Value): Value => b.reduceSum(x, [...x.shape.keys()]);

/** A perceptron of so many layers: x and the weights `w0`, ... as inputs, the loss as output. */
function perceptron(layers: number, width = 6): Graph {
  const b = new GraphBuilder({ name: 'perceptron' });
  let x = b.input('x', [3, width]);
  for (let i = 0; i < layers; i++) x = b.tanh(b.matmul(x, b.input(`w${i}`, [width, width])));
  b.output(total(b, b.mul(x, x)), 'loss');
  return b.build();
}

const perceptronFeeds = (layers: number, width = 6): Record<string, Float32Tensor> => ({
  x: random([3, width], 1),
  ...Object.fromEntries(Array.from({ length: layers }, (_, i) => [`w${i}`, random([width, width], 2 + i)])),
});

describe('gradients', () => {
  it('adds up what reaches a value on several ways', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [2]);
    const y = b.mul(x, x);
    // 3 x^2 + x: 6 x + 1.
    b.output(gradients(b, total(b, b.add(b.add(y, b.add(y, y)), x)), [x])[0], 'd');
    expect(Array.from(evaluate(b.build(), { x: float32([2], [1, -2]) }).d.data)).toEqual([7, -11]);
  });

  it('gives intermediate values their gradient, and those before them theirs', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [2]);
    const y = b.mul(x, 3);
    const [dy, dx] = gradients(b, total(b, b.mul(y, y)), [y, x]);
    b.output(dy, 'dy');
    b.output(dx, 'dx');
    const { dy: found, dx: before } = evaluate(b.build(), { x: float32([2], [1, -2]) });
    expect(Array.from(found.data)).toEqual([6, -12]);
    expect(Array.from(before.data)).toEqual([18, -36]);
  });

  it('is zero for what the loss does not depend on, and stops where it is told to', () => {
    const b = new GraphBuilder();
    const [x, z] = [b.input('x', [2]), b.input('z', [3, 1])];
    const y = b.mul(x, 3);
    const loss = total(b, b.mul(y, x));
    gradients(b, loss, [x, z], { stop: [y] }).forEach((value, i) => b.output(b.identity(value), `d${i}`));
    const { d0, d1 } = evaluate(b.build(), { x: float32([2], [1, -2]), z: float32([3, 1], [1, 1, 1]) });
    expect(Array.from(d0.data)).toEqual([3, -6]);
    expect(d1).toEqual({ shape: [3, 1], data: new Float64Array(3) });
  });

  it('weights several values by their cotangents', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [2]);
    const seeds = [
      [b.mul(x, x), b.constant(float32([2], [1, 0]))],
      [b.mul(x, 5), b.constant(float32([2], [0, 2]))],
    ] as const;
    b.output(vectorJacobian(b, seeds, [x])[0], 'd');
    expect(Array.from(evaluate(b.build(), { x: float32([2], [3, 3]) }).d.data)).toEqual([6, 10]);
  });

  it('names the node and the operator that has no gradient', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [4]);
    const y = b.less(x, -9);
    const [det] = b.op('Det', [b.reshape(x, [2, 2])], {}, { name: 'the determinant' });
    expect(() => gradients(b, det, [x])).toThrow(/Node "the determinant" \(Det\) has no gradient rule/);
    expect(() => gradients(b, det, [x])).toThrow(UserError);
    // What is no float carries no gradient, and needs no rule.
    b.output(gradients(b, total(b, b.where(y, x, b.mul(x, 2))), [x])[0], 'd');
    expect(Array.from(evaluate(b.build(), { x: float32([4], [1, 2, 3, 4]) }).d?.data ?? [])).toEqual([2, 2, 2, 2]);
  });

  it('wants a loss of one element', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [4]);
    expect(() => gradients(b, b.relu(x), [x])).toThrow(/has the shape \[4\], but a gradient is that of one number/);
  });
});

describe('recomputation', () => {
  it.each([2, 3, 7, 50])('gives the same gradient with the forward pass in %i segments', async (segments) => {
    const graph = perceptron(12);
    const names = ['x', 'w0', 'w7'];
    const feeds = perceptronFeeds(12);
    const run = async (given?: { segments: number }) => {
      const tensors = await runOnce(engine, gradient(graph, 'loss', names, given), feeds);
      return names.map((name) => tensors[gradientName(name)].data as Float32Array);
    };
    const [whole, parts] = [await run(), await run({ segments })];
    whole.forEach((values, i) => expect(largestDifference(values, parts[i])).toBeLessThan(1e-6));
    expect(Math.max(...whole[0].map(Math.abs))).toBeGreaterThan(1e-3);
    // More nodes: the forward pass is there a second time, but for the last segment.
    const count = (g: Graph) => g.nodes.filter(({ op }) => op === 'Tanh').length;
    expect(count(gradient(graph, 'loss', names))).toBe(12);
    expect(count(gradient(graph, 'loss', names, { segments }))).toBeGreaterThan(12);
  });
});

describe('gradients of graphs', () => {
  it('keeps inputs and outputs, and adds gradients by name: of inputs, weights and values between', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [2, 3]);
    const w = float32([3, 2], [1, 2, 3, 4, 5, 6]);
    // A second weight of the same tensor is another weight.
    const hidden = b.matmul(x, b.constant(w, 'w'), 'hidden');
    b.output(total(b, b.mul(hidden, b.matmul(x, b.constant(w, 'v')))), 'loss');
    const extended = gradient(b.build(), 'loss', ['x', 'w', 'hidden']);
    expect(extended.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(extended.outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['loss', []],
      ['gradient of x', [2, 3]],
      ['gradient of w', [3, 2]],
      ['gradient of hidden', [2, 2]],
    ]);
    const input = [1, 0, -1, 2, 1, 0];
    const values = evaluate(extended, { x: float32([2, 3], input) });
    // hidden = x w; the loss is |x w|^2 in value, but w and v are apart: d/dw = x' (x v), d/dx = 2 (x w) w'.
    const product = [0, 1].map((i) =>
      [0, 1].map((j) => [0, 1, 2].reduce((s, k) => s + input[3 * i + k] * w.data[2 * k + j], 0)),
    );
    expect(Array.from(values['gradient of hidden'].data)).toEqual(product.flat());
    const dw = [0, 1, 2].flatMap((k) =>
      [0, 1].map((j) => [0, 1].reduce((s, i) => s + input[3 * i + k] * product[i][j], 0)),
    );
    expect(Array.from(values['gradient of w'].data)).toEqual(dw);
    const dx = [0, 1].flatMap((i) =>
      [0, 1, 2].map((k) => [0, 1].reduce((s, j) => s + 2 * product[i][j] * w.data[2 * k + j], 0)),
    );
    expect(Array.from(values['gradient of x'].data)).toEqual(dx);
  });

  it('takes cotangents as inputs', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [2]);
    b.output(b.mul(x, x), 'y');
    const values = evaluate(vjp(b.build(), ['y'], ['x']), {
      x: float32([2], [3, 4]),
      [cotangentName('y')]: float32([2], [1, 10]),
    });
    expect(Array.from(values[gradientName('x')].data)).toEqual([6, 80]);
  });

  it('tells what is wrong with a request', () => {
    const graph = perceptron(1);
    expect(() => gradient(graph, 'lost', ['x'])).toThrow(/has no value "lost"/);
    expect(() => gradient(graph, 'loss', ['w9'])).toThrow(/has no value "w9"/);
    const dynamic = { ...graph, inputs: [{ ...graph.inputs[0], shape: ['batch', 6] }, ...graph.inputs.slice(1)] };
    expect(() => gradient(dynamic, 'loss', ['x'])).toThrow(/"x".*dynamic dimensions; bind them/);
  });

  it('goes through gradients a second time', () => {
    const once = gradient(perceptron(2), 'loss', ['x']);
    const b = new GraphBuilder();
    const inputs = Object.fromEntries(once.inputs.map(({ name, shape }) => [name, b.input(name, shape as number[])]));
    const { [gradientName('x')]: dx } = b.inline(once, inputs);
    b.output(total(b, b.mul(dx, dx)), 'penalty');
    b.output(b.identity(gradients(b, b.value('penalty'), [inputs.w0])[0]), 'd');
    const graph = b.build();
    const feeds = perceptronFeeds(2);
    const { d } = evaluate(graph, feeds);
    const penalty = (by: number) => {
      const moved = Float64Array.from(feeds.w0.data);
      moved[5] += by;
      return evaluate(graph, { ...feeds, w0: { shape: [6, 6], data: moved } }).penalty.data[0];
    };
    expect((penalty(1e-5) - penalty(-1e-5)) / 2e-5).toBeCloseTo(d.data[5], 5);
  });
});

describe('simplify', () => {
  it('computes the same with fewer nodes', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [2, 3]);
    const same = [b.exp(x), b.exp(x)];
    const one = b.expand(b.mul(b.scalar(0.5), 2), [2, 3]);
    let y = b.add(b.mul(same[0], one), same[1]);
    y = b.transpose(b.reshape(b.cast(b.identity(y), 'float32'), [2, 3]), [0, 1]);
    b.output(b.add(y, b.expand(b.reduceSum(x, [1], true), [2, 3]), 'y'));
    const [before, graph] = [b.build(), simplify(b.build())];
    expect(graph.nodes.map(({ op }) => op).sort()).toEqual(['Add', 'Add', 'Exp', 'ReduceSum']);
    const feeds = { x: random([2, 3], 5) };
    const [expected, found] = [evaluate(before, feeds).y, evaluate(graph, feeds).y];
    expect(found.shape).toEqual(expected.shape);
    expect(largestDifference(found.data, expected.data)).toBeLessThan(1e-7);
  });

  it('leaves alone what is random, has graphs inside, or is an output', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [2]);
    const noise = () => b.op('RandomNormalLike', [x], { dtype: int(1) })[0];
    b.output(b.sub(noise(), noise()), 'noise');
    b.output(b.identity(x), 'copy');
    b.output(b.relu(x), 'a');
    b.output(b.relu(x), 'b');
    const graph = simplify(b.build());
    expect(graph.outputs.map(({ name }) => name)).toEqual(['noise', 'copy', 'a', 'b']);
    expect(graph.nodes.filter(({ op }) => op === 'RandomNormalLike')).toHaveLength(2);
    const rest = pruneGraph({ ...graph, outputs: graph.outputs.slice(1) });
    const { copy, a, b: second } = evaluate(rest, { x: float32([2], [-1, 2]) });
    expect([Array.from(copy.data), Array.from(a.data), Array.from(second.data)]).toEqual([
      [-1, 2],
      [0, 2],
      [0, 2],
    ]);
  });
});

it('documents every operator that has a rule, and no other', () => {
  const page = readFileSync('docs/autodiff.md', 'utf8');
  const listed = [...page.matchAll(/^\| ([A-Z]\w+) +\|/gm)].map(([, name]) => name);
  expect(listed.sort()).toEqual(Object.keys(gradientRules).sort());
});
