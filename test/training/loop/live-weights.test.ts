// Networks of the zoo in training: the same graph, its weights as values, its normalisations by the batch.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/autodiff/reverse.ts';
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts';
import { toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { LiveWeights } from '../../../src/training/loop/live-weights.ts';
import { accuracy, crossEntropy, smoothed } from '../../../src/training/loop/losses.ts';
import { freshResNet } from '../../../src/training/class/tensors.ts';
import { TrainingBuilder } from '../../../src/training/loop/training-builder.ts';
import { shapesOf } from '../../../src/zoo/from-checkpoint.ts';
import { resnet } from '../../../src/zoo/encoders/resnet.ts';
import { evaluate } from '../../autodiff/reference/evaluate.ts';
import { largestDifference } from '../../golden.ts';
import { engine, images, noise } from '../../zoo/fixtures.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

const sizes = { depths: [1, 1], planes: [4, 8], stem: 6, classes: 5 };
const tensors = freshResNet(sizes, 3);
// Blocks that begin as identities would hide what their weights do.
for (const [name, { data }] of tensors) if (/bn\d\.weight$/.test(name)) (data as Float32Array).fill(0.7);
const x = noise([4, 3, 8, 8], 1);
const target: Tensor = { dtype: 'float32', shape: [4, 5], data: smoothed([0, 3, 1, 3], 5, 0.1) };

function laid(b: GraphBuilder, training: boolean) {
  const inputs = new Map<string, Value>();
  const live = (name: string): Value => {
    const known = inputs.get(name) ?? b.input(name, tensors.get(name)!.shape);
    inputs.set(name, known);
    return known;
  };
  const weights = new LiveWeights(tensors, 'net', training ? live : () => undefined);
  const config = resnet.recognise(shapesOf(tensors), {})!;
  const { output } = resnet.addTo(b, b.input('x', x.shape), weights, config);
  return { inputs, output, config };
}

async function run(b: GraphBuilder, feeds: Record<string, Tensor>) {
  const out = await runOnce(engine, b.build(), feeds);
  return out;
}

describe('a ResNet in training', () => {
  it('is recognised by the zoo, with the form that it was made with', () => {
    expect(laid(new GraphBuilder(), false).config).toEqual({
      depths: [1, 1],
      block: 'bottleneck',
      stem: 'cifar',
      shortcut: 'projection',
      strideOn: 'conv2',
    });
  });

  it('computes the same with live weights as with constants, where normalisations are not those of training', async () => {
    const [live, fixed] = [new GraphBuilder(), new GraphBuilder()];
    const one = laid(live, true);
    live.output(live.identity(one.output), 'y');
    fixed.output(fixed.identity(laid(fixed, false).output), 'y');
    const feeds = Object.fromEntries([...one.inputs.keys()].map((name) => [name, tensors.get(name)!]));
    const [a, b] = [await run(live, { x, ...feeds }), await run(fixed, { x })];
    expect(largestDifference(toFloat32(a.y), toFloat32(b.y))).toBeLessThan(1e-5);
  });

  it('has the gradient that differences give, and running statistics of the batch', async () => {
    const b = new TrainingBuilder({}, 0.25);
    const { inputs, output } = laid(b, true);
    const loss = crossEntropy(b, output, b.input('target', [4, 5]));
    const names = [
      'conv1.weight',
      'layer1.0.conv2.weight',
      'layer2.0.downsample.0.weight',
      'layer2.0.bn3.weight',
      'fc.bias',
    ];
    const found = gradients(
      b,
      loss,
      names.map((name) => inputs.get(name)!),
    );
    b.output(loss, 'loss');
    found.forEach((value, i) => b.output(b.identity(value), `gradient ${i}`));
    for (const [name, value] of b.updates) b.output(b.identity(value), `new ${name}`);
    const graph = b.build();
    const feeds = { x, target, ...Object.fromEntries([...inputs.keys()].map((name) => [name, tensors.get(name)!])) };
    const out = evaluate(graph, feeds);
    const lossAt = (name: string, at: number, by: number) => {
      const { shape, data } = tensors.get(name)!;
      const moved = Float64Array.from(data as Float32Array);
      moved[at] += by;
      return evaluate(graph, { ...feeds, [name]: { shape, data: moved } }).loss.data[0];
    };
    for (const [i, name] of names.entries()) {
      const gradient = out[`gradient ${i}`].data;
      const scale = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(scale).toBeGreaterThan(1e-4);
      const at = gradient.findIndex((value) => Math.abs(value) === scale);
      const difference = (lossAt(name, at, 1e-6) - lossAt(name, at, -1e-6)) / 2e-6;
      expect(Math.abs(difference - gradient[at]) / scale).toBeLessThan(1e-5);
    }
    // ONNX Runtime computes the same.
    const ran = await run(b, feeds);
    for (const [name, { data }] of Object.entries(out)) {
      const scale = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largestDifference(toFloat32(ran[name]), data) / scale, name).toBeLessThan(1e-4);
    }
    // The first convolution's statistics, by hand: 3/4 of what was, 1/4 of the batch's.
    const fixed = new GraphBuilder();
    const first = fixed.conv(fixed.input('x', x.shape), fixed.constant(tensors.get('conv1.weight')!), undefined, {
      pads: [1, 1, 1, 1],
    });
    fixed.output(first, 'y');
    const y = toFloat32((await run(fixed, { x })).y);
    const [n, channels, plane] = [4, 6, 64];
    const values = (c: number) =>
      Array.from({ length: n }, (_, i) => [
        ...y.subarray((i * channels + c) * plane, (i * channels + c + 1) * plane),
      ]).flat();
    for (let c = 0; c < channels; c++) {
      const mean = values(c).reduce((s, v) => s + v, 0) / (n * plane);
      const variance = values(c).reduce((s, v) => s + (v - mean) ** 2, 0) / (n * plane - 1);
      expect(out['new bn1.running_mean'].data[c]).toBeCloseTo(0.25 * mean, 5);
      expect(out['new bn1.running_var'].data[c]).toBeCloseTo(0.75 + 0.25 * variance, 5);
    }
  });

  it('refuses to derive a constant from what is trained', () => {
    const b = new GraphBuilder();
    const weights = new LiveWeights(tensors, 'net', (name) => (name === 'fc.bias' ? b.input(name, [5]) : undefined));
    const double = (name: string) =>
      weights.derived(b, `${name}:double`, () => {
        const data = weights.values(name).map((v) => 2 * v);
        return { dtype: 'float32', shape: [data.length], data };
      });
    expect(double('bn1.bias').shape).toEqual([6]);
    expect(() => double('fc.bias')).toThrow(/"fc.bias:double" is computed from "fc.bias", which is trained/);
  });
});

