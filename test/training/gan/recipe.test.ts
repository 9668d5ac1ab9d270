// Adversarial training of a toy generator: who moves what, gradients against finite differences, batches, and that the
// images come closer to the photos.

import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../../src/graph/tensor.ts';
import { ganPlan, ganRecipe, type GanObjective } from '../../../src/training/gan/recipe.ts';
import type { Plan, Recipe } from '../../../src/training/recipe/recipe.ts';
import { beginState, copyState, StepRunner, type TrainingState } from '../../../src/training/loop/run-step.ts';
import { train } from '../../../src/training/loop/train.ts';
import { TrainingBuilder } from '../../../src/training/loop/training-builder.ts';
import { apart, classes, evaluate, everything, side, toyEncoder, toyGenerator, toyPhotos, toyRecipe } from './toys.ts';
import { dataOf, engine, normal } from '../networks.ts';

const generator = toyGenerator();
const encoder = toyEncoder();
const photos = toyPhotos();
const planOf = (recipe: Recipe<unknown, GanObjective>, of = generator): Plan => ganPlan(recipe, of, photos, encoder);

/** One update of one part by its batch of an iteration, and what changed by it. */
async function update(plan: Plan, part: string, from?: TrainingState, rate = 0.01) {
  const step = plan.parts.find(({ name }) => name === part)!;
  const begun = from ?? beginState(plan.state, plan.parts);
  const state = new Map(begun);
  const runner = await StepRunner.open(engine, step);
  const batches = await plan.batch(0);
  const report = await runner.run(state, batches[part]!, rate);
  const after = copyState(state);
  await runner.release();
  const changed = [...after.keys()].filter((name) => apart(dataOf(after, name), dataOf(begun, name)) > 0);
  return { report, after, changed };
}

const ofJudge = (name: string) => name.includes('discriminator');

describe('the steps of adversarial training', () => {
  const plan = planOf(toyRecipe({ augment: everything, guidance: 0.5, r1: { weight: 1, every: 4 } }));

  it('are those of discriminator, penalty and generator, in this order', () => {
    expect(plan.parts.map(({ name }) => name)).toEqual(['discriminator', 'r1', 'generator']);
    expect(plan.steps).toBe(8);
  });

  it('leave the generator alone in the discriminator’s, with its statistics', async () => {
    const { changed } = await update(plan, 'discriminator');
    expect(changed.filter((name) => !ofJudge(name))).toEqual([]);
    const judge = [...plan.state.keys()].filter(ofJudge);
    expect(judge.filter((name) => !changed.includes(name))).toEqual([]);
  });

  it('leave the discriminator alone in the generator’s, with the vectors of its norms, and keep averages', async () => {
    const { changed } = await update(plan, 'generator');
    expect(changed.filter(ofJudge)).toEqual([]);
    // A bias before a normalisation has no gradient but rounding.
    const moved = [...generator.state.keys()].filter((name) => name !== 'fc.bias');
    expect(moved.filter((name) => !changed.includes(name) || !changed.includes(`ema ${name}`))).toEqual([]);
  });

  it('count the penalty with the discriminator, and move its weights alone by it', async () => {
    const first = await update(plan, 'discriminator');
    const { changed, after } = await update(plan, 'r1', first.after);
    expect(dataOf(after, 'count discriminator')[0]).toBe(2);
    expect(changed.filter((name) => !ofJudge(name) || /:[uv]$/.test(name))).toEqual([]);
    expect(changed).toContain('discriminator.head0.features.weight');
  });
});

describe('gradients, against finite differences, to 2 in 100', () => {
  const schedule = { optimiser: { kind: 'sgd' as const }, ema: undefined };

  /** The change of the loss by a step along a random direction of a tensor, and what the gradient says of it. */
  async function compare(plan: Plan, part: string, name: string) {
    const begun = beginState(plan.state, plan.parts);
    const { after } = await update(plan, part, begun, 1);
    const weight = dataOf(begun, name);
    const slope = Array.from(weight, (value, i) => value - dataOf(after, name)[i]);
    const length = Math.hypot(...slope);
    // So short a step that hardly a leaky ReLU bends: where one does, the penalty jumps.
    const h = (part === 'r1' ? 0.0005 : 0.02) / length;
    const loss = async (sign: number) => {
      const moved = new Map(begun);
      const data = Float32Array.from(weight, (value, i) => value + sign * h * slope[i]);
      moved.set(name, { ...begun.get(name)!, data });
      return (await update(plan, part, moved)).report.loss;
    };
    const measured = ((await loss(1)) - (await loss(-1))) / (2 * h);
    return { measured, said: length * length };
  }

  it.each([
    ['logistic', 'discriminator', 'discriminator.head0.features.weight'],
    ['hinge', 'discriminator', 'discriminator.head2.classes.weight'],
    ['logistic', 'generator', 'rgb.weight'],
    ['hinge', 'generator', 'embed.weight'],
  ] as const)('%s: the %s’s by %s', async (loss, part, name) => {
    const plan = planOf(toyRecipe({ loss, augment: everything, guidance: 0.5 }, schedule));
    const { measured, said } = await compare(plan, part, name);
    expect(said).toBeGreaterThan(1e-6);
    expect(Math.abs(measured / said - 1)).toBeLessThan(0.02);
  });

  it.each(['images', 'features'] as const)('of the penalty by %s', async (at) => {
    const plan = planOf(toyRecipe({ augment: everything, r1: { weight: 20, every: 4, at } }, schedule));
    const { measured, said } = await compare(plan, 'r1', 'discriminator.head1.features.weight');
    expect(said).toBeGreaterThan(1e-6);
    expect(Math.abs(measured / said - 1)).toBeLessThan(0.02);
  });
});

