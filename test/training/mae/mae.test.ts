// Masked autoencoders: step and gradient against float64 loops after the official code, what is shown, and what is shipped.

import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.ts';
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts';
import { float32, int64, toFloat32, toNumbers, type Tensor } from '../../../src/graph/tensor.ts';
import { randomAt } from '../../../src/random.ts';
import { encodeShown, splitPatches, targetOf, type MaeSizes } from '../../../src/training/mae/network.ts';
import { maeRecipe, maeStep, patchOrder } from '../../../src/training/mae/recipe.ts';
import { freshMae, sinCosPositions } from '../../../src/training/mae/tensors.ts';
import { sgd } from '../../../src/training/loop/optimiser.ts';
import type { Recipe } from '../../../src/training/recipe/recipe.ts';
import { beginState, StepRunner } from '../../../src/training/loop/run-step.ts';
import { train, type TrainProgress } from '../../../src/training/loop/train.ts';
import { modelFromTensors } from '../../../src/zoo/from-checkpoint.ts';
import { Weights } from '../../../src/zoo/weights.ts';
import { largestDifference } from '../../golden.ts';
import { engine, images, noise, relativeError, runTaps } from '../../zoo/fixtures.ts';
import { tensorsOf } from '../../zoo/generator-fixtures.ts';
import { hiddenErrors, patchify, type Numbers } from './reference.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

const sizes: MaeSizes = {
  patch: 2,
  grid: 4,
  encoder: { width: 8, depth: 2, heads: 2, hidden: 12 },
  decoder: { width: 4, depth: 1, heads: 1, hidden: 8 },
};
const [batch, side, patches, shown] = [3, 8, 16, 4];

/** Fresh tensors, and noise on all that training moves: zeros and ones would hide what they are multiplied with. */
function noisy(seed: number): Map<string, Tensor> {
  const tensors = freshMae(sizes, seed);
  for (const [name, { data }] of tensors) {
    if (name.endsWith('pos_embed')) continue;
    const values = data as Float32Array;
    for (let i = 0; i < values.length; i++) values[i] += 0.3 * (randomAt(seed, i, 77) - 0.5);
  }
  return tensors;
}

const rowsOf = (order: Tensor, length: number): number[][] => {
  const all = toNumbers(order);
  return Array.from({ length: all.length / length }, (_, i) => all.slice(i * length, (i + 1) * length));
};

const float64 = (tensors: ReadonlyMap<string, Tensor>): Numbers =>
  new Map([...tensors].map(([name, { data }]) => [name, Float64Array.from(data as Float32Array)]));

const mean = [0.485, 0.456, 0.406];
const std = [0.229, 0.224, 0.225];

/** Loss of a batch of photos in [0, 1], in float64. */
function referenceLoss(tensors: Numbers, photos: Tensor, order: Tensor, normalise = true): number {
  const rows = rowsOf(order, patches);
  const length = 3 * side * side;
  const total = rows.reduce((sum, row, i) => {
    const photo = Float64Array.from((photos.data as Float32Array).subarray(i * length, (i + 1) * length));
    const image = photo.map((value, at) => {
      const colour = Math.floor(at / (side * side));
      return (value - mean[colour]) / std[colour];
    });
    return sum + hiddenErrors(tensors, image, row, shown, sizes, normalise);
  }, 0);
  return total / (rows.length * (patches - shown));
}

const recipe: Recipe = {
  name: 'm',
  kind: 'mae',
  architecture: {
    patch: 2,
    encoder: { width: 16, depth: 2, heads: 2 },
    decoder: { width: 16, depth: 1, heads: 1, hidden: 64 },
  },
  objective: {},
  schedule: {
    batch: 8,
    epochs: 120,
    optimiser: { kind: 'adam', beta2: 0.95, weightDecay: 0.05 },
    rate: { kind: 'cosine', peak: 0.005, warmUp: 0.1 },
    ema: 0.9,
  },
  seed: 3,
};
/** Stripes of eight slopes and colours: what is hidden can be told from what is shown. */
const photos = {
  pixels: Uint8Array.from({ length: 8 * 3 * 64 }, (_, i) => {
    const [photo, colour, y, x] = [Math.floor(i / 192), Math.floor(i / 64) % 3, Math.floor(i / 8) % 8, i % 8];
    return 127 + 120 * Math.sin((photo + 1) * 0.4 * x + (photo % 3) * y + colour);
  }),
  n: 8,
  height: 8,
  width: 8,
  labels: new Int32Array(8),
  classes: ['none'],
  names: Array.from({ length: 8 }, (_, i) => `${i}.png`),
};
const noFiles = { tensors: () => Promise.reject(new Error('no file is needed')) };
const planOf = (change: Partial<Recipe> = {}) => maeRecipe.plan({ ...recipe, ...change }, photos, noFiles);