describe('losses', () => {
  it('are those of float64 formulas', async () => {
    const logits = images([4, 5], 9);
    const b = new GraphBuilder();
    const [l, t] = [b.input('logits', [4, 5]), b.input('target', [4, 5])];
    b.output(crossEntropy(b, l, t), 'loss');
    b.output(accuracy(b, l, t), 'accuracy');
    const out = await run(b, { logits, target });
    const rows = [0, 1, 2, 3].map((i) => Array.from(logits.data.subarray(5 * i, 5 * i + 5)));
    const goal = [0, 1, 2, 3].map((i) => Array.from((target.data as Float32Array).subarray(5 * i, 5 * i + 5)));
    const loss = rows.map((row, i) => {
      const sum = Math.log(row.reduce((s, v) => s + Math.exp(v), 0));
      return -row.reduce((s, v, k) => s + goal[i][k] * (v - sum), 0);
    });
    const hits = rows.filter((row, i) => row.indexOf(Math.max(...row)) === goal[i].indexOf(Math.max(...goal[i])));
    expect(toFloat32(out.loss)[0]).toBeCloseTo(loss.reduce((s, v) => s + v, 0) / 4, 5);
    expect(toFloat32(out.accuracy)[0]).toBeCloseTo(hits.length / 4, 6);
  });
});
