// StyleGAN2 in training: what it lays is what the zoo opens, its gradient is that of differences, and it learns.

import { Ajv } from 'ajv';
import { beforeAll, describe, expect, it } from 'vitest';
import { gradients } from '../../../src/autodiff/reverse.ts';
import type { Value } from '../../../src/graph/builder.ts';
import { float32, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { adam } from '../../../src/training/loop/optimiser.ts';
import { beginState, StepRunner } from '../../../src/training/loop/run-step.ts';
import { trainingStep } from '../../../src/training/loop/step.ts';
import { styleGan2Generator } from '../../../src/training/gan/stylegan2/generator.ts';
import { styleGan2Schema } from '../../../src/training/gan/stylegan2/tensors.ts';
import type { StyleGan2Sizes } from '../../../src/training/gan/stylegan2/tensors.ts';
import { TrainingBuilder } from '../../../src/training/loop/training-builder.ts';
import { evaluate } from '../../autodiff/reference/evaluate.ts';
import { largestDifference } from '../../golden.ts';
import { absoluteError, images, relativeError } from '../../zoo/fixtures.ts';
import { generatorOf, rowOf, runGenerator } from '../../zoo/generator-fixtures.ts';
import { dataOf, engine, normal } from '../networks.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

const n = 4;
const tiny: StyleGan2Sizes = { z: 5, w: 6, mapping: 2, channels: [6, 5, 4], noise: true, classes: 3 };
const plain: StyleGan2Sizes = { z: 8, w: 8, mapping: 3, channels: [16, 16, 12, 8] };

/** Weights as if trained: biases, noise and the mean w are not what they begin as. */
function moved(state: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  let stream = 0;
  return new Map(
    [...state].map(([name, tensor]) => {
      stream++;
      if (!/\.(bias|noise_strength)$|w_avg$/.test(name)) return [name, tensor];
      const drawn = normal(tensor.shape, name.startsWith('mapping.fc') ? 20 : 0.4, 8, stream).data;
      return [
        name,
        float32(
          tensor.shape,
          toFloat32(tensor).map((value, i) => value + drawn[i]),
        ),
      ];
    }),
  );
}

interface Fed {
  readonly z: Tensor;
  readonly c?: Tensor;
  readonly noise: Readonly<Record<string, Tensor>>;
}

function fedTo(sizes: StyleGan2Sizes, seed: number): Fed {
  const { z, classes, noise = {} } = styleGan2Generator(sizes, 1);
  const rows = Array.from({ length: n * classes }, (_, i) => Number(i % classes === Math.floor(i / classes) % classes));
  return {
    z: normal([n, z], 1, seed),
    c: classes ? float32([n, classes], rows) : undefined,
    noise: Object.fromEntries(
      Object.entries(noise).map(([name, shape], i) => [name, normal([n, ...shape], 1, seed, i + 1)]),
    ),
  };
}

/** The generator in a graph of its own, with the mean square of its images less a photo as the loss. */
function laid(sizes: StyleGan2Sizes, { z, c, noise }: Fed, state: ReadonlyMap<string, Tensor>) {
  const generator = styleGan2Generator(sizes, 1);
  const b = new TrainingBuilder();
  const inputs = new Map<string, Value>();
  const live = (name: string): Value => {
    if (!inputs.has(name)) inputs.set(name, b.input(name, state.get(name)!.shape));
    return inputs.get(name)!;
  };
  const kept = Object.entries(noise).map(([name, tensor]) => [name, b.input(`noise ${name}`, tensor.shape)] as const);
  const { images: image, updates = {} } = generator.addTo(b, live, {
    z: b.input('z', z.shape),
    classes: c && b.input('c', c.shape),
    noise: kept.length ? Object.fromEntries(kept) : undefined,
  });
  b.output(b.identity(image), 'images');
  for (const [name, value] of Object.entries(updates)) b.output(value, `next ${name}`);
  const photo = images(image.shape, 12);
  const error = b.sub(image, b.constant(photo));
  const loss = b.reduceMean(b.mul(error, error), [0, 1, 2, 3]);
  const feeds: Record<string, Tensor> = { z, ...(c && { c }) };
  for (const [name, tensor] of Object.entries(noise)) feeds[`noise ${name}`] = tensor;
  for (const name of inputs.keys()) feeds[name] = state.get(name)!;
  return { b, generator, live, loss, feeds };
}

describe.each([
  ['with classes and noise', tiny],
  ['of 32x32', plain],
] as const)('StyleGAN2 %s', (_name, sizes) => {
  const generator = styleGan2Generator(sizes, 1);
  const state = moved(generator.state);
  const fed = fedTo(sizes, 7);
  const { size } = generator;
  let model: ReturnType<typeof generatorOf>;
  let shipped: Map<string, Tensor>;
  beforeAll(async () => {
    shipped = await generator.network(state, engine);
    model = generatorOf(shipped, { name: 'm' });
  });
  const zooImages = (noise: 'random' | 'const') =>
    runGenerator(
      model,
      { z: fed.z, ...(fed.c && { c: fed.c }) },
      { noise },
      (name) => fed.noise[name.replace('noise/', '')],
    );

  it('is opened by the zoo without any settings', () => {
    expect([...shipped.keys()]).toEqual([...generator.state.keys()]);
    const { z, w, mapping, classes = 0 } = sizes;
    expect(model.card.config).toEqual({
      z,
      w,
      classes,
      size,
      architecture: 'skip',
      mapping,
      mappingRate: 0.01,
      activation: 'lrelu',
      clamp: null,
    });
    expect(model.taps).toHaveLength(3 * sizes.channels.length - 1);
    expect(model.card.latent).toMatchObject({ height: size, z, w, classes });
  });

  it('lays the images that the zoo makes of its tensors, with the same noise', async () => {
    const { b, feeds } = laid(sizes, fed, state);
    const tensors = await runOnce(engine, b.build(), feeds);
    const { output } = await zooImages('random');
    const half = float32(
      output.shape,
      toFloat32(output).map((value) => value / 2 + 0.5),
    );
    expect(relativeError(tensors.images, half)).toBeLessThan(1e-5);
  });

  it('draws the mean w towards that of the batch', async () => {
    const { b, feeds } = laid(sizes, fed, state);
    const next = evaluate(b.build(), feeds)['next mapping.w_avg'].data;
    const { ws } = await zooImages('const');
    const before = toFloat32(state.get('mapping.w_avg')!);
    const expected = Float64Array.from(before, (value, k) => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += rowOf(ws, i * model.card.latent.layers)[k];
      return 0.995 * value + (0.005 * sum) / n;
    });
    expect(largestDifference(next, expected)).toBeLessThan(1e-6);
    expect(largestDifference(before, expected)).toBeGreaterThan(1e-4);
    // That is where full truncation leads.
    const { ws: centre } = await runGenerator(
      model,
      { z: fed.z, ...(fed.c && { c: fed.c }) },
      { truncation: 0, noise: 'const' },
    );
    expect(largestDifference(rowOf(centre, 1), before)).toBeLessThan(1e-6);
  });
});

