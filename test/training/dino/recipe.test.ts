// Trainings by DINO's recipe, of a small ViT and a small ResNet: teacher, batches, and what the zoo opens afterwards.
// The loss by itself is in loss.test.ts.

import { describe, expect, it } from 'vitest';
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts';
import type { Tensor } from '../../../src/graph/tensor.ts';
import { dinoRecipe } from '../../../src/training/dino/recipe.ts';
import { LiveWeights } from '../../../src/training/loop/live-weights.ts';
import { parseRecipe } from '../../../src/training/recipe/schema.ts';
import type { Plan } from '../../../src/training/recipe/recipe.ts';
import {
  beginState,
  copyState,
  StepRunner,
  type StepReport,
  type TrainingState,
} from '../../../src/training/loop/run-step.ts';
import type { Schedule } from '../../../src/training/loop/schedule.ts';
import { emaName } from '../../../src/training/loop/step.ts';
import { TrainingBuilder } from '../../../src/training/loop/training-builder.ts';
import { modelFromTensors, shapesOf } from '../../../src/zoo/from-checkpoint.ts';
import { positionsFor } from '../../../src/zoo/encoders/positions.ts';
import { preprocess } from '../../../src/zoo/preprocess.ts';
import { imageNet, resnet } from '../../../src/zoo/encoders/resnet.ts';
import { vit } from '../../../src/zoo/encoders/vit.ts';
import { Weights } from '../../../src/zoo/weights.ts';
import { absoluteError, engine, images, noise, runTaps } from '../../zoo/fixtures.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

const [n, side] = [24, 16];
/** Photos that differ: each is of two colours, in stripes of its own width and place. */
const photos = {
  pixels: Uint8Array.from({ length: n * 3 * side * side }, (_, i) => {
    const photo = Math.floor(i / (3 * side * side));
    const channel = Math.floor(i / (side * side)) % 3;
    const stripe = Math.floor(((i % side) + photo) / (1 + (photo % 5))) % 2;
    return (97 * (photo + 1) * (channel + 1) * (1 + 2 * stripe)) % 256;
  }),
  n,
  height: side,
  width: side,
  labels: new Int32Array(n),
  classes: ['none'],
  names: [],
};

const base = {
  name: 'small',
  kind: 'dino',
  objective: {
    crops: {
      global: {
        count: 2,
        size: 12,
        scale: [0.4, 1],
        then: [[{ type: 'flip' }], [{ type: 'flip' }, { type: 'solarise', probability: 0.2 }]],
      },
      local: { count: 2, size: 8, scale: [0.1, 0.4], then: [[{ type: 'flip' }]] },
    },
    head: { hidden: 32, bottleneck: 32, outputs: 16 },
    still: 0.5,
  },
  schedule: {
    batch: 8,
    epochs: 20,
    optimiser: { kind: 'adam', weightDecay: 0.04 },
    rate: { kind: 'cosine', peak: 0.003, warmUp: 0.1 },
    ema: 0.9,
    clip: 3,
  },
  seed: 5,
};
const architectures = {
  vit: { patch: 4, width: 32, depth: 2, heads: 2 },
  resnet: { depths: [1, 1], planes: [4, 8], stem: 8 },
};
const planOf = (architecture: object, change: object = {}) => {
  const recipe = parseRecipe(JSON.stringify({ ...base, architecture, ...change }), 'recipe.json', [dinoRecipe]);
  return dinoRecipe.plan(recipe, photos, { tensors: () => Promise.reject(new Error('it names no file')) });
};

async function steps(plan: Plan, count: number, seen: (state: TrainingState, i: number) => void = () => undefined) {
  const [step] = plan.parts;
  const state = beginState(plan.state, plan.parts);
  const runner = await StepRunner.open(engine, step);
  const reports: StepReport[] = [];
  for (let i = 0; i < count; i++) {
    const batch = (await plan.batch(i))[step.name]!;
    reports.push(await runner.run(state, batch, (plan.rate as Schedule)(i)));
    seen(state, i);
  }
  const copy = copyState(state);
  await runner.release();
  return { reports, state: copy };
}