describe('fresh tensors', () => {
  it('have the names and shapes of the official encoder, and its positions under the noise that is on those of the file', async () => {
    const { network } = await tensorsOf('test/golden/mae_vit/mae_pretrain_vit_small.pth');
    const base = { width: 128, depth: 2, heads: 2, hidden: 512 };
    const fresh = freshMae({ patch: 16, grid: 4, encoder: base, decoder: { ...base, width: 64 } }, 1);
    const encoder = [...fresh].filter(([name]) => !/^(mask_token|decoder_)/.test(name));
    const shapes = (tensors: Iterable<[string, Tensor]>) =>
      Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));
    expect(shapes(encoder)).toEqual(shapes(network));
    const [theirs, ours] = [network.get('pos_embed')!, sinCosPositions(4, 128)].map(toFloat32);
    for (let quarter = 0; quarter < 4; quarter++) {
      const here = [...ours.keys()].filter((i) => Math.floor((i % 128) / 32) === quarter);
      const [product, square] = [theirs, ours].map((other) => here.reduce((sum, i) => sum + ours[i] * other[i], 0));
      const rest = here.reduce((sum, i) => sum + (theirs[i] - ours[i]) ** 2, 0) / here.length;
      // The noise has the standard deviation 0.1, with which the slope has one of about 0.006.
      expect(Math.abs(product / square - 1)).toBeLessThan(0.03);
      expect(Math.abs(Math.sqrt(rest) / 0.1 - 1)).toBeLessThan(0.15);
    }
    // The decoder has no file to compare with: names as the official code spells them.
    expect([...fresh.keys()].filter((name) => /^(mask|decoder)/.test(name) && !/\.[01]\./.test(name))).toEqual([
      'mask_token',
      'decoder_embed.weight',
      'decoder_embed.bias',
      'decoder_pos_embed',
      'decoder_norm.weight',
      'decoder_norm.bias',
      'decoder_pred.weight',
      'decoder_pred.bias',
    ]);
    expect(fresh.get('decoder_blocks.1.attn.qkv.weight')!.shape).toEqual([192, 64]);
    expect(fresh.get('decoder_pred.weight')!.shape).toEqual([768, 64]);
  });

  it('have the positions that the official function gives, within 1e-6', () => {
    const rows = (grid: number, width: number, which: readonly number[]) => {
      const { shape, data } = sinCosPositions(grid, width);
      expect(shape).toEqual([1, 1 + grid * grid, width]);
      return which.map((row) => (data as Float32Array).subarray(row * width, (row + 1) * width));
    };
    const [zero, one, two] = [
      [0, 0, 1, 1],
      [0.841471, 0.01, 0.540302, 0.99995],
      [0.909297, 0.019999, -0.416147, 0.9998],
    ];
    const expected = [new Array<number>(8).fill(0), zero, zero, one, zero, one, one, zero, two, two, two].flat();
    const found = rows(3, 8, [0, 1, 2, 5, 7, 9]).flatMap((row) => [...row]);
    expect(largestDifference(found, expected)).toBeLessThan(1e-6);
    const [row] = rows(14, 768, [100]);
    const some = [5, 100, 191, 192, 300, 384, 400, 600, 767].map((i) => row[i]);
    const theirs = [0.708058, 0.008254, 0.000105, 0.540302, 0.999984, 0.656987, -0.107312, -0.599437, 1];
    expect(largestDifference(some, theirs)).toBeLessThan(1e-6);
  });

  it('are uniform within the bound of Glorot', () => {
    const { data } = freshMae({ ...sizes, encoder: { ...sizes.encoder, width: 64 } }, 5).get(
      'patch_embed.proj.weight',
    )!;
    const bound = Math.sqrt(6 / (64 + 12));
    const squares = (data as Float32Array).reduce((sum, value) => sum + value * value, 0) / data.length;
    expect((data as Float32Array).every((value) => Math.abs(value) <= bound)).toBe(true);
    // 768 numbers: the standard deviation of this mean is 3 % of it.
    expect(squares / (bound ** 2 / 3)).toBeGreaterThan(0.88);
    expect(squares / (bound ** 2 / 3)).toBeLessThan(1.12);
  });
});

