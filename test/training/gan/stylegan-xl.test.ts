// StyleGAN-XL in training: its plan and filters are the official ones, what it lays is what the zoo opens, its gradient is
// that of differences, its running means follow, and it learns.

import { Ajv } from 'ajv';
import { beforeAll, describe, expect, it } from 'vitest';
import { gradients } from '../../../src/autodiff/reverse.ts';
import type { Value } from '../../../src/graph/builder.ts';
import { pruneGraph } from '../../../src/graph/prune.ts';
import { float32, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { adam } from '../../../src/training/loop/optimiser.ts';
import { beginState, StepRunner } from '../../../src/training/loop/run-step.ts';
import { trainingStep } from '../../../src/training/loop/step.ts';
import { styleGanXlGenerator } from '../../../src/training/gan/stylegan-xl/generator.ts';
import { styleGanXlSchema } from '../../../src/training/gan/stylegan-xl/tensors.ts';
import { lowPass, planSynthesis } from '../../../src/training/gan/stylegan-xl/layers.ts';
import type { StyleGanXlSizes } from '../../../src/training/gan/stylegan-xl/tensors.ts';
import { TrainingBuilder } from '../../../src/training/loop/training-builder.ts';
import type { PartialCard } from '../../../src/zoo/card.ts';
import { evaluate } from '../../autodiff/reference/evaluate.ts';
import { largestDifference } from '../../golden.ts';
import { images, relativeError } from '../../zoo/fixtures.ts';
import { generatorOf, manifestOf, rowOf, runGenerator, tensorsOf } from '../../zoo/generator-fixtures.ts';
import { dataOf, engine, normal } from '../networks.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

const n = 5;
const labels = [1, 0, 1, 2, 1];
/** With channels that the zoo holds as they are, and with others. */
const tiny: StyleGanXlSizes = {
  ...{ size: 8, channels: [20, 16, 12], z: 5, w: 6, classes: 3, critical: 1, mappingRate: 0.1 },
  ...{ margin: 1, filterSize: 4, firstCutoff: 1, firstStopband: 1.5 },
};
const plain: StyleGanXlSizes = { size: 32, channels: [16, 16, 16, 16], z: 8, w: 8, classes: 3, margin: 2 };

const z = (sizes: StyleGanXlSizes, count = n) => normal([count, sizes.z], 1, 7);
const oneHot = (count = n) =>
  float32(
    [count, 3],
    Float32Array.from({ length: 3 * count }, (_, at) => +(labels[Math.floor(at / 3)] === at % 3)),
  );
const c = oneHot();

/** Weights as if trained: biases, the motion of the input and running means are not what they begin as. */
function moved(state: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  let stream = 0;
  return new Map(
    [...state].map(([name, tensor]) => {
      stream++;
      if (!/\.bias$|w_avg$|magnitude_ema$|input\.affine/.test(name)) return [name, tensor];
      const drawn = normal(tensor.shape, name.startsWith('mapping.fc') ? 3 : 0.3, 8, stream).data;
      const values = toFloat32(tensor).map((value, i) => value + drawn[i]);
      return [name, float32(tensor.shape, name.endsWith('magnitude_ema') ? values.map((v) => 0.5 + v * v) : values)];
    }),
  );
}

/** The generator in a graph of its own, with the mean square of its images less a photo as the loss. */
function laid(sizes: StyleGanXlSizes, state: ReadonlyMap<string, Tensor>, count = n) {
  const generator = styleGanXlGenerator(sizes, 1);
  const b = new TrainingBuilder();
  const inputs = new Map<string, Value>();
  const live = (name: string): Value => {
    if (!inputs.has(name)) inputs.set(name, b.input(name, state.get(name)!.shape));
    return inputs.get(name)!;
  };
  const given = { z: b.input('z', [count, sizes.z]), classes: b.input('c', [count, 3]) };
  const { images: image, updates = {} } = generator.addTo(b, live, given);
  b.output(b.identity(image), 'images');
  for (const [name, value] of Object.entries(updates)) b.output(value, `next ${name}`);
  const error = b.sub(image, b.constant(images(image.shape, 12)));
  const loss = b.reduceMean(b.mul(error, error), [0, 1, 2, 3]);
  const feeds: Record<string, Tensor> = { z: z(sizes, count), c: oneHot(count) };
  for (const name of inputs.keys()) feeds[name] = state.get(name)!;
  return { b, live, loss, feeds };
}

describe('the plan of the layers', () => {
  it('is the official one', () => {
    const { config, layers } = manifestOf('stylegan3r') as unknown as {
      config: Record<string, number>;
      layers: Record<string, unknown>[];
    };
    const plan = planSynthesis({
      size: config.img_resolution,
      channels: layers.slice(0, -1).map(({ out_channels: channels }) => channels as number),
      kernel: config.conv_kernel as 1 | 3,
      margin: config.margin_size,
    });
    expect(plan.layers.map(({ layer, inputs, outputs, kernel }) => ({ ...layer, inputs, outputs, kernel }))).toEqual(
      layers.map((layer) => ({
        ...{ name: layer.name, up: layer.up_factor, down: layer.down_factor, padding: layer.padding },
        ...{ clamp: null, toRgb: layer.is_torgb },
        ...{ inputs: layer.in_channels, outputs: layer.out_channels, kernel: layer.conv_kernel },
      })),
    );
    expect(plan.input).toEqual({ size: 28, samplingRate: 16, bandwidth: 2 });
  });

  it.each([
    ['stylegan3r', 'stylegan3r_small.pkl'],
    ['styleganxl', 'imagenet32_small.pkl'],
  ])('has the low-pass filters of the official code: %s', async (folder, file) => {
    const { network } = await tensorsOf(`test/golden/${folder}/${file}`);
    const { layers } = manifestOf(folder) as unknown as {
      layers: (Record<string, number> & { name: string; use_radial_filters: boolean })[];
    };
    let seen = 0;
    for (const layer of layers) {
      const rate = layer.in_sampling_rate * layer.up_factor;
      for (const [part, side] of [
        ['up', 'in'],
        ['down', 'out'],
      ]) {
        const filter = network.get(`synthesis.${layer.name}.${part}_filter`);
        if (filter?.shape.length !== 1) continue;
        const found = lowPass(filter.shape[0], layer[`${side}_cutoff`], 2 * layer[`${side}_half_width`], rate);
        expect(largestDifference(found, toFloat32(filter))).toBeLessThan(1e-7);
        seen++;
      }
    }
    expect(seen).toBeGreaterThan(6);
  });

  it('is refused where the layers do not lead from the first band to the last', () => {
    expect(() => planSynthesis({ size: 32, channels: [16, 16] })).toThrow(/more layers/);
    expect(() => planSynthesis({ size: 32, channels: [16, 16, 16], firstCutoff: 20 })).toThrow(/16 to 19/);
  });
});

describe.each([
  ['with channels of all numbers', tiny],
  ['of 32x32', plain],
] as const)('StyleGAN-XL %s', (_name, sizes) => {
  const generator = styleGanXlGenerator(sizes, 1);
  const state = moved(generator.state);
  const { card } = generator;
  let model: ReturnType<typeof generatorOf>;
  let zoo: Awaited<ReturnType<typeof runGenerator>>;
  beforeAll(async () => {
    const shipped = await generator.network(state, engine);
    model = generatorOf(shipped, { name: 'm', card: { ...card, name: 'm' }, settings: { margins: 'keep' } });
    zoo = await runGenerator(model, { z: z(sizes), c });
  });

  it('is opened by the zoo with the configuration of its card', async () => {
    const fresh = generatorOf(generator.state, {
      name: 'm',
      card: JSON.parse(JSON.stringify({ ...card, name: 'm' })) as PartialCard,
    });
    const { size, channels } = sizes;
    expect(fresh.card.latent).toMatchObject({ z: sizes.z, w: sizes.w, classes: 3, height: size, width: size });
    expect(fresh.card.latent.layers).toBe(channels.length + 2);
    expect(fresh.taps.map((tap) => tap.channels)).toEqual([channels[0], ...channels, 3, 3]);
    // Until the running powers follow, each fresh layer loses what leaky ReLU and filters take.
    const { taps } = await runGenerator(fresh, { z: z(sizes), c });
    for (const { layer } of fresh.taps.slice(0, -2)) {
      const values = toFloat32(taps[layer]);
      const power = values.reduce((sum, value) => sum + value * value, 0) / values.length;
      expect(power, layer).toBeGreaterThan(0.01);
      expect(power, layer).toBeLessThan(1);
    }
  });

  it('lays the images that the zoo makes of its tensors', async () => {
    const { b, feeds } = laid(sizes, state);
    const tensors = await runOnce(engine, b.build(), feeds);
    const half = toFloat32(zoo.output).map((value) => value / 2 + 0.5);
    expect(relativeError(tensors.images, float32(zoo.output.shape, half))).toBeLessThan(1e-5);
  });

  it('follows the power of the input of every layer, and the mean w of every class image by image', async () => {
    const { b, feeds } = laid(sizes, state);
    const tensors = await runOnce(engine, b.build(), feeds);
    const names = model.taps.map(({ layer }) => layer).filter((layer) => layer !== 'synthesis');
    const decay = 0.5 ** (n / 2000);
    names.slice(1).forEach((layer, i) => {
      const values = toFloat32(zoo.taps[names[i]]);
      const power = values.reduce((sum, value) => sum + value * value, 0) / values.length;
      const [before] = dataOf(state, `${layer}.magnitude_ema`);
      const [after] = toFloat32(tensors[`next ${layer}.magnitude_ema`]);
      expect(after).toBeCloseTo(before * decay + power * (1 - decay), 6);
      expect(after).not.toBe(before);
    });
    const means = Float64Array.from(toFloat32(state.get('mapping.w_avg')!));
    labels.forEach((label, i) => {
      const w = rowOf(zoo.ws, i * model.card.latent.layers);
      w.forEach((value, k) => {
        const at = label * sizes.w + k;
        means[at] = 0.998 * means[at] + 0.002 * value;
      });
    });
    expect(largestDifference(toFloat32(tensors['next mapping.w_avg']), means)).toBeLessThan(1e-6);
  });
});

it('has the gradient that differences give, for every kind of tensor', () => {
  const { trainable, state: begun } = styleGanXlGenerator(tiny, 1);
  const state = moved(begun);
  const { b, live, loss, feeds } = laid(tiny, state, 2);
  const names = trainable.filter((name) => !/\.L[12]_/.test(name));
  const found = gradients(b, loss, names.map(live));
  b.output(loss, 'loss');
  found.forEach((value, i) => b.output(b.identity(value), `gradient ${i}`));
  const graph = b.build();
  const out = evaluate(graph, feeds);
  const alone = pruneGraph({ ...graph, outputs: graph.outputs.filter(({ name }) => name === 'loss') });
  const lossAt = (name: string, at: number, by: number) => {
    const values = Float64Array.from(dataOf(state, name));
    values[at] += by;
    return evaluate(alone, { ...feeds, [name]: { shape: state.get(name)!.shape, data: values } }).loss.data[0];
  };
  for (const [i, name] of names.entries()) {
    const gradient = out[`gradient ${i}`].data;
    const scale = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(scale, name).toBeGreaterThan(1e-7);
    const at = gradient.findIndex((value) => Math.abs(value) === scale);
    const step = 1e-6 * Math.max(1, Math.abs(dataOf(state, name)[at]));
    const difference = (lossAt(name, at, step) - lossAt(name, at, -step)) / (2 * step);
    expect(Math.abs(difference - gradient[at]) / scale, name).toBeLessThan(1e-4);
  }
});

it('learns a few pictures, and moves nothing that is fixed', async () => {
  const generator = styleGanXlGenerator(tiny, 3);
  const { state, trainable } = generator;
  // A colour for each class, darker towards one side.
  const photos = float32(
    [n, 3, 8, 8],
    Float32Array.from({ length: n * 192 }, (_, at) => {
      const [x, channel, label] = [at % 8, Math.floor(at / 64) % 3, labels[Math.floor(at / 192)]];
      return (channel === label ? 0.9 : 0.3) * (1 - x / 12);
    }),
  );
  const step = trainingStep({
    name: 'pictures',
    state,
    trainable,
    batch: { z: { shape: [n, tiny.z] }, c: { shape: [n, 3] }, photos: { shape: photos.shape } },
    optimiser: adam({ beta1: 0 }),
    ema: { decay: 0.9 },
    addTo(b, parameters, fed) {
      const made = generator.addTo(b as TrainingBuilder, (name) => parameters.get(name), { z: fed.z, classes: fed.c });
      const error = b.sub(made.images, fed.photos);
      return { loss: b.reduceMean(b.mul(error, error), [0, 1, 2, 3]), updates: made.updates };
    },
  });
  const moves = step.writes.filter((name) => state.has(name)).sort();
  expect(moves).toEqual([...trainable, ...[...state.keys()].filter((name) => /w_avg|magnitude_ema/.test(name))].sort());
  const runner = await StepRunner.open(engine, step);
  const running = beginState(state, [step]);
  const losses: number[] = [];
  for (let i = 0; i < 60; i++) losses.push((await runner.run(running, { z: z(tiny), c, photos }, 0.02)).loss);
  expect(losses.at(-1)).toBeLessThan(0.3 * losses[0]);
  await runner.release();
});

it('has a schema that knows its sizes, with the defaults of the plan', () => {
  const validate = new Ajv().compile(styleGanXlSchema);
  expect([tiny, plain].map((sizes) => validate(sizes))).toEqual([true, true]);
  expect(validate({ ...tiny, kernel: 2 })).toBe(false);
  expect(validate({ ...plain, layers: 3 })).toBe(false);
});
