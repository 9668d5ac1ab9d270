// One search from beginning to end: candidates, the best of them as starts, optimisation, the best row.
// Inversion, translation and editing are this with different targets; what the targets mean is theirs.

import { UserError } from '../../errors.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { sizeOf, float32, type Float32Tensor } from '../../graph/tensor.ts';
import type { LongWork } from '../../progress.ts';
import type { Engine } from '../../runtime/engine.ts';
import type { Generator, GeneratorOptions } from '../../zoo/model.ts';
import { bestCandidates, type CandidateProgress } from './candidates.ts';
import {
  latentInputs,
  latentShapes,
  latentStatistics,
  sampleLatents,
  takeRows,
  type Latents,
  type Space,
} from './latents.ts';
import { bytesMade } from './step-graph.ts';
import { optimise, type SearchResult, type StepProgress } from './optimise.ts';
import { meanTerm, normTerm, startTerm } from '../terms/prior.ts';
import type { SavedSearch } from './state.ts';
import type { Term } from '../terms/terms.ts';
import { searchDefaults } from '../defaults.ts';
import { present } from '../../lookup.ts';

/** Weights of what keeps a latent near where latents usually are. All default to 0. */
export interface PriorWeights {
  /** Distance to the latent that the search begins with. */
  readonly start?: number;
  /** Distance to the mean latent. */
  readonly mean?: number;
  /** Deviation of the norm of z from what it usually is. */
  readonly norm?: number;
}

export interface SearchOptions extends LongWork<SearchProgress> {
  readonly engine: Engine;
  readonly generator: Generator;
  readonly generatorOptions?: Partial<GeneratorOptions>;
  /** What to minimise, without the priors. */
  readonly terms: readonly Term[];
  readonly priors?: PriorWeights;
  /** Default: w where z passes through a mapping network, z for BigGAN. */
  readonly space?: Space;
  /** Where to begin: these rows, or the best of samples. */
  readonly start?: Latents;
  /** Samples of which the best are the starts; default 32. */
  readonly candidates?: number;
  /** Starts, side by side; default 4, and 1 of generators as large as a StyleGAN-XL. */
  readonly starts?: number;
  /** Classes that candidates are drawn from; default all. */
  readonly classes?: readonly number[];
  readonly steps?: number;
  readonly rate?: number;
  /** Noise in early steps, in standard deviations of the latent; default 0.05 in w, none elsewhere. */
  readonly noise?: number;
  readonly freeClass?: boolean;
  readonly patience?: number;
  readonly every?: number;
  readonly seed?: number;
  readonly segments?: number;
  readonly memory?: number;
  /** Go on from here instead of beginning. */
  readonly saved?: SavedSearch;
}

/** After a batch of candidates, or after a step: then with a copy of all that `saved` takes. */
export type SearchProgress = CandidateProgress | (StepProgress & { saved(): SavedSearch });

export interface Found extends SearchResult {
  /** Latents that the rows began with. */
  readonly start: Latents;
  readonly space: Space;
}

/** Samples from which the mean of the latents is told. */
const statisticsSamples = 1000;

/** Space in which searches of a generator are best, unless another is asked for. */
export const defaultSpace = ({ card }: Generator): Space => (card.latent.sampling === 'truncated' ? 'z' : 'w');

/** Several starts of a generator that makes more than this for one image would not fit into a usual machine's memory. */
const largeBytes = 16 * 2 ** 30;

function defaultStarts(generator: Generator): number {
  const b = new GraphBuilder();
  generator.addTo(b, latentInputs(b, latentShapes(generator.card, 'z', 1)).input);
  return bytesMade(b) > largeBytes ? 1 : 4;
}

/**
 * All rows. Aborted later than among the candidates, it returns what it has.
 * @throws UserError for numbers that make no sense; the signal's reason when aborted among the candidates.
 */
export async function search(options: SearchOptions): Promise<Found> {
  const {
    engine,
    generator,
    generatorOptions,
    priors = {},
    seed = searchDefaults.seed,
    saved,
    onProgress,
    signal,
  } = options;
  const {
    candidates = searchDefaults.candidates,
    starts = defaultStarts(generator),
    space = defaultSpace(generator),
  } = options;
  for (const [name, value] of Object.entries({ candidates, starts, steps: options.steps ?? 1 })) {
    if (!Number.isInteger(value) || value < 1) throw new UserError(`${name} must be a whole number of at least 1`);
  }
  const truncation = generatorOptions?.truncation;
  const drawn = (samples: number, from: number) =>
    sampleLatents(engine, generator, { samples, seed: from, space, classes: options.classes, truncation });
  let start = saved?.start ?? options.start;
  if (!start) {
    const judged = await bestCandidates({
      engine,
      generator,
      generatorOptions,
      latents: await drawn(Math.max(candidates, starts), seed),
      terms: options.terms,
      keep: starts,
      batch: starts,
      onProgress,
      signal,
    });
    start = judged.latents;
  }
  const begun = start;
  const noise = options.noise ?? (space === 'w' && !options.start ? searchDefaults.noise : 0);
  const moving = (latents: Latents): Float32Tensor => present(latents.z ?? latents.w ?? latents.ws, 'latent');
  const needed = priors.mean || noise;
  const statistics = needed
    ? latentStatistics(moving(await drawn(statisticsSamples, seed + 1)))
    : { mean: new Float32Array(sizeOf(moving(start).shape.slice(1))), std: 1 };
  const mean = float32([1, ...moving(start).shape.slice(1)], statistics.mean);
  const terms = [
    ...options.terms,
    startTerm(start, priors.start ?? 0),
    meanTerm(start.z ? { z: mean } : start.w ? { w: mean } : { ws: mean }, statistics.std, priors.mean ?? 0),
    normTerm(priors.norm ?? 0),
  ];
  const found = await optimise({
    ...options,
    start,
    terms,
    noise: noise * statistics.std,
    state: saved?.state,
    onProgress: (progress) => onProgress?.({ ...progress, saved: () => ({ start: begun, state: progress.state() }) }),
  });
  return { ...found, start, space };
}

/** One row of what a search found. */
export function rowOf(found: Found, row: number) {
  const one = ({ shape, data }: Float32Tensor): Float32Tensor => {
    const size = data.length / shape[0];
    return float32([1, ...shape.slice(1)], data.slice(row * size, (row + 1) * size));
  };
  return {
    latents: takeRows(found.latents, [row]),
    start: takeRows(found.start, [row]),
    image: one(found.images),
    loss: found.loss[row],
    terms: Object.fromEntries(Object.entries(found.terms).map(([name, values]) => [name, values[row]])),
    details: Object.fromEntries(Object.entries(found.details).map(([name, values]) => [name, one(values).data])),
  };
}

export type FoundRow = ReturnType<typeof rowOf>;