describe('patchOrder', () => {
  it('is a permutation for each photo, a pure function of seed and step', () => {
    const order = patchOrder(1, 5, 6, 64, 16);
    expect(order).toMatchObject({ dtype: 'int64', shape: [6, 64] });
    const rows = rowsOf(order, 64);
    for (const row of rows) expect(row.toSorted((a, b) => a - b)).toEqual([...Array(64).keys()]);
    expect(new Set(rows.map((row) => row.slice(0, 16).join())).size).toBe(6);
    expect(patchOrder(1, 5, 6, 64, 16)).toEqual(order);
    for (const other of [patchOrder(1, 6, 6, 64, 16), patchOrder(2, 5, 6, 64, 16)]) expect(other).not.toEqual(order);
  });

  it('shows every patch equally often', () => {
    const counts = new Array<number>(64).fill(0);
    for (let step = 0; step < 20; step++) {
      for (const row of rowsOf(patchOrder(9, step, 100, 64, 16), 64)) for (const at of row.slice(0, 16)) counts[at]++;
    }
    // 500 of 2000 each, with a standard deviation of 19.
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(97);
  });

  it('shows a quarter unless the recipe says otherwise, rounded down', async () => {
    const shownBy = async (change: Partial<Recipe>) => {
      const { parts } = await planOf(change);
      const split = parts[0].graph.nodes.find(({ inputs }) => inputs[0] === 'order')!;
      const sizesOfSplit = parts[0].graph.initializers.get(split.inputs[1])!;
      return toNumbers(sizesOfSplit);
    };
    expect(await shownBy({})).toEqual([4, 12]);
    expect(await shownBy({ objective: { hidden: 0.6 } })).toEqual([6, 10]);
  });
});

describe('a step', () => {
  it.each([true, false])(
    'has the loss and the gradient of float64 loops, pixels normalised: %s',
    async (normalised) => {
      const tensors = noisy(4);
      const step = maeStep({ tensors, sizes, batch, shown, normalised, optimiser: sgd() });
      const feeds = { images: images([batch, 3, side, side], 8), order: patchOrder(2, 0, batch, patches, shown) };
      const state = beginState(tensors, [step]);
      const runner = await StepRunner.open(engine, step);
      const { loss, gradient } = await runner.run(state, feeds, 1);
      const lossAt = (at: Numbers) => referenceLoss(at, feeds.images, feeds.order, normalised);
      const before = float64(tensors);
      expect(Math.abs(loss / lossAt(before) - 1)).toBeLessThan(1e-5);

      // With a rate of 1, weights have moved by their gradients.
      let squares = 0;
      for (const [name, { data }] of tensors) {
        const moved = state.get(name)!.data as Float32Array;
        const found = Float64Array.from(data as Float32Array, (value, i) => value - moved[i]);
        squares += found.reduce((sum, value) => sum + value * value, 0);
        if (name.endsWith('pos_embed')) {
          expect(found.every((value) => value === 0)).toBe(true);
          continue;
        }
        const at = found.reduce((most, value, i) => (Math.abs(value) > Math.abs(found[most]) ? i : most), 0);
        const beside = (by: number) =>
          lossAt(new Map([...before, [name, before.get(name)!.map((value, i) => (i === at ? value + by : value))]]));
        const difference = (beside(1e-5) - beside(-1e-5)) / 2e-5;
        expect(Math.abs(found[at] - difference) / Math.abs(difference), name).toBeLessThan(1e-3);
      }
      expect(gradient / Math.sqrt(squares)).toBeCloseTo(1, 4);
      await runner.release();
    },
  );

  it('aims at pixels in the official order', async () => {
    const b = new GraphBuilder();
    const x = noise([2, 3, side, side], 3);
    const order = int64([...Array(16).keys(), ...[...Array(16).keys()].reverse()], [2, 16]);
    const { hidden } = splitPatches(b, b.input('x', x.shape), b.input('order', [2, 16], 'int64'), 4, sizes);
    b.output(b.identity(targetOf(b, hidden, false)), 'target');
    const out = await run(b, { x, order });
    const image = (i: number) => Float64Array.from(x.data.subarray(i * 192, (i + 1) * 192));
    const expected = [...patchify(image(0), sizes).slice(4), ...patchify(image(1), sizes).reverse().slice(4)];
    expect(out.target.shape).toEqual([24, 12]);
    expect(largestDifference(toFloat32(out.target), expected.flat())).toBe(0);
  });
});

