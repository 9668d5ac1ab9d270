// A generator, an encoder and photos of a few numbers each, for the tests of adversarial training.
// It is no test itself.

import { float32, sizeOf, type Tensor } from '../../../src/graph/tensor.ts';
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts';
import { randomAt } from '../../../src/random.ts';
import type { TrainingGenerator } from '../../../src/training/gan/generator.ts';
import type { PhotoSet } from '../../../src/training/loop/photos.ts';
import type { GanObjective } from '../../../src/training/gan/recipe.ts';
import type { Recipe } from '../../../src/training/recipe/recipe.ts';
import { freshResNet } from '../../../src/training/class/tensors.ts';
import { engine, filled, normal } from '../networks.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

export const side = 8;
export const classes = 3;

/** z and class -> 4x4 maps -> batch normalisation -> enlarged -> colours; with a buffer of its own that counts. */
export function toyGenerator(conditional = true): TrainingGenerator {
  const state = new Map<string, Tensor>([
    ['fc.weight', normal([64, 6], 0.4, 31)],
    ['fc.bias', filled([64], 0)],
    ['bn.weight', filled([4], 1)],
    ['bn.bias', filled([4], 0)],
    ['bn.running_mean', filled([4], 0)],
    ['bn.running_var', filled([4], 1)],
    ['rgb.weight', normal([3, 4, 3, 3], 0.3, 32)],
    ['seen', filled([1], 0)],
  ]);
  if (conditional) state.set('embed.weight', normal([64, classes], 0.4, 33));
  return {
    state,
    trainable: [...state.keys()].filter((name) => !/running|seen/.test(name)),
    z: 6,
    classes: conditional ? classes : 0,
    size: side,
    noise: { grain: [1, side, side] },
    addTo(b, live, { z, classes: condition, noise }) {
      let x = b.gemm(z, live('fc.weight'), live('fc.bias'), { transB: true });
      if (condition) x = b.add(x, b.gemm(condition, live('embed.weight'), undefined, { transB: true }));
      const [scale, bias, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((p) =>
        live(`bn.${p}`),
      );
      const map = b.relu(b.batchNormalization(b.reshape(x, [-1, 4, 4, 4]), scale, bias, mean, variance));
      const large = b.resize(map, {
        sizes: [side, side],
        mode: 'nearest',
        coordinates: 'asymmetric',
        nearest: 'floor',
      });
      const grainy = b.add(large, b.mul(noise!.grain, 0.05));
      const images = b.sigmoid(b.conv(grainy, live('rgb.weight'), undefined, { pads: [1, 1, 1, 1] }));
      return { images, updates: { seen: b.add(live('seen'), 1) } };
    },
    network: (trained) => Promise.resolve(new Map([...state.keys()].map((name) => [name, trained.get(name)!]))),
    card: { architecture: 'toy', task: 't', supervision: 's', data: 'd', licence: 'l', source: 's' },
  };
}

/** Two stages, 8x8 and 4x4, with statistics and blocks that are not those of fresh weights. */
export function toyEncoder(): Map<string, Tensor> {
  const tensors = freshResNet({ depths: [1, 1], planes: [2, 3], stem: 4, classes }, 7);
  let seed = 100;
  for (const [name, { shape }] of tensors) {
    seed++;
    const between = (low: number, high: number) =>
      float32(
        shape,
        Float32Array.from({ length: sizeOf(shape) }, (_, i) => low + (high - low) * randomAt(seed, i)),
      );
    if (/running_var|bn\d\.weight|downsample\.1\.weight/.test(name)) tensors.set(name, between(0.6, 1.6));
    else if (/running_mean|bias/.test(name)) tensors.set(name, between(-0.3, 0.3));
  }
  return tensors;
}

/** Bright in the left, the middle or the right, which is the class. */
export function toyPhotos(n = 48): PhotoSet {
  const labels = Int32Array.from({ length: n }, (_, i) => i % classes);
  const pixels = Uint8Array.from({ length: n * 3 * side * side }, (_, i) => {
    const third = Math.floor(((i % side) * classes) / side);
    return 40 + 40 * randomAt(3, i) + (third === labels[Math.floor(i / (3 * side * side))] ? 150 : 0);
  });
  const names = Array.from(labels, (_, i) => `${i}.png`);
  return { pixels, n, height: side, width: side, labels, classes: ['a', 'b', 'c'], names };
}

export const everything = { brightness: 0.25, saturation: 1, contrast: 0.5, translation: 0.125, cutout: 0.25 };

export function toyRecipe(
  objective: Record<string, unknown> = {},
  schedule: Partial<Recipe['schedule']> = {},
): Recipe<unknown, GanObjective> {
  return {
    name: 'toy',
    kind: 'gan',
    architecture: {},
    objective: {
      generator: 'biggan',
      loss: 'hinge',
      encoder: 'encoder.safetensors',
      discriminator: { width: 6, least: 4 },
      ...objective,
    },
    schedule: {
      batch: 6,
      epochs: 1,
      optimiser: { kind: 'adam', beta1: 0, beta2: 0.99 },
      rate: { kind: 'constant', peak: 0.002 },
      ema: 0.9,
      ...schedule,
    },
    seed: 5,
  };
}

/** Runs what `addTo` gives, by name, on inputs of the given tensors. */
export async function evaluate(
  inputs: Readonly<Record<string, Tensor>>,
  addTo: (b: GraphBuilder, values: Readonly<Record<string, Value>>) => Readonly<Record<string, Value>>,
  b = new GraphBuilder(),
): Promise<Record<string, Float32Array>> {
  const values = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, b.input(name, shape)]));
  const laid = Object.entries(addTo(b, values));
  for (const [name, value] of laid) b.output(value, `out ${name}`);
  const tensors = await runOnce(engine, b.build(), inputs);
  const out = laid.map(([name]) => [name, Float32Array.from(tensors[`out ${name}`].data as Float32Array)]);
  return Object.fromEntries(out) as Record<string, Float32Array>;
}

/** Largest absolute difference. */
export const apart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce(
    (most, value, i) => Math.max(most, Math.abs(value - b[i])),
    a.length === b.length ? 0 : Infinity,
  );
