// The search itself, on a generator that is a matrix: that it finds, saves, resumes, stops, and keeps what it had.

import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.ts';
import { float32, type Float32Tensor } from '../../../src/graph/tensor.ts';
import { adamState, adamStep, projectorNoise, projectorRate } from '../../../src/synthesis/search/adam.ts';
import { agreementTerm, type TargetGroup } from '../../../src/synthesis/terms/agreement.ts';
import { bestCandidates } from '../../../src/synthesis/search/candidates.ts';
import { agreementAt } from '../../../src/synthesis/domain.ts';
import { pixelTerm } from '../../../src/synthesis/terms/image.ts';
import { latentStatistics, sampleLatents, shapesOf, takeRows } from '../../../src/synthesis/search/latents.ts';
import { generatorMaps } from '../../../src/synthesis/maps.ts';
import { optimise, type OptimiseOptions, type StepProgress } from '../../../src/synthesis/search/optimise.ts';
import { search, type SearchProgress } from '../../../src/synthesis/search/search.ts';
import type { SavedSearch } from '../../../src/synthesis/search/state.ts';
import { searchFromTensors, searchTensors } from '../../../src/synthesis/search/state.ts';
import { stepGraph, stepOutputs } from '../../../src/synthesis/search/step-graph.ts';
import type { Term } from '../../../src/synthesis/terms/terms.ts';
import { largestDifference } from '../../golden.ts';
import { linearGenerator } from '../../mining/fixtures.ts';
import { engine } from '../../zoo/fixtures.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

const layers = [
  { layer: 'a', channels: 8, height: 6, width: 5 },
  { layer: 'b', channels: 6, height: 3, width: 3 },
];
const generator = linearGenerator('g', layers, 3, { z: 6 });

/** The maps of a known latent as targets, as deviations from 0. */
async function targetsOf(seed: number): Promise<{ groups: TargetGroup[]; image: Float32Tensor }> {
  const latents = await sampleLatents(engine, generator, { samples: 1, seed });
  const wanted = new Map(layers.map(({ layer }) => [layer, undefined]));
  const { maps, images } = await generatorMaps(engine, generator, latents, wanted);
  const groups = layers.map(({ layer, channels }): TargetGroup => ({
    layer,
    units: [...Array(channels).keys()],
    means: new Float32Array(channels),
    stds: new Float32Array(channels).fill(1),
    target: maps.get(layer)!,
    weights: new Float32Array(channels).fill(1),
    targetNames: Array(channels).fill('t') as string[],
  }));
  return { groups, image: images };
}

const { groups, image } = await targetsOf(100);
const start = await sampleLatents(engine, generator, { samples: 3, seed: 1 });
const terms = [agreementTerm(groups), pixelTerm(image, 1)];
const base: OptimiseOptions = { engine, generator, start, terms, steps: 60, every: 10, noise: 0.1, seed: 7 };

const run = (options: OptimiseOptions, look: (progress: StepProgress) => void = () => {}) =>
  optimise({ ...options, onProgress: look });