describe('the gradient', () => {
  it('is that of differences for a tensor of each role, and the same in ONNX Runtime for all of them', async () => {
    const state = moved(styleGan2Generator(tiny, 1).state);
    const { b, generator, live, loss, feeds } = laid(tiny, fedTo(tiny, 3), state);
    const names = generator.trainable;
    const found = gradients(b, loss, names.map(live));
    b.output(loss, 'loss');
    found.forEach((value, i) => b.output(b.identity(value), `gradient ${i}`));
    const graph = b.build();
    const out = evaluate(graph, feeds);
    const forward = { ...graph, outputs: graph.outputs.filter(({ name }) => name === 'loss') };
    const lossAt = (name: string, at: number, by: number) => {
      const { shape, data } = state.get(name)!;
      const values = Float64Array.from(data as Float32Array);
      values[at] += by;
      return evaluate(forward, { ...feeds, [name]: { shape, data: values } }).loss.data[0];
    };
    // One tensor of each role, of the many alike.
    const roles = ['fc1.weight', 'embed.weight', 'const', 'b8.conv0.weight', 'b8.conv0.affine.weight'];
    const others = ['b16.conv1.noise_strength', 'b4.torgb.weight', 'b16.conv0.bias'];
    for (const role of [...roles, ...others]) {
      const i = names.findIndex((name) => name.endsWith(role));
      const gradient = out[`gradient ${i}`].data;
      const scale = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const at = gradient.findIndex((value) => Math.abs(value) === scale);
      const step = 1e-5 * Math.max(1, Math.abs(state.get(names[i])!.data[at] as number));
      const difference = (lossAt(names[i], at, step) - lossAt(names[i], at, -step)) / (2 * step);
      expect(Math.abs(difference - gradient[at]) / scale, names[i]).toBeLessThan(1e-6);
    }
    // ONNX Runtime computes the same, for all of them.
    const tensors = await runOnce(engine, graph, feeds);
    for (const [i, name] of names.entries()) {
      const expected = out[`gradient ${i}`].data;
      const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(scale, name).toBeGreaterThan(0);
      expect(largestDifference(toFloat32(tensors[`gradient ${i}`]), expected) / scale, name).toBeLessThan(1e-5);
    }
  });
});