async function run(b: GraphBuilder, feeds: Record<string, Tensor>) {
  const tensors = await runOnce(engine, b.build(), feeds);
  return tensors;
}

describe('the recipe', () => {
  it('lowers the loss, and ships the averaged encoder, which the zoo opens and which encodes as it did', async () => {
    const plan = await planOf();
    const losses: number[] = [];
    const onProgress = ({ loss }: TrainProgress) => void losses.push(loss);
    const { state } = await train({ engine, ...plan, every: 20, onProgress });
    expect(plan.steps).toBe(120);
    // To predict zeros, the mean of every patch, has a loss of 11 / 12.
    expect(losses[0]).toBeGreaterThan(1);
    expect(losses.at(-1)!).toBeLessThan(0.8);

    const network = await plan.network(state, engine);
    expect([...network.keys()].some((name) => /^(mask_token|decoder_)/.test(name))).toBe(false);
    expect(network.get('norm.bias')).toEqual(state.get('ema norm.bias'));
    const options = { name: 'm', card: { name: 'm', ...plan.card } };
    const { model: shipped, assumed } = modelFromTensors(network, options);
    expect(assumed).toEqual([]);
    expect(shipped.card).toMatchObject({
      architecture: 'vit',
      config: { patch: 2, width: 16, depth: 2, hidden: 64, grid: 4, heads: 2 },
      input: { height: 8, width: 8, mean, std },
      task: 'masked autoencoding',
      taps: ['blocks.*.mlp.act'],
    });
    const { model } = modelFromTensors(network, { ...options, taps: ['norm'] });
    if (model.kind !== 'encoder') throw new Error('no encoder');

    // All patches shown, in another order.
    const x = noise([2, 3, side, side], 6);
    const order = patchOrder(1, 1, 2, patches, patches);
    const { taps, output } = await runTaps(model, x);
    const b = new GraphBuilder();
    const all: MaeSizes = { ...sizes, encoder: { width: 16, depth: 2, heads: 2, hidden: 64 } };
    const split = splitPatches(b, b.input('x', x.shape), b.input('order', [2, patches], 'int64'), patches, all);
    const tokens: Value = b.reshape(encodeShown(b, split.shown, new Weights(network, 'm'), all), [2, 1 + patches, 16]);
    b.output(b.identity(tokens), 'tokens');
    const { tokens: encoded } = await run(b, { x, order });
    const values = toFloat32(encoded);
    const rows = rowsOf(order, patches);
    const maps = new Float32Array(2 * 16 * patches);
    rows.forEach((row, i) => {
      row.forEach((place, at) => {
        for (let c = 0; c < 16; c++) maps[(i * 16 + c) * patches + place] = values[(i * 17 + 1 + at) * 16 + c];
      });
    });
    expect(relativeError(float32([2, 16, 4, 4], maps), taps.norm)).toBeLessThan(1e-5);
    const classes = Float32Array.from({ length: 32 }, (_, i) => values[Math.floor(i / 16) * 17 * 16 + (i % 16)]);
    expect(relativeError(float32([2, 16], classes), output)).toBeLessThan(1e-5);
  });

  it('feeds a pure function of the step', async () => {
    const [one, other] = [await planOf(), await planOf()];
    expect(await one.batch(7)).toEqual(await other.batch(7));
    expect(await one.batch(8)).not.toEqual(await other.batch(7));
    expect((await one.batch(0)).mae!.images.shape).toEqual([8, 3, 8, 8]);
  });

  it('refuses sizes that do not fit', () => {
    const architecture = recipe.architecture as { encoder: object };
    const refused = (change: Partial<Recipe>, message: RegExp) => {
      expect(() => planOf(change)).toThrow(UserError);
      expect(() => planOf(change)).toThrow(message);
    };
    refused({ architecture: { ...architecture, patch: 3 } }, /photos of 8x8 cannot be cut into patches of 3x3/);
    refused(
      { architecture: { ...architecture, encoder: { width: 16, depth: 1, heads: 3 } } },
      /the encoder has width=16 and heads=3/,
    );
    refused({ objective: { hidden: 0.99 } }, /leaves 0 to be shown/);
    refused({ augmentation: [{ type: 'resizedCrop', size: [8, 4] }] }, /photos of 8x4/);
  });
});
