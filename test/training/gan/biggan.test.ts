// BigGAN-deep in training: its gradient, its spectral norms, its statistics, and the network that the zoo opens of it.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/autodiff/reverse.ts';
import type { Value } from '../../../src/graph/builder.ts';
import { float32, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { bigGanGenerator } from '../../../src/training/gan/biggan/generator.ts';
import { bigGanSchema } from '../../../src/training/gan/biggan/tensors.ts';
import { bigGanTensors, type BigGanSizes } from '../../../src/training/gan/biggan/tensors.ts';
import { LiveWeights } from '../../../src/training/loop/live-weights.ts';
import { adam } from '../../../src/training/loop/optimiser.ts';
import { beginState, StepRunner } from '../../../src/training/loop/run-step.ts';
import { standingSamples } from '../../../src/training/gan/biggan/standing-statistics.ts';
import { trainingStep } from '../../../src/training/loop/step.ts';
import { TrainingBuilder } from '../../../src/training/loop/training-builder.ts';
import { biggan, addBigGan } from '../../../src/zoo/biggan/biggan.ts';
import { normalisedWeight, storedNorms } from '../../../src/zoo/biggan/weights.ts';
import { shapesOf } from '../../../src/zoo/from-checkpoint.ts';
import { Weights } from '../../../src/zoo/weights.ts';
import { evaluate } from '../../autodiff/reference/evaluate.ts';
import { largestDifference } from '../../golden.ts';
import { images, noise } from '../../zoo/fixtures.ts';
import { generatorOf, runGenerator } from '../../zoo/generator-fixtures.ts';
import { engine, normal } from '../networks.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

const sizes: BigGanSizes = { z: 6, embedding: 5, classes: 3, channels: [16, 8, 4], attention: 8 };
const standing = { batch: 8, batches: 1, seed: 3 };
const generator = bigGanGenerator(sizes, 1, standing);
const config = biggan.recognise(shapesOf(bigGanTensors(sizes, 1)), {})!;
// What begins at zero would hide what is behind it.
const state = new Map(generator.state);
for (const [i, name] of [...state.keys()].entries()) {
  if (/gamma|bias$/.test(name)) state.set(name, normal(state.get(name)!.shape, 0.5, 8, i));
}
const oneHot = (labels: readonly number[]): Tensor =>
  float32(
    [labels.length, 3],
    labels.flatMap((label) => [0, 1, 2].map((c) => Number(c === label))),
  );

/** Tensors as inputs of a graph, each from when it is first asked for. */
function liveInputs(b: TrainingBuilder, tensors: ReadonlyMap<string, Tensor>) {
  const inputs = new Map<string, Value>();
  const live = (name: string): Value => {
    const known = inputs.get(name) ?? b.input(name, tensors.get(name)!.shape);
    inputs.set(name, known);
    return known;
  };
  return { inputs, live };
}

function laid(n: number) {
  const b = new TrainingBuilder();
  const { inputs, live } = liveInputs(b, state);
  const out = generator.addTo(b, live, { z: b.input('z', [n, sizes.z]), classes: b.input('c', [n, 3]) });
  return { b, inputs, live, ...out };
}

async function run(b: TrainingBuilder, feeds: Readonly<Record<string, Tensor>>) {
  const tensors = await runOnce(engine, b.build(), feeds);
  return tensors;
}

const feedsOf = (tensors: ReadonlyMap<string, Tensor>, names: Iterable<string>) =>
  Object.fromEntries([...names].map((name) => [name, tensors.get(name)!]));

describe('a BigGAN-deep in training', () => {
  it('has the gradient that differences give', async () => {
    const { b, inputs, live, images: made } = laid(3);
    const goal = b.input('goal', made.shape);
    const difference = b.sub(made, goal);
    const loss = b.reduceMean(b.mul(difference, difference), [0, 1, 2, 3]);
    const names = [
      'embeddings.weight',
      'generator.gen_z.weight_orig',
      'generator.layers.0.bn_0.scale.weight_orig',
      'generator.layers.1.bn_2.offset.weight_orig',
      'generator.layers.1.conv_1.weight_orig',
      'generator.layers.1.conv_3.bias',
      'generator.layers.2.snconv1x1_g.weight_orig',
      'generator.layers.2.gamma',
      'generator.bn.weight',
      'generator.conv_to_rgb.weight_orig',
    ];
    const found = gradients(b, loss, names.map(live));
    b.output(loss, 'loss');
    found.forEach((value, i) => b.output(b.identity(value), `gradient ${i}`));
    const graph = b.build();
    const given = { z: noise([3, sizes.z], 4), c: oneHot([0, 2, 1]), goal: images(made.shape, 5) };
    const feeds = { ...given, ...feedsOf(state, inputs.keys()) };
    const out = evaluate(graph, feeds);
    const lossAt = (name: string, at: number, by: number) => {
      const { shape, data } = state.get(name)!;
      const moved = Float64Array.from(data as Float32Array);
      moved[at] += by;
      return evaluate(graph, { ...feeds, [name]: { shape, data: moved } }).loss.data[0];
    };
    const ran = await run(b, feeds);
    for (const [i, name] of names.entries()) {
      const gradient = out[`gradient ${i}`].data;
      const scale = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(scale, name).toBeGreaterThan(1e-6);
      const at = gradient.findIndex((value) => Math.abs(value) === scale);
      const by = 1e-5 * Math.abs((state.get(name)!.data as Float32Array)[at]);
      const slope = (lossAt(name, at, by) - lossAt(name, at, -by)) / (2 * by);
      expect(Math.abs(slope - gradient[at]) / scale, name).toBeLessThan(1e-5);
      // ONNX Runtime computes the same.
      expect(largestDifference(toFloat32(ran[`gradient ${i}`]), gradient) / scale, name).toBeLessThan(1e-3);
    }
  });

  it('divides weights by their largest singular value, which the updates find', async () => {
    // Between two reflections the singular values are those that are on the diagonal.
    const layer = 'generator.layers.0.conv_1';
    const { shape } = state.get(`${layer}.weight_orig`)!;
    const [rows, columns] = [shape[0], 9 * shape[1]];
    const values = [3, 2, 1, 0.5];
    const unit = (length: number, seed: number) => {
      const { data } = noise([length], seed);
      return data.map((value) => value / Math.hypot(...data));
    };
    const [p, q] = [unit(rows, 1), unit(columns, 2)];
    const reflected = (a: Float32Array, i: number, j: number) => Number(i === j) - 2 * a[i] * a[j];
    const matrix = Float64Array.from({ length: rows * columns }, (_, at) =>
      values.reduce(
        (sum, value, k) => sum + reflected(p, Math.floor(at / columns), k) * value * reflected(q, k, at % columns),
        0,
      ),
    );
    const weight = float32(shape, Float32Array.from(matrix));
    const tensors = new Map(state).set(`${layer}.weight_orig`, weight);

    const { b, live, updates } = laid(2);
    b.output(b.identity(normalisedWeight(b, new LiveWeights(tensors, 'net', live), layer)), 'normalised');
    const names = [`${layer}.weight_u`, `${layer}.weight_v`];
    for (const name of names) b.output(b.identity(updates![name]), `next ${name}`);
    const zeros = { z: float32([2, sizes.z], new Float32Array(2 * sizes.z)), c: oneHot([0, 1]) };
    const step = async () => await runOnce(engine, b.build(), { ...zeros, ...feedsOf(tensors, [...state.keys()]) });
    const first = await step();
    const u0 = Float64Array.from(tensors.get(`${layer}.weight_u`)!.data as Float32Array);
    const length = (x: Float64Array) => Math.hypot(...x);
    const v1 = Float64Array.from({ length: columns }, (_, c) =>
      u0.reduce((s, u, r) => s + u * matrix[r * columns + c], 0),
    );
    const v = v1.map((value) => value / length(v1));
    const u1 = u0.map((_, r) => v.reduce((s, value, c) => s + value * matrix[r * columns + c], 0));
    expect(largestDifference(toFloat32(first[`next ${names[1]}`]), v)).toBeLessThan(1e-6);
    expect(
      largestDifference(
        toFloat32(first[`next ${names[0]}`]),
        u1.map((value) => value / length(u1)),
      ),
    ).toBeLessThan(1e-6);
    for (let i = 0; i < 40; i++) {
      const out = await step();
      for (const name of names)
        tensors.set(name, float32(tensors.get(name)!.shape, toFloat32(out[`next ${name}`]).slice()));
    }
    const { normalised } = await step();
    expect(
      largestDifference(
        toFloat32(normalised),
        matrix.map((value) => value / 3),
      ),
    ).toBeLessThan(1e-6);
  });

  it('becomes a network that the zoo opens, whose image is the one of training', async () => {
    const network = await generator.network(state, engine);
    expect([...network.keys()]).toEqual([...bigGanTensors(sizes, 1).keys()]);
    const model = generatorOf(network, { name: 'm', card: { name: 'm', ...generator.card } });
    expect(model.card.latent).toMatchObject({ z: 6, classes: 3, w: 11, layers: 5, height: 16, width: 16 });
    expect([generator.size, config.layers]).toEqual([16, ['same', 'up', 'attention', 'same', 'up']]);

    // The statistics were taken of one batch: of the same batch, training makes the image that they give, at any truncation.
    const { z, c } = standingSamples(config, 8, 0, standing.seed);
    expect(Math.max(...z.map(Math.abs))).toBeLessThanOrEqual(2);
    const { b, inputs, images: made } = laid(8);
    b.output(b.identity(made), 'images');
    const session = await engine.open(b.build());
    for (const truncation of [0.02, 0.5, 1]) {
      const input = {
        z: float32(
          [8, sizes.z],
          z.map((value) => value * truncation),
        ),
        c,
      };
      const { tensors } = await session.run({ ...input, ...feedsOf(network, inputs.keys()) });
      const { images: shown } = await runGenerator(model, input, { truncation });
      const clipped = toFloat32(tensors.images).map((value) => Math.min(1, Math.max(0, value)));
      expect(Math.max(...clipped) - Math.min(...clipped)).toBeGreaterThan(0.5);
      expect(largestDifference(toFloat32(shown), clipped), String(truncation)).toBeLessThan(1e-4);
    }
    await session.release();
  });

  it('computes with live weights what the zoo computes with constants', async () => {
    const network = await generator.network(state, engine);
    const truncation = 0.6;
    const b = new TrainingBuilder();
    const { inputs, live } = liveInputs(b, network);
    const weights = new LiveWeights(network, 'net', live);
    const norms = storedNorms(new Weights(network, 'net'), truncation, config.eps);
    const input = { z: b.input('z', [2, sizes.z]), c: b.input('c', [2, 3]) };
    b.output(b.identity(addBigGan(b, input, weights, config, norms).output), 'y');
    const given = { z: noise([2, sizes.z], 6), c: oneHot([1, 2]) };
    const { y } = await run(b, { ...given, ...feedsOf(network, inputs.keys()) });
    const { output } = await runGenerator(generatorOf(network, { name: 'm' }), given, { truncation });
    expect(largestDifference(toFloat32(y), toFloat32(output))).toBeLessThan(1e-5);
  });

  it('learns pictures by heart', async () => {
    const n = 6;
    const builder = new TrainingBuilder();
    const step = trainingStep({
      name: 'generator',
      builder,
      state: generator.state,
      trainable: generator.trainable,
      batch: { z: { shape: [n, sizes.z] }, c: { shape: [n, 3] }, goal: { shape: [n, 3, 16, 16] } },
      optimiser: adam(),
      ema: { decay: 0.5 },
      addTo(b, parameters, { z, c, goal }) {
        const { images: made, updates } = generator.addTo(builder, (name) => parameters.get(name), { z, classes: c });
        const difference = b.sub(made, goal);
        return { loss: b.reduceMean(b.mul(difference, difference), [0, 1, 2, 3]), updates };
      },
    });
    const resting = [...generator.state.keys()].filter((name) => !step.writes.includes(name));
    expect(resting).toHaveLength(3 * 4);
    for (const name of resting) expect(name).toMatch(/conv_[012]\.bias$/);
    // One picture for each class: bright above, below, or on the left.
    const labels = [0, 1, 2, 0, 1, 2];
    const goal = labels.flatMap((label) =>
      Array.from({ length: 768 }, (_, i) => {
        const [row, column] = [(i >> 4) & 15, i & 15];
        return [row < 8, row >= 8, column < 8][label] ? 0.8 : 0.2;
      }),
    );
    const batch = { z: noise([n, sizes.z], 7), c: oneHot(labels), goal: float32([n, 3, 16, 16], goal) };
    const runner = await StepRunner.open(engine, step);
    const trained = beginState(generator.state, [step]);
    const losses: number[] = [];
    for (let i = 0; i < 40; i++) losses.push((await runner.run(trained, batch, 0.01)).loss);
    expect(losses[0]).toBeGreaterThan(0.08);
    expect(losses.at(-1)).toBeLessThan(0.3 * losses[0]);
    const model = generatorOf(await generator.network(trained, engine), { name: 'm' });
    await runner.release();
    const { images: shown } = await runGenerator(model, { z: batch.z, c: batch.c }, { truncation: 1 });
    const pixels = toFloat32(shown);
    expect(pixels.reduce((s, value, i) => s + (value - goal[i]) ** 2, 0) / goal.length).toBeLessThan(0.5 * losses[0]);
  });
});

describe('sizes of a BigGAN-deep', () => {
  it('must fit each other', () => {
    const make = (change: Partial<BigGanSizes>) => () => bigGanTensors({ ...sizes, ...change }, 1);
    expect(make({ channels: [16] })).toThrow(/has one size; give two or more/);
    expect(make({ channels: [16, 6, 4] })).toThrow(/16, 6, 4; give multiples of 4/);
    expect(make({ channels: [8, 16] })).toThrow(/none more than the one before/);
    for (const attention of [4, 12, 16, 32]) {
      expect(make({ attention })).toThrow(new RegExp(`is ${attention}; give the side of maps from 8 to 16`));
    }
    expect(Object.keys(bigGanSchema.properties)).toEqual(Object.keys(sizes));
  });
});