describe('the search', () => {
  it('finds a latent whose units agree with those of a known one, from every start', async () => {
    const before = await agreementAt({ engine, generator, latents: start, groups });
    const { latents, details, loss, stopped, steps, images } = await run({ ...base, steps: 300 });
    expect([stopped, steps]).toEqual(['done', 300]);
    const r = await agreementAt({ engine, generator, latents, groups });
    // What is returned is of the latents that are returned.
    expect(largestDifference(r, details['rosetta/r'].data)).toBeLessThan(1e-6);
    const mean = (values: Float32Array) => values.reduce((sum, v) => sum + v, 0) / values.length;
    expect(mean(before)).toBeLessThan(0.5);
    expect(mean(r)).toBeGreaterThan(0.99);
    expect(Math.max(...loss)).toBeLessThan(0.05);
    const again = await generatorMaps(engine, generator, latents, new Map());
    expect(largestDifference(again.images.data, images.data)).toBeLessThan(1e-6);
  });

  it('tells how it goes: steps, terms, images, and which row leads', async () => {
    const seen: StepProgress[] = [];
    const frames: Float32Tensor[] = [];
    const result = await run(base, (progress) => {
      seen.push(progress);
      frames.push(progress.images());
    });
    expect(seen.map(({ done }) => done)).toEqual([1, 10, 20, 30, 40, 50, 60]);
    for (const { loss, terms: parts, leader } of seen) {
      loss.forEach((value, row) => expect(parts.rosetta[row] + parts.pixels[row]).toBeCloseTo(value, 5));
      expect(loss[leader]).toBe(Math.min(...loss));
    }
    expect(frames[6].shape).toEqual([3, 3, 6, 5]);
    expect(largestDifference(frames[0].data, frames[6].data)).toBeGreaterThan(0.01);
    expect(Math.min(...result.loss)).toBe(result.loss[result.leader]);
  });

  it('goes on from a saved state to the same end', async () => {
    const whole = await run(base);
    let saved: ReturnType<StepProgress['state']> | undefined;
    const controller = new AbortController();
    const cut = await run({ ...base, signal: controller.signal }, (progress) => {
      if (progress.done !== 30) return;
      saved = progress.state();
      controller.abort();
    });
    expect([cut.stopped, cut.steps]).toEqual(['cancelled', 30]);
    const { state } = searchFromTensors(searchTensors({ start, state: saved! }));
    const rest = await run({ ...base, state });
    expect(largestDifference(rest.latents.z!.data, whole.latents.z!.data)).toBe(0);
    expect(rest.loss).toEqual(whole.loss);
    for (const other of [{ start: takeRows(start, [0]), state }, { state: { ...state, adam: {} } }])
      await expect(run({ ...base, ...other })).rejects.toThrow(/saved search is of other latents/);
  });

  it('does not let a row that is no number disturb the others, and keeps the last good latent of all', async () => {
    // The square root of what becomes negative is no number: rows leave the domain at their own time.
    const cliff: Term = {
      name: 'cliff',
      weight: 1,
      addTo: ({ b, latents }) => ({ loss: b.reduceSum(b.sqrt(b.add(latents.z!, 1)), [1]) }),
    };
    const rows = float32([2, 6], [...Array<number>(6).fill(0), ...Array<number>(6).fill(-0.9)]);
    const early = await run({ ...base, start: { z: rows }, terms: [cliff], steps: 8, rate: 0.1, noise: 0 });
    expect(early.stopped).toBe('done');
    expect(early.loss[0]).toBeLessThan(6);
    const late = await run({ ...base, start: { z: rows }, terms: [cliff], steps: 500, rate: 0.1, noise: 0 });
    expect(late.stopped).toBe('not-finite');
    expect(late.steps).toBeLessThan(500);
    for (const result of [early, late]) {
      expect(Array.from(result.loss).every(Number.isFinite)).toBe(true);
      expect(result.latents.z!.data.every(Number.isFinite)).toBe(true);
    }
    const never = await run({ ...base, start: { z: float32([1, 6], Array<number>(6).fill(-2)) }, terms: [cliff] });
    expect([never.stopped, never.steps]).toEqual(['not-finite', 0]);
    expect(Array.from(never.latents.z!.data)).toEqual(Array(6).fill(-2));
  });

  it('stops early when nothing gets better', async () => {
    const { stopped, steps } = await run({ ...base, steps: 2000, patience: 20, noise: 0 });
    expect(stopped).toBe('converged');
    expect(steps).toBeLessThan(2000);
  });

  it('tells what is wrong with a request', async () => {
    await expect(run({ ...base, start: { w: float32([1, 3], [0, 0, 0]) } })).rejects.toThrow(
      /g takes "z" \[n, 6\], or "w" \[n, 20\].*these latents are "w" \[1, 3\]/,
    );
    await expect(run({ ...base, terms: [agreementTerm(groups, 0)] })).rejects.toThrow(/the objective has no term/);
    await expect(run({ ...base, start: {} })).rejects.toThrow(UserError);
  });
});

describe('the graph of a step', () => {
  it('computes parts twice when memory is short, to the same gradient', async () => {
    const latents = shapesOf(start);
    const made = async (memory?: number) => {
      const step = stepGraph({ generator, latents, terms, free: ['z'], memory });
      const tensors = await runOnce(engine, step.graph, { ...start, ...step.given });
      return { count: step.graph.nodes.length, gradient: tensors[stepOutputs.gradient('z')].data as Float32Array };
    };
    const [whole, parts] = [await made(), await made(2000)];
    expect(parts.count).toBeGreaterThan(whole.count);
    expect(largestDifference(whole.gradient, parts.gradient)).toBeLessThan(1e-6);
    expect(whole.gradient.some((value) => Math.abs(value) > 1e-3)).toBe(true);
  });
});