describe.each(Object.entries(architectures))('DINO of a small %s', (family, architecture) => {
  const mean = (reports: readonly StepReport[], name: string) =>
    reports.reduce((sum, report) => sum + report[name], 0) / reports.length;

  it('learns what a teacher that stays says of a batch: the loss falls towards its entropy', async () => {
    const objective = { ...base.objective, centre: 1, temperature: { teacher: [0.1, 0.1] }, still: 0 };
    const schedule = { ...base.schedule, ema: 1 - 1e-9 };
    const plan = await planOf(architecture, { objective, schedule });
    const first = await plan.batch(0);
    const { reports } = await steps({ ...plan, batch: () => first }, 20);
    const beyond = reports.map(({ loss, entropy }) => loss - entropy);
    // A teacher says something else of each crop; what all crops of a photo have in common is to be learned.
    expect(beyond.at(-1)).toBeLessThan(0.7 * beyond[0]);
    expect(reports.at(-1)!.entropy).toBeCloseTo(reports[0].entropy, 3);
  });

  it('does not collapse: the teacher says something else of other photos, and the student foresees it', async () => {
    const temperature = { teacher: [0.04, 0.04] };
    const schedule = { ...base.schedule, ema: 0.97 };
    const plan = await planOf(architecture, { objective: { ...base.objective, temperature }, schedule });
    expect(plan.steps).toBe(60);
    const { reports } = await steps(plan, 60);
    const late = reports.slice(40);
    expect(mean(late, 'spread')).toBeGreaterThan(1.5);
    expect(mean(late, 'spread') - mean(late, 'entropy')).toBeGreaterThan(0.1);
    // Who says the same of every crop has a loss of the spread at least.
    expect(mean(late, 'loss')).toBeLessThan(mean(late, 'spread') - 0.1);
  });

  it('moves the teacher by averages alone, with a momentum that becomes 1, within 1e-6', async () => {
    const plan = await planOf(architecture);
    const names = [...plan.state.keys()].filter((name) => !/running|centre/.test(name));
    const averages = new Map(names.map((name) => [name, Array.from(plan.state.get(name)!.data as Float32Array)]));
    let most = 0;
    await steps(plan, 3, (state, i) => {
      const momentum = 1 - 0.1 * (0.5 + 0.5 * Math.cos((Math.PI * i) / 60));
      for (const [name, average] of averages) {
        const student = state.get(name)!.data as Float32Array;
        const teacher = state.get(emaName(name))!.data as Float32Array;
        average.forEach((value, k) => {
          average[k] = momentum * value + (1 - momentum) * student[k];
          most = Math.max(most, Math.abs(average[k] - teacher[k]));
        });
      }
    });
    expect(most).toBeLessThan(1e-6);
  });

  it('holds the last layer for its first updates', async () => {
    const plan = await planOf(architecture);
    const name = 'head.last_layer.weight_v';
    const moved: boolean[] = [];
    await steps(plan, 4, (state) => {
      moved.push((state.get(name)!.data as Float32Array).some((v, k) => v !== plan.state.get(name)!.data[k]));
    });
    // Half an epoch of three steps.
    expect(moved).toEqual([false, false, true, true]);
  });

  it('makes the batch of a step from its number alone, with crops in the order of the teacher', async () => {
    const [one, other] = [await planOf(architecture), await planOf(architecture)];
    await other.batch(3);
    const [a, b] = [await one.batch(7), await other.batch(7)];
    expect(a).toEqual(b);
    expect(a).not.toEqual(await one.batch(8));
    const { global, local, temperature } = a.dino!;
    expect([global.shape, local.shape]).toEqual([
      [16, 3, 12, 12],
      [16, 3, 8, 8],
    ]);
    // A warm-up over 18 of 60 steps.
    expect(temperature.data[0]).toBeCloseTo(0.04 + (0.03 * 7) / 18, 7);
  });

  it('ships the teacher, which the zoo opens and of which it makes the same features', async () => {
    const plan = await planOf(architecture);
    const { state } = await steps(plan, 3);
    const network = await plan.network(state, engine);
    expect([...network.keys()].some((name) => /head|centre|ema/.test(name))).toBe(false);
    for (const [name, { data }] of network) {
      if (!name.includes('running')) expect(data, name).toEqual(state.get(emaName(name))!.data);
    }
    const { model } = modelFromTensors(network, { name: 'm', card: { name: 'm', ...plan.card } });
    if (model.kind !== 'encoder') throw new Error('no encoder');
    expect(model.card).toMatchObject({ architecture: family, input: { height: side, width: side } });
    const x = images([2, 3, side, side], 4);
    const { output } = await runTaps(model, x, 'addTo');
    // The same network of values in a graph, as it is trained, but for statistics that are kept.
    const b = new TrainingBuilder({}, 0.1, () => true);
    const inputs = new Map<string, Value>();
    const live = (name: string) => {
      if (!inputs.has(name)) inputs.set(name, b.input(name, network.get(name)!.shape));
      return inputs.get(name)!;
    };
    const weights = new LiveWeights(network, 'm', live);
    const card = modelFromTensors(network, { name: 'm', card: { name: 'm', ...plan.card } }).model.card;
    const own = preprocess(b, b.input('x', x.shape), {
      height: side,
      width: side,
      ...imageNet,
      resize: 'bilinear',
      antialias: true,
    });
    const laid =
      family === 'vit'
        ? vit.addTo(b, own, weights, card.config as never)
        : resnet.addTo(b, own, weights, resnet.recognise(shapesOf(network), {})!);
    b.output(b.mul(laid.output, 1), 'output');
    const tensors = await runOnce(engine, b.build(), { x, ...Object.fromEntries(network) });
    expect(absoluteError(output, tensors.output)).toBeLessThan(1e-5);
  });
});

