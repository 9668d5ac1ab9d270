// Recipes as they are written: those that are shipped make plans, wrong ones are told with all places; and the schedule.
// What each kind trains is tested in a file of its own.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { readSafetensorsBytes } from '../../../src/files/safetensors.ts';
import { UserError } from '../../../src/errors.ts';
import { float32, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { randomAt } from '../../../src/random.ts';
import { memoryFolder } from '../../../src/files/folder.ts';
import { cardText } from '../../../src/training/recipe/card-text.ts';
import type { PhotoSet } from '../../../src/training/loop/photos.ts';
import { parseRecipe } from '../../../src/training/recipe/schema.ts';
import type { Recipe } from '../../../src/training/recipe/recipe.ts';
import { recipeKinds } from '../../../src/training/recipe/kinds.ts';
import { scheduleOf } from '../../../src/training/recipe/schedule-of.ts';
import { train, type TrainProgress } from '../../../src/training/loop/train.ts';
import { parseCard } from '../../../src/zoo/read-card.ts';
import { engine } from '../networks.ts';

const recipes = new URL('../../../zoo/recipes/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, recipes), 'utf8');
const names = readdirSync(recipes).filter((name) => name.endsWith('.json'));
const published = JSON.parse(
  readFileSync(new URL('../../../docs/recipe.schema.json', import.meta.url), 'utf8'),
) as object;

/** Photos of noise, as many of each of ten classes. */
function photosOf(n: number, side: number): PhotoSet {
  const classes = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];
  return {
    pixels: Uint8Array.from({ length: n * 3 * side * side }, (_, i) => Math.floor(256 * randomAt(1, i))),
    n,
    height: side,
    width: side,
    labels: Int32Array.from({ length: n }, (_, i) => i % 10),
    classes,
    names: Array.from({ length: n }, (_, i) => `train/${classes[i % 10]}/a_${classes[i % 10]}_s_${i}.png`),
  };
}

const files = {
  async tensors(name: string) {
    const tensors = await readSafetensorsBytes(name, readFileSync(new URL(name, recipes)));
    return new Map(
      [...tensors].map(([key, tensor]): [string, Tensor] => [key, float32(tensor.shape, toFloat32(tensor))]),
    );
  },
};
const planOf = (recipe: Recipe, photos: PhotoSet) =>
  recipeKinds.find(({ kind }) => kind === recipe.kind)!.plan(recipe, photos, files);

describe('the shipped recipes', () => {
  it('are those of the zoo and of the encoder that discriminators look through', () => {
    expect(names.map((name) => name.replace('.json', '')).sort()).toEqual(
      ['biggan', 'class-resnet', 'clip-resnet', 'dino-resnet', 'dino-vit', 'encoder', 'mae-vit', 'stylegan-xl', 'stylegan2'], // prettier-ignore
    );
    expect(existsSync(new URL('encoder.safetensors', recipes))).toBe(true);
  });

  it.each(names)('%s makes a plan', async (name) => {
    const recipe = parseRecipe(read(name), name, recipeKinds);
    expect(recipe.name).toBe(name.replace('.json', ''));
    const photos = photosOf(64, 32);
    // Their batches are for more photos than there are here.
    const schedule = { ...recipe.schedule, batch: 4 };
    const plan = await planOf({ ...recipe, schedule }, photos);
    expect(plan.steps).toBe(Math.round(16 * recipe.schedule.epochs));
    const batches = await plan.batch(0);
    expect(plan.parts.map((part) => part.name)).toEqual(expect.arrayContaining(Object.keys(batches)));
    for (const part of plan.parts) {
      const batch = batches[part.name]!;
      for (const [input, { shape }] of Object.entries(part.batch)) expect(batch[input].shape, input).toEqual(shape);
      for (const key of part.reads) expect(plan.state.has(key) || part.beginning.has(key), key).toBe(true);
    }
    const { card, file } = parseCard(cardText(recipe, plan, '64 photos of a test'), 'card');
    expect([card.name, card.data, file]).toEqual([recipe.name, '64 photos of a test', `${recipe.name}.safetensors`]);
  });
});

describe('a wrong recipe', () => {
  const message = (value: unknown): string => {
    try {
      parseRecipe(typeof value === 'string' ? value : JSON.stringify(value), 'r.json', recipeKinds);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  const shipped = (name: string) => JSON.parse(read(name)) as Recipe<object, object>;
  const [gan, dino, resnet] = ['biggan.json', 'dino-vit.json', 'class-resnet.json'].map(shipped);
  const optimised = (optimiser: unknown) => ({ ...resnet, schedule: { ...resnet.schedule, optimiser } });

  it.each<[string, unknown, RegExp]>([
    ['no object', [], /the recipe is \[\], not an object/],
    [
      'all that is missing',
      { name: 'x', kind: 'class' },
      /the recipe lacks "schedule"; the recipe lacks "seed" .*; the recipe lacks "architecture"; the recipe lacks "objective"/,
    ],
    ['an unknown kind', { ...resnet, kind: 'clap' }, /kind is "clap", not "class" or "dino" or "mae" or "clip" or "gan"; did you mean "clip"\?/], // prettier-ignore
    [
      'several places',
      { ...resnet, name: 'a b', colour: 1, seed: 0.5, objective: { smoothing: 2 }, augmentation: [{}] },
      /(?=.*objective\.smoothing is 2 and must be at most 1 \(Fraction)(?=.*the recipe has the unknown entry "colour"; known are name, )(?=.*name is "a b" and must match)(?=.*augmentation\[0\] lacks "type", "crop" or "flip")(?=.*seed is 0\.5, not a whole number)/,
    ],
    [
      'an unknown optimiser',
      optimised({ kind: 'lion' }),
      /schedule\.optimiser\.kind is "lion", not "sgd" or "adam"\. docs/,
    ],
    [
      "another optimiser's field",
      optimised({ kind: 'adam', momentum: 0.9, beta1: 1 }),
      /(?=.*schedule\.optimiser has the unknown entry "momentum"; known are kind, beta1)(?=.*schedule\.optimiser\.beta1 is 1 and must be below 1)/,
    ],
    [
      'of two architectures the nearer one',
      { ...dino, architecture: { ...dino.architecture, stem: 8 } },
      /recipe: architecture has the unknown entry "stem"; known are patch, width, depth, hidden, heads\. docs/,
    ],
    [
      'of two architectures the other',
      { ...dino, architecture: { depths: [], planes: [8], stem: 'x' } },
      /(?=.*architecture\.depths is empty)(?=.*architecture\.stem is "x", not a whole number)/,
    ],
    [
      'of three generators the nearest',
      { ...gan, architecture: { ...gan.architecture, z: 0 } },
      /recipe: architecture\.z is 0 and must be at least 1 \(Length of z\.\)\. docs/,
    ],
  ])('is told: %s', (_, value, problems) => {
    expect(message(value)).toMatch(/^r\.json is not a recipe: .*\. docs\/recipe\.schema\.json has the form$/s);
    expect(message(value)).toMatch(problems);
  });

  it('is told when it is no JSON', () => {
    expect(message('{"name"')).toMatch(/^r\.json is not valid JSON \(.*\); a recipe of a training is expected$/);
  });

  it('is told by its plan when its sizes are those of another generator, or fit no photos', async () => {
    const other = { ...gan, objective: { ...gan.objective, generator: 'stylegan2' } };
    await expect(planOf(parseRecipe(JSON.stringify(other), 'r', recipeKinds), photosOf(64, 32))).rejects.toThrow(
      /(?=.*the recipe's generator is stylegan2, but .*architecture lacks "w")(?=.*the unknown entry "embedding")/,
    );
    await expect(planOf(gan, photosOf(64, 16))).rejects.toThrow(/biggan makes 32x32, but its photos are 16x16/);
  });
});

it('has a schema in docs that readers of plain JSON Schema understand', () => {
  const plain = new Ajv({ strict: false }).compile(published);
  for (const name of names) expect(plain(JSON.parse(read(name))), name).toBe(true);
  const resnet = JSON.parse(read('class-resnet.json')) as Recipe;
  expect(plain({ ...resnet, schedule: { ...resnet.schedule, optimiser: { kind: 'lion' } } })).toBe(false);
});

describe('sizes beyond any network', () => {
  const photos = photosOf(64, 32);
  const shipped = (name: string) => JSON.parse(read(`${name}.json`)) as Recipe<object, object>;
  const changed = (name: string, at: string, to: unknown): string => {
    const recipe: unknown = { ...shipped(name), schedule: { ...shipped(name).schedule, batch: 4 } };
    const path = at.split('.');
    const last = path.pop()!;
    const inner = path.reduce((inside, key) => (inside as Record<string, unknown>)[key], recipe);
    (inner as Record<string, unknown>)[last] = to;
    return JSON.stringify(recipe);
  };
  const plan = async (name: string, at: string, to: unknown, memory: number) =>
    recipeKinds
      .find(({ kind }) => kind === shipped(name).kind)!
      .plan(parseRecipe(changed(name, at, to), 'r.json', recipeKinds), photos, { ...files, memory });

  it.each<[string, string, unknown, RegExp]>([
    ['class-resnet', 'architecture.stem', 2e9, /architecture\.stem is 2000000000 and must be at most 16384/],
    ['class-resnet', 'architecture.depths', [1e5, 1e5, 1e5, 1e5], /depths\[0\] is 100000 and must be at most 256/],
    [
      'class-resnet',
      'architecture.depths',
      Array<number>(1e5).fill(1),
      /has \d+ characters; a recipe of a training has at most 65536/,
    ],
    ['class-resnet', 'architecture.depths', [1], /"depths" of 1 stages and "planes" of 4; give as many of both/],
    ['class-resnet', 'architecture.planes', [16384, 16384, 16384, 16384], /would take .* GB, of the 1\.00 GB .*"layer1\.1\.conv2\.weight"|would take .* "layer.*"architecture"/], // prettier-ignore
    ['class-resnet', 'augmentation', [{ type: 'crop', padding: 1e9 }], /augmentation\[0\]\.padding is 1000000000/],
    ['class-resnet', 'augmentation', [{ type: 'resizedCrop', size: 1e6 }], /augmentation\[0\]\.size/],
    ['class-resnet', 'augmentation', [{ type: 'resizedCrop', size: 8192 }], /a batch of class-resnet would take 3\.00 GB, of the 1\.00 GB .*"schedule\.batch"/], // prettier-ignore
    ['class-resnet', 'augmentation', Array(300).fill({ type: 'flip' }), /augmentation must have at most 256 entries/],
    ['class-resnet', 'schedule.batch', 1e9, /schedule\.batch is 1000000000 and must be at most 1048576/],
    ['class-resnet', 'schedule.epochs', 1e12, /schedule\.epochs is 1000000000000/],
    ['class-resnet', 'seed', 1e300, /seed is 1e\+300/],
    ['dino-vit', 'architecture.width', 2e9, /architecture\.width is 2000000000/],
    ['dino-vit', 'architecture.depth', 1e6, /architecture\.depth is 1000000/],
    ['dino-vit', 'architecture.hidden', 1e9, /architecture\.hidden is 1000000000/],
    ['dino-vit', 'architecture.width', 16384, /weights .* of dino-vit would take/],
    ['dino-vit', 'objective.head.outputs', 2 ** 20, /weights .* of dino-vit would take .*"head\.last_layer\.weight_v"/],
    ['dino-vit', 'objective.crops.global.count', 1e9, /objective\.crops\.global\.count is 1000000000/],
    [
      'dino-vit',
      'objective.crops.global.size',
      8192,
      /a batch of dino-vit would take .*"global crops", \[8, 3, 8192, 8192\]/,
    ],
    ['dino-resnet', 'architecture.stem', 2e9, /architecture\.stem is 2000000000/],
    ['mae-vit', 'architecture.encoder.depth', 1e7, /architecture\.encoder\.depth is 10000000/],
    ['mae-vit', 'architecture.decoder.width', 16384, /weights .* of mae-vit would take/],
    ['clip-resnet', 'architecture.width', 2048, /weights .* of clip-resnet would take/],
    ['clip-resnet', 'architecture.text.context', 1e9, /architecture\.text\.context is 1000000000/],
    ['biggan', 'architecture.channels', Array(12).fill(16384), /weights .* of biggan would take/],
    ['biggan', 'architecture.channels', Array(1e3).fill(16), /architecture\.channels must have at most 12 entries/],
    ['biggan', 'architecture.classes', 1e9, /architecture\.classes is 1000000000/],
    ['biggan', 'objective.discriminator.width', 16384, /would take .*"discriminator\.head3\.features\.weight"/],
    // Of all heads together; then of the random matrices that join the encoder's maps.
    ['stylegan2', 'objective.discriminator', { width: 1024 }, /would take .*"discriminator\.head\d\.features\.weight"/],
    ['stylegan2', 'objective.discriminator', { width: 192, features: 64 }, /"the mixing of layer4 into layer3"/],
    ['stylegan2', 'architecture.mapping', 1e7, /architecture\.mapping is 10000000/],
    ['stylegan2', 'architecture.w', 2e9, /architecture\.w is 2000000000/],
    ['stylegan-xl', 'architecture.size', 2 ** 30, /architecture\.size is 1073741824/],
    ['stylegan-xl', 'architecture.size', 33, /"size" of a StyleGAN-XL is 33; give a power of two/],
    ['stylegan-xl', 'architecture.classes', 2 ** 18, /weights .* of stylegan-xl would take .*"mapping\.embed\.weight"/],
    ['stylegan-xl', 'architecture.filterSize', 1e9, /architecture\.filterSize is 1000000000/],
    [
      'stylegan-xl',
      'architecture.firstCutoff',
      1e-300,
      /architecture\.firstCutoff is 1e-300 and must be at least 0\.5/,
    ],
  ])('of %s are refused before they are made: %s', async (name, at, to, problem) => {
    const before = process.memoryUsage().rss;
    await expect(plan(name, at, to, 2 ** 30)).rejects.toThrow(UserError);
    await expect(plan(name, at, to, 2 ** 30)).rejects.toThrow(problem);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 29);
  });

  it.each(names.map((name) => name.replace('.json', '')))('%s fits into a gigabyte as it is shipped', async (name) => {
    expect((await plan(name, 'seed', 1, 2 ** 30)).steps).toBeGreaterThan(0);
  });
});

describe('scheduleOf', () => {
  const schedule = (change: Partial<Recipe['schedule']>) => {
    const base: Recipe['schedule'] = {
      batch: 10,
      epochs: 3,
      optimiser: { kind: 'sgd' },
      rate: { kind: 'constant', peak: 0.5 },
    };
    return scheduleOf({ schedule: { ...base, ...change } } as Recipe, { n: 105 });
  };

  it('a constant rate stays, or cools down in the last fraction of the steps', () => {
    const at = [0, 23, 24, 27, 30];
    expect(at.map(schedule({}).rate)).toEqual([0.5, 0.5, 0.5, 0.5, 0.5]);
    const { rate } = schedule({ rate: { kind: 'constant', peak: 0.5, coolDown: 0.2, last: 0.1 } });
    expect(at.map(rate)).toEqual([0.5, 0.5, 0.5, 0.275, 0.05].map((value) => expect.closeTo(value, 12) as number));
  });

  it('refuses what the kind of rate has no use for', () => {
    const of = (rate: Recipe['schedule']['rate']) => () => schedule({ rate });
    expect(of({ kind: 'cosine', peak: 1, coolDown: 0.2 })).toThrow(/coolDown, which a cosine rate does not know/);
    expect(of({ kind: 'constant', peak: 1, warmUp: 0.2 })).toThrow(/warmUp, which a constant rate does not know/);
  });

  it('counts steps: photos that fill no batch are left out, parts of epochs are rounded', () => {
    expect(schedule({})).toMatchObject({ steps: 30, stepsPerEpoch: 10 });
    expect(schedule({ epochs: 0.26 })).toMatchObject({ steps: 3, stepsPerEpoch: 10 });
    expect(schedule({ epochs: 0.001 }).steps).toBe(1);
    expect(schedule({ batch: 105 })).toMatchObject({ steps: 3, stepsPerEpoch: 1 });
    expect(() => schedule({ batch: 106 })).toThrow(/batch size .* 105, not 106/);
  });

  it('makes learning rates of fractions of the steps', () => {
    const at = (rate: Partial<Recipe['schedule']['rate']>, ...steps: number[]) =>
      steps.map(schedule({ epochs: 10, rate: { kind: 'cosine', peak: 0.5, ...rate } }).rate);
    expect(at({ kind: 'constant' }, 0, 99)).toEqual([0.5, 0.5]);
    // Of 100 steps 20 rise in equal parts; half of the cosine's 80 steps later it is half way down to a tenth.
    const [first, last, half] = at({ warmUp: 0.2, last: 0.1 }, 0, 19, 60);
    expect([first, last]).toEqual([expect.closeTo(0.5 / 20, 9), expect.closeTo(0.5, 9)]);
    expect(half).toBeCloseTo((0.5 + 0.05) / 2, 2);
    const cycle = at({ kind: 'oneCycle', warmUp: 0.25 }, ...Array.from({ length: 100 }, (_, i) => i));
    expect(cycle.indexOf(Math.max(...cycle)) / 100).toBeCloseTo(0.25, 1);
    expect(Math.max(...cycle)).toBeCloseTo(0.5, 6);
    expect(cycle[99]).toBeLessThan(0.001);
    // None asked for is none: the highest rate first, and less from step to step. Left out, it is 0.3.
    const fallen = at({ kind: 'oneCycle', warmUp: 0 }, ...Array.from({ length: 100 }, (_, i) => i));
    expect(fallen[0]).toBeCloseTo(0.5, 3);
    expect(fallen.every((rate, i) => i === 0 || rate < fallen[i - 1])).toBe(true);
    expect(at({ kind: 'oneCycle' }, 29)).toEqual([expect.closeTo(0.5, 9)]);
  });

  it('hands on averages, clipping and the optimiser', () => {
    expect(schedule({})).not.toHaveProperty('ema');
    expect(schedule({})).not.toHaveProperty('clip');
    expect(schedule({ clip: 2 }).clip).toBe(2);
    const { decay } = schedule({ ema: 0.998 }).ema!;
    // It begins with short memory, and ends with the recipe's.
    expect(decay(0)).toBeLessThan(0.2);
    expect(decay(1e6)).toBe(0.998);
    expect(schedule({ optimiser: { kind: 'sgd', momentum: 0.9 } }).optimiser.moments).toHaveLength(1);
    expect(schedule({ optimiser: { kind: 'adam' } }).optimiser.moments).toHaveLength(2);
  });
});

it('a recipe trained in one go and in two halves of 100 steps gives the same network, number for number', async () => {
  const recipe = parseRecipe(
    JSON.stringify({
      name: 'tiny',
      kind: 'class',
      architecture: { depths: [1], planes: [4], stem: 4 },
      objective: { smoothing: 0.1 },
      augmentation: [{ type: 'crop', padding: 1 }, { type: 'flip' }],
      schedule: {
        batch: 8,
        epochs: 25,
        optimiser: { kind: 'adam', weightDecay: 0.01 },
        rate: { kind: 'cosine', peak: 0.01, warmUp: 0.1 },
        ema: 0.95,
        clip: 1,
      },
      seed: 2,
    }),
    'tiny.json',
    recipeKinds,
  );
  const photos = photosOf(64, 8);
  // The level of a photo tells its class: there is something to learn.
  photos.pixels.forEach((value, i) => (photos.pixels[i] = value / 8 + 20 * photos.labels[Math.floor(i / 192)]));
  const run = async (folder: ReturnType<typeof memoryFolder>, until: number) => {
    const plan = await planOf(recipe, photos);
    expect(plan.steps).toBe(200);
    const stop = new AbortController();
    const reports: TrainProgress[] = [];
    const result = await train({
      ...plan,
      engine,
      folder,
      recipe,
      seed: recipe.seed,
      signal: stop.signal,
      batch(step) {
        if (step === until) stop.abort();
        return plan.batch(step);
      },
      onProgress: (progress) => void reports.push(progress),
    });
    return { reports, ...result, network: await plan.network(result.state, engine) };
  };

  const [whole, halves] = [memoryFolder(), memoryFolder()];
  const once = await run(whole, 200);
  expect((await run(halves, 100)).step).toBe(100);
  const twice = await run(halves, 200);
  expect(twice.step).toBe(200);
  expect(twice.reports.map(({ done }) => done)).toEqual(
    once.reports.map(({ done }) => done).filter((done) => done > 100),
  );
  expect(twice.reports.at(-1)!.loss).toBe(once.reports.at(-1)!.loss);
  expect(twice.network).toEqual(once.network);
  expect(halves.files.get('checkpoint.safetensors')).toEqual(whole.files.get('checkpoint.safetensors'));
  expect(once.reports.at(-1)!.loss).toBeLessThan(once.reports[0].loss - 0.5);
});