describe('candidates', () => {
  it('are judged by the objective, whatever the batch, and the best come first', async () => {
    const latents = await sampleLatents(engine, generator, { samples: 11, seed: 5 });
    const losses: number[] = [];
    for (let i = 0; i < 11; i++) {
      const r = await agreementAt({ engine, generator, latents: takeRows(latents, [i]), groups });
      losses.push(1 - r.reduce((sum, v) => sum + v, 0) / r.length);
    }
    for (const batch of [1, 4, 50]) {
      const found = await bestCandidates({
        engine,
        generator,
        latents,
        terms: [agreementTerm(groups)],
        keep: 3,
        batch,
      });
      const order = [...losses.keys()].sort((a, b) => losses[a] - losses[b]).slice(0, 3);
      expect(found.latents).toEqual(takeRows(latents, order));
      order.forEach((i, k) => expect(found.loss[k]).toBeCloseTo(losses[i], 5));
    }
  });
});

describe('a search from beginning to end', () => {
  it('takes the best candidates as starts, and is taken up again without them', async () => {
    const options = {
      space: 'z' as const,
      engine,
      generator,
      terms,
      candidates: 12,
      starts: 2,
      steps: 20,
      every: 5,
      priors: { start: 0.01, mean: 0.01, norm: 0.1 },
    };
    const all = async (more: object = {}) => {
      const events: SearchProgress[] = [];
      let saved: SavedSearch | undefined;
      const onProgress = (progress: SearchProgress) => {
        events.push(progress);
        if (progress.stage === 'search' && progress.done === 10) saved = progress.saved();
      };
      const found = await search({ ...options, onProgress, ...more });
      return { events, saved, found };
    };
    const first = await all();
    expect(first.events.map(({ stage }) => stage).filter((stage) => stage === 'candidates')).toHaveLength(6);
    expect(Object.keys(first.found.terms)).toEqual(['rosetta', 'pixels', 'start', 'mean', 'norm']);
    expect(first.found.space).toBe('z');
    const second = await all({ saved: first.saved });
    expect(second.events.some(({ stage }) => stage === 'candidates')).toBe(false);
    expect(second.found.loss).toEqual(first.found.loss);
    await expect(all({ steps: 0 })).rejects.toThrow(/steps must be a whole number of at least 1/);
  });
});

describe('Adam and its schedule', () => {
  it('takes the steps of the published algorithm', () => {
    // By hand: m = 0.1 g, v = 0.001 g^2 at the first step, so that every step is `rate` long; then as written.
    const x = Float32Array.of(1, -2);
    const state = adamState(2);
    adamStep(x, Float32Array.of(4, -0.5), state, { rate: 0.1, step: 1 });
    expect(x[0]).toBeCloseTo(0.9, 6);
    expect(x[1]).toBeCloseTo(-1.9, 6);
    adamStep(x, Float32Array.of(-2, -0.5), state, { rate: 0.1, step: 2 });
    const m = (0.9 * 0.4 + 0.1 * -2) / (1 - 0.81);
    const v = (0.999 * 0.016 + 0.001 * 4) / (1 - 0.999 ** 2);
    expect(x[0]).toBeCloseTo(0.9 - (0.1 * m) / Math.sqrt(v), 6);
    expect(x[1]).toBeCloseTo(-1.8, 6);
  });

  it('rises over 5 %, falls over 25 %, and shakes until 75 %', () => {
    expect([0, 0.025, 0.05, 0.5, 0.75].map((t) => projectorRate(t))).toEqual([0, 0.5, 1, 1, 1]);
    expect(projectorRate(0.875)).toBeCloseTo(0.5, 12);
    expect(projectorRate(0.999)).toBeLessThan(1e-4);
    expect([0, 0.375, 0.75, 0.9].map((t) => projectorNoise(t))).toEqual([1, 0.25, 0, 0]);
  });

  it('measures latents', () => {
    const { mean, std } = latentStatistics(float32([2, 2], [1, 5, 3, 5]));
    expect([Array.from(mean), std]).toEqual([[2, 5], Math.SQRT1_2]);
  });
});