describe('batches', () => {
  const recipe = toyRecipe({ augment: everything, r1: { weight: 1, every: 3 } });

  it('are a pure function of the step', async () => {
    const [one, other] = [planOf(recipe), planOf(recipe)];
    await one.batch(0);
    const later = await one.batch(5);
    expect(await other.batch(5)).toEqual(later);
    expect((await other.batch(4)).discriminator!.z).not.toEqual(later.discriminator!.z);
    expect(later.generator!.z).not.toEqual(later.discriminator!.z);
  });

  it('hold the penalty every so often, and photos with their classes', async () => {
    const plan = planOf(recipe);
    const batches = await Promise.all([0, 1, 2, 3].map(async (step) => plan.batch(step)));
    expect(batches.map(({ r1 }) => r1 !== undefined)).toEqual([true, false, false, true]);
    const { real, target } = batches[1].discriminator!;
    expect(real.shape).toEqual([6, 3, side, side]);
    for (let i = 0; i < 6; i++) {
      const label = Array.from(target.data as Float32Array)
        .slice(classes * i, classes * (i + 1))
        .indexOf(1);
      // The brightest column is in the third of the class, or where a flip puts it.
      const columns = Array.from({ length: side }, (_, c) => (real.data as Float32Array)[i * 3 * side * side + c]);
      const third = Math.floor((columns.indexOf(Math.max(...columns)) * classes) / side);
      expect([label, classes - 1 - label]).toContain(third);
    }
  });
});

describe('a recipe', () => {
  it('trains: images come closer to the photos, and what is shipped are the averages', async () => {
    const recipe = toyRecipe(
      { augment: { translation: 0.125 } },
      { batch: 16, epochs: 150, rate: { kind: 'constant', peak: 0.01 } },
    );
    const plan = ganPlan({ ...recipe, augmentation: [] }, generator, photos, encoder);
    const { state } = await train({ ...plan, engine });
    const shipped = await plan.network(state, engine);
    expect([...shipped.keys()]).toEqual([...generator.state.keys()]);
    expect(apart(dataOf(shipped, 'rgb.weight'), dataOf(state, 'ema rgb.weight'))).toBe(0);

    // Mean images of each class: those of photos are bright in one third.
    const distance = async (weights: ReadonlyMap<string, Tensor>) => {
      const n = 48;
      const condition = Float32Array.from({ length: n * classes }, (_, i) =>
        Number(i % classes === Math.floor(i / classes) % classes),
      );
      const inputs = {
        z: normal([n, 6], 1, 77),
        condition: { dtype: 'float32', shape: [n, classes], data: condition } as Tensor,
        grain: normal([n, 1, side, side], 1, 78),
        ...Object.fromEntries(weights),
      };
      const b = new TrainingBuilder();
      const { images } = await evaluate(
        inputs,
        (_b, fed) => {
          const latents = { z: fed.z, classes: fed.condition, noise: { grain: fed.grain } };
          return { images: generator.addTo(b, (name) => fed[name], latents).images };
        },
        b,
      );
      const area = 3 * side * side;
      const means = (values: ArrayLike<number>, scale: number) =>
        Array.from({ length: classes * area }, (_, k) => {
          const [label, at] = [Math.floor(k / area), k % area];
          let sum = 0;
          for (let i = label; i < n; i += classes) sum += values[i * area + at] / scale;
          return (sum * classes) / n;
        });
      const [made, wanted] = [means(images, 1), means(photos.pixels, 255)];
      return made.reduce((sum, value, k) => sum + Math.abs(value - wanted[k]), 0) / made.length;
    };
    const [before, after] = [await distance(generator.state), await distance(shipped)];
    expect(after).toBeLessThan(0.6 * before);
  });

  it('needs no classes', async () => {
    const plan = planOf(toyRecipe({ loss: 'logistic', r1: { weight: 1, every: 1 } }), toyGenerator(false));
    expect(Object.keys((await plan.batch(0)).discriminator!)).not.toContain('target');
    for (const part of ['discriminator', 'r1', 'generator']) {
      expect(Number.isFinite((await update(plan, part)).report.loss)).toBe(true);
    }
  });

  it('takes a generator of the registry by its name, and its encoder from a file', async () => {
    const sizes = { z: 4, w: 4, mapping: 1, channels: [4, 4], classes };
    const recipe = { ...toyRecipe({ generator: 'stylegan2' }), architecture: sizes };
    const asked: string[] = [];
    const files = { tensors: (file: string) => (asked.push(file), Promise.resolve(encoder)) };
    const plan = await ganRecipe.plan(recipe, photos, files);
    expect(asked).toEqual(['encoder.safetensors']);
    expect(plan.card.architecture).toMatch(/stylegan2/);
    const { report, changed } = await update(plan, 'generator');
    expect(Number.isFinite(report.loss)).toBe(true);
    expect(changed).toContain('mapping.w_avg');
    const wrong = { ...recipe, architecture: { ...sizes, width: 3 } };
    await expect(ganRecipe.plan(wrong, photos, files)).rejects.toThrow(/stylegan2.*"width"/);
  });

  it('is refused when its pieces do not fit', () => {
    expect(() => ganPlan(toyRecipe(), generator, { ...photos, height: 16, width: 16 }, encoder)).toThrow(/8x8.*16x16/);
    expect(() => ganPlan(toyRecipe(), generator, { ...photos, classes: ['a'] }, encoder)).toThrow(
      /3 classes.*photos 1/,
    );
    expect(() => planOf(toyRecipe({ guidance: 1 }), toyGenerator(false))).toThrow(/guidance/);
    expect(() => planOf(toyRecipe({ discriminator: { stages: [3] } }))).toThrow(/stage 3.*has 2/);
  });
});
