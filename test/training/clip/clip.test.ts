// CLIP's recipe: loss and gradient against float64, the towers that it ships, and that it learns.

import { describe, expect, it } from 'vitest';
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts';
import { pruneGraph } from '../../../src/graph/prune.ts';
import { float32, type Float32Tensor, toFloat32, toHalf, type Tensor } from '../../../src/graph/tensor.ts';
import { normalAt, randomAt } from '../../../src/random.ts';
import { captionOf, vocabularyIn } from '../../../src/training/clip/captions.ts';
import { captionsOf, clipRecipe } from '../../../src/training/clip/recipe.ts';
import { clipStep, contrastive, contrastiveTargets } from '../../../src/training/clip/step.ts';
import { freshClip } from '../../../src/training/clip/tensors.ts';
import { classFeatures } from '../../../src/training/clip/text.ts';
import { cosines, largest } from '../../../src/training/quality/index.ts';
import { LiveWeights } from '../../../src/training/loop/live-weights.ts';
import { adam, sgd } from '../../../src/training/loop/optimiser.ts';
import { stateInput, stateOutput } from '../../../src/training/loop/parameters.ts';
import type { PhotoSet } from '../../../src/training/loop/photos.ts';
import type { PlanContext } from '../../../src/training/recipe/recipe.ts';
import { parseRecipe } from '../../../src/training/recipe/schema.ts';
import { beginState, StepRunner } from '../../../src/training/loop/run-step.ts';
import { train, type TrainProgress } from '../../../src/training/loop/train.ts';
import { clipResNet } from '../../../src/zoo/encoders/clip-resnet.ts';
import { modelFromTensors, shapesOf } from '../../../src/zoo/from-checkpoint.ts';
import type { Encoder } from '../../../src/zoo/model.ts';
import { preprocess } from '../../../src/zoo/preprocess.ts';
import { evaluate } from '../../autodiff/reference/evaluate.ts';
import { largestDifference } from '../../golden.ts';
import { images } from '../../zoo/fixtures.ts';
import { contrastiveLoss, rowsOf } from './reference.ts';
import { dataOf, engine, normal } from '../networks.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

const sizes = { depths: [1, 1, 1, 1], width: 2, grid: 1, embed: 6, text: { width: 8, layers: 1, context: 10 } };

/** The loss's value without a network around it. */
async function lossOf(image: Tensor, text: Tensor, logitScale: number, target: Tensor) {
  const b = new GraphBuilder();
  const input = (name: string, { shape }: Tensor) => b.input(name, shape);
  const scale = b.input('scale', []);
  const laid = contrastive(b, input('image', image), input('text', text), scale, input('target', target));
  b.output(laid.loss, 'loss');
  b.output(laid.accuracy, 'accuracy');
  const tensors = await runOnce(engine, b.build(), { image, text, scale: float32([], [logitScale]), target });
  return [tensors.loss, tensors.accuracy].map((tensor) => toFloat32(tensor)[0]);
}