it('keeps the running statistics of the teacher: of global crops through its own first convolution, within 1e-6', async () => {
  const plan = await planOf(architectures.resnet);
  const global = (await plan.batch(0)).dino!.global.data as Float32Array;
  const kernel = plan.state.get('conv1.weight')!.data as Float32Array;
  const { state } = await steps(plan, 1);
  const network = await plan.network(state, engine);
  const size = 12;
  for (let channel = 0; channel < 8; channel++) {
    let sum = 0;
    for (let i = 0; i < 16 * size * size; i++) {
      const [image, row, column] = [Math.floor(i / size ** 2), Math.floor(i / size) % size, i % size];
      for (let k = 0; k < 27; k++) {
        const [colour, r, c] = [Math.floor(k / 9), row + (Math.floor(k / 3) % 3) - 1, column + (k % 3) - 1];
        if (r < 0 || r >= size || c < 0 || c >= size) continue;
        const value = global[((image * 3 + colour) * size + r) * size + c];
        sum += (kernel[27 * channel + k] * (value - imageNet.mean[colour])) / imageNet.std[colour];
      }
    }
    const mean = (0.1 * sum) / (16 * size * size);
    expect(Math.abs((network.get('bn1.running_mean')!.data as Float32Array)[channel] - mean)).toBeLessThan(1e-6);
  }
});

it.each([
  [3, 3],
  [2, 5],
  [4, 4],
])('resamples positions in a graph as it does constants: %i x %i, within 2e-6', async (height, width) => {
  const tensors = new Map<string, Tensor>([['pos_embed', noise([1, 17, 6], 2)]]);
  const b = new GraphBuilder();
  const input = b.input('pos_embed', [1, 17, 6]);
  const live = new LiveWeights(tensors, 'm', () => input);
  b.output(b.mul(positionsFor(b, live, 'pos_embed', { height, width }), 1), 'live');
  b.output(b.mul(positionsFor(b, new Weights(tensors, 'm'), 'pos_embed', { height, width }), 1), 'constant');
  const found = await runOnce(engine, b.build(), { pos_embed: tensors.get('pos_embed')! });
  expect(found.live.shape).toEqual([1 + height * width, 6]);
  expect(absoluteError(found.live, found.constant)).toBeLessThan(2e-6);
});

describe('a recipe of DINO that does not work is refused, with', () => {
  const { ema: _, ...withoutEma } = base.schedule;
  it.each([
    ['an augmentation', architectures.vit, { augmentation: [{ type: 'flip' }] }, 'objective.crops'],
    ['no momentum', architectures.vit, { schedule: withoutEma }, 'no schedule.ema'],
    ['a patch that does not fit', { ...architectures.vit, patch: 5 }, {}, 'the patch, 5,'],
    ['heads that do not fit', { patch: 4, width: 32, depth: 1 }, {}, 'heads, 0.5,'],
    [
      'one crop',
      architectures.vit,
      { objective: { ...base.objective, crops: { global: { count: 1, size: 8 } } } },
      'at least two',
    ],
    [
      'a weight decay without a beginning',
      architectures.vit,
      { objective: { ...base.objective, weightDecay: 1 }, schedule: { ...base.schedule, optimiser: { kind: 'adam' } } },
      'to begin with',
    ],
    ['an unknown field', { ...architectures.vit, depths: 3 }, {}, 'architecture'],
  ])('%s', async (_name, architecture, change, message) => {
    await expect(async () => planOf(architecture, change)).rejects.toThrow(message);
  });
});