describe('training', () => {
  it('makes images that come close to a photo, and keeps the mean w', async () => {
    const generator = styleGan2Generator(plain, 2);
    const photo = images([1, 3, 32, 32], 5);
    const builder = new TrainingBuilder({ name: 'draw' });
    const step = trainingStep({
      name: 'draw',
      state: generator.state,
      trainable: generator.trainable,
      batch: { z: { shape: [n, generator.z] } },
      optimiser: adam({ beta1: 0, beta2: 0.99 }),
      builder,
      addTo(b, parameters, { z }) {
        const { images: image, updates } = generator.addTo(builder, (name) => parameters.get(name), { z });
        const error = b.sub(image, b.constant(photo));
        return { loss: b.reduceMean(b.mul(error, error), [0, 1, 2, 3]), updates };
      },
    });
    expect(step.reads.filter((name) => name.includes('resample_filter'))).toEqual([]);
    const state = beginState(generator.state, [step]);
    const runner = await StepRunner.open(engine, step);
    const losses: number[] = [];
    for (let i = 0; i < 40; i++) losses.push((await runner.run(state, { z: normal([n, 8], 1, i) }, 0.01)).loss);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(losses.slice(-5))).toBeLessThan(0.5 * mean(losses.slice(0, 5)));
    expect(dataOf(state, 'mapping.w_avg').some((value) => value !== 0)).toBe(true);
    await runner.release();
  });

  it('has its own fresh weights for each seed', () => {
    const [one, again, other] = [1, 1, 2].map((seed) => styleGan2Generator(plain, seed).state);
    expect(one).toEqual(again);
    const name = 'synthesis.b8.conv0.weight';
    expect(absoluteError(one.get(name)!, other.get(name)!)).toBeGreaterThan(1);
    expect(dataOf(one, 'synthesis.b8.conv0.affine.bias')).toEqual(new Float32Array(16).fill(1));
    expect(dataOf(one, 'synthesis.b8.resample_filter').reduce((sum, value) => sum + value, 0)).toBe(1);
  });
});

describe('the schema', () => {
  const valid = new Ajv().compile(styleGan2Schema);
  it('takes sizes, and neither others nor too few', () => {
    expect([tiny, plain].map((sizes) => valid(sizes))).toEqual([true, true]);
    expect([{ ...plain, depth: 2 }, { ...plain, channels: [] }, { z: 8 }].map((sizes) => valid(sizes))).toEqual([
      false,
      false,
      false,
    ]);
  });
});