describe('the contrastive loss', () => {
  it.each([true, false])('is that of a float64 computation, shared: %s', async (shared) => {
    const target = float32([5, 5], contrastiveTargets(['cat', 'elk', 'cat', 'ship', 'cat'], shared));
    const [image, text] = [normal([5, 4], 2, 1), normal([5, 4], 0.5, 2)];
    const expected = contrastiveLoss(rowsOf(image), rowsOf(text), 5, rowsOf(target));
    const [loss, accuracy] = await lossOf(image, text, Math.log(5), target);
    expect(Math.abs(loss - expected.loss) / expected.loss).toBeLessThan(1e-6);
    expect(accuracy).toBeCloseTo(expected.accuracy, 6);
  });

  it('has targets that are the identity, or shared by equal nouns', () => {
    const nouns = ['cat', 'elk', 'cat'];
    expect([...contrastiveTargets(nouns, false)]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
    expect([...contrastiveTargets(nouns, true)]).toEqual([0.5, 0, 0.5, 0, 1, 0, 0.5, 0, 0.5]);
  });
});

describe('a step', () => {
  const tensors = freshClip(sizes, 9, 3);
  // Blocks that begin as their shortcuts would hide what their weights do.
  for (const [name, { data }] of tensors) if (/bn3\.weight$/.test(name)) (data as Float32Array).fill(0.8);
  const step = clipStep({ tensors, batch: 3, height: 32, width: 32, optimiser: sgd() });
  const feeds = {
    images: images([3, 3, 32, 32], 5),
    tokens: {
      dtype: 'int64',
      shape: [3, 10],
      data: BigInt64Array.from(
        [7, 1, 2, 8, 0, 0, 0, 0, 0, 0, 7, 3, 8, 0, 0, 0, 0, 0, 0, 0, 7, 1, 5, 5, 6, 8, 0, 0, 0, 0],
        BigInt,
      ),
    } as Tensor,
    target: float32([3, 3], contrastiveTargets(['a', 'b', 'a'], true)),
  };

  it('has the gradient that differences of a float64 evaluation give', () => {
    const state = beginState(tensors, [step]);
    const all = {
      ...feeds,
      ...Object.fromEntries(step.reads.map((name) => [stateInput(name), state.get(name)!])),
      ...step.scalars(1, 0),
    };
    const out = evaluate(step.graph, all);
    const forward = pruneGraph({ ...step.graph, outputs: step.graph.outputs.filter(({ name }) => name === 'loss') });
    const names = [
      'logit_scale',
      'text_projection',
      'token_embedding.weight',
      'positional_embedding',
      'transformer.resblocks.0.attn.in_proj_weight',
      'transformer.resblocks.0.mlp.c_fc.bias',
      'visual.conv1.weight',
      'visual.layer2.0.conv2.weight',
      'visual.layer4.0.downsample.0.weight',
      'visual.attnpool.positional_embedding',
      'visual.attnpool.q_proj.weight',
      'visual.attnpool.c_proj.bias',
    ];
    for (const name of names) {
      // Plain descent with a rate of 1 moves a weight by its gradient.
      const before = dataOf(tensors, name);
      const gradient = Array.from(out[stateOutput(name)].data, (v, i) => before[i] - v);
      const scale = Math.max(...gradient.map(Math.abs));
      const at = gradient.findIndex((v) => Math.abs(v) === scale);
      const lossAt = (by: number) => {
        const data = Float64Array.from(before);
        data[at] += by;
        return evaluate(forward, { ...all, [stateInput(name)]: { shape: tensors.get(name)!.shape, data } }).loss
          .data[0];
      };
      expect(scale, name).toBeGreaterThan(1e-5);
      const h = 1e-7;
      expect(Math.abs((lossAt(h) - lossAt(-h)) / (2 * h) - gradient[at]) / scale, name).toBeLessThan(1e-4);
    }
  });

  it('keeps the temperature within its bound, and lets it return', async () => {
    const bounded = clipStep({ tensors, batch: 3, height: 32, width: 32, optimiser: adam() });
    const runner = await StepRunner.open(engine, bounded);
    const state = beginState(tensors, [bounded]);
    state.set('logit_scale', float32([], [Math.log(100) + 1]));
    await runner.run(state, feeds, 1e-3);
    expect(dataOf(state, 'logit_scale')[0]).toBeCloseTo(Math.log(100), 6);
    // Untrained towers are better off with a smaller one.
    await runner.run(state, feeds, 1e-3);
    expect(dataOf(state, 'logit_scale')[0]).toBeLessThan(Math.log(100) - 1e-4);
    await runner.release();
  });
});

/** Photos of one colour each with some noise; nouns that no class is named by. */
const colours = { red: [0.8, 0.2, 0.2], green: [0.2, 0.8, 0.2], blue: [0.2, 0.2, 0.8] };
const photos: PhotoSet = (() => {
  const classes = Object.keys(colours);
  const n = 48;
  const labels = Int32Array.from({ length: n }, (_, i) => i % 3);
  const pixels = Uint8Array.from({ length: n * 3072 }, (_, i) => {
    const value = Object.values(colours)[Math.floor(i / 3072) % 3][Math.floor(i / 1024) % 3] + 0.1 * normalAt(8, i);
    return 255 * Math.min(1, Math.max(0, value));
  });
  const nouns = ['ripe tomato', 'frog', 'sea'];
  const names = Array.from(labels, (c, i) => `${classes[c]}/${nouns[c].replace(' ', '_')}_s_${i}.webp`);
  return { pixels, n, height: 32, width: 32, labels, classes, names };
})();

const noFiles: PlanContext = { tensors: () => Promise.reject(new Error('none')) };

const recipe = (changes: object = {}) =>
  parseRecipe(
    JSON.stringify({
      name: 'clip',
      kind: 'clip',
      architecture: { ...sizes, width: 4, text: { ...sizes.text, width: 16 } },
      objective: { classNames: 0.5 },
      augmentation: [{ type: 'flip' }],
      schedule: {
        batch: 12,
        epochs: 25,
        optimiser: { kind: 'adam', beta2: 0.98, weightDecay: 0.1 },
        rate: { kind: 'cosine', peak: 0.005, warmUp: 0.1 },
        ema: 0.9,
      },
      seed: 1,
      ...changes,
    }),
    'clip.json',
    [clipRecipe],
  );

describe('the recipe', () => {
  it('learns nouns and names of classes, and ships towers that the zoo opens and that tell classes apart', async () => {
    const plan = await clipRecipe.plan(recipe(), photos, noFiles);
    expect(plan.steps).toBe(100);
    const losses: number[] = [];
    const onProgress = ({ loss }: TrainProgress) => void losses.push(loss);
    const { state } = await train({ ...plan, engine, every: 10, onProgress });
    // A photo tells its class, so four of twelve captions, but not which of two nouns: from log 12 to log 4.
    expect(losses[1]).toBeGreaterThan(2.3);
    expect(losses.at(-1)).toBeLessThan(2.2);

    const network = await plan.network(state, engine);
    const shipped = new Map([...network].map(([name, tensor]) => [name, toHalf(tensor)]));
    const { model } = modelFromTensors(shipped, { name: 'clip', card: { name: 'clip', ...plan.card } });
    expect(model.card).toMatchObject({
      architecture: 'clip-resnet',
      config: { depths: [1, 1, 1, 1], grid: 1, heads: 2 },
    });
    const b = new GraphBuilder();
    b.output((model as Encoder).addTo(b, b.input('images', [48, 3, 32, 32])).output, 'features');
    const tensors = await runOnce(engine, b.build(), {
      images: float32(
        [48, 3, 32, 32],
        Float32Array.from(photos.pixels, (v) => v / 255),
      ),
    });
    expect(vocabularyIn(shipped)).toContain('tomato');
    const found = largest(
      cosines(tensors.features as Float32Tensor, await classFeatures(engine, shipped, photos.classes)),
    );
    expect(found.filter((c, i) => c === photos.labels[i]).length).toBeGreaterThanOrEqual(46);
    const byNoun = largest(
      cosines(tensors.features as Float32Tensor, await classFeatures(engine, shipped, ['ripe tomato', 'frog', 'sea'])),
    );
    expect(byNoun.filter((c, i) => c === photos.labels[i]).length).toBeGreaterThanOrEqual(46);
  });

  it('ships an image tower that computes what the training graph does in inference', async () => {
    const plan = await clipRecipe.plan(recipe(), photos, noFiles);
    const state = new Map(plan.state);
    let seed = 0;
    for (const [name, { shape }] of state) {
      if (!name.startsWith('visual') || shape.length > 1) continue;
      const drawn = Float32Array.from({ length: shape[0] }, (_, i) => 0.5 + randomAt(seed, i));
      seed++;
      state.set(name, float32(shape, drawn));
    }
    const config = clipResNet.recognise(shapesOf(state), {})!;
    const live = new Map<string, Value>();
    const b = new GraphBuilder();
    const weights = new LiveWeights(state, 'clip', (name) => {
      if (!live.has(name)) live.set(name, b.input(stateInput(name), state.get(name)!.shape));
      return live.get(name);
    });
    const x = preprocess(b, b.input('images', [2, 3, 32, 32]), clipResNet.defaultInput(config));
    b.output(clipResNet.addTo(b, x, weights, config).output, 'live');
    const { model } = modelFromTensors(await plan.network(state, engine), { name: 'clip' });
    const fixed = new GraphBuilder();
    fixed.output((model as Encoder).addTo(fixed, fixed.input('images', [2, 3, 32, 32])).output, 'fixed');
    const pictures = images([2, 3, 32, 32], 3);
    const found: Float32Array[] = [];
    for (const [graph, feeds] of [
      [b.build(), Object.fromEntries([...live.keys()].map((name) => [stateInput(name), state.get(name)!]))],
      [fixed.build(), {}],
    ] as const) {
      const tensors = await runOnce(engine, graph, { images: pictures, ...feeds });
      found.push(toFloat32(Object.values(tensors)[0]).slice());
    }
    const scale = found[0].reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    expect(scale).toBeGreaterThan(0.01);
    expect(largestDifference(found[0], found[1]) / scale).toBeLessThan(1e-5);
  });

  it('draws captions by step and place alone, a fraction of them with the name of the class', async () => {
    const plan = await clipRecipe.plan(recipe(), photos, noFiles);
    expect(await plan.batch(7)).toEqual(await plan.batch(7));
    const nouns = photos.names.map((name) => name.split('/')[1].split('_s_')[0].replace('_', ' '));
    const indices = Array.from({ length: 3000 }, (_, i) => i % 48);
    const drawn = captionsOf(photos, nouns, indices, { seed: 1, step: 2, classNames: 0.25 });
    const named = drawn.nouns.filter((name, i) => name === photos.classes[photos.labels[indices[i]]]);
    // Four standard deviations of a fraction of 3000.
    expect(Math.abs(named.length / 3000 - 0.25)).toBeLessThan(0.032);
    const allowed = (i: number) => [nouns[indices[i]], photos.classes[photos.labels[indices[i]]]];
    expect(drawn.nouns.every((name, i) => allowed(i).includes(name))).toBe(true);
    expect(drawn.captions.every((caption, i) => caption.endsWith(captionOf('{}', drawn.nouns[i])))).toBe(true);
    expect(new Set(drawn.captions).size).toBe(6 * 16);
  });

  it('refuses a context that is too short for its captions, odd widths and unknown settings', () => {
    const plan = (architecture: object) => clipRecipe.plan(recipe({ architecture }), photos, noFiles);
    const short = { ...sizes, text: { ...sizes.text, context: 6 } };
    expect(() => plan(short)).toThrow(/fit a context of 6/);
    expect(() => plan({ ...sizes, text: { ...sizes.text, width: 200 } })).toThrow(/200, does not divide into 3 heads/);
    expect(() => recipe({ architecture: { ...sizes, width: 3 } })).toThrow(
      /architecture\.width is 3 and must be a multiple of 2/,
    );
    expect(() => recipe({ objective: { share: true } })).toThrow(
      /objective has the unknown entry "share".* did you mean "shared"\?/,
    );
  });
});
