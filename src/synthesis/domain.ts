// Whether a photo lies where a generator's images lie, judged by the pairs that guide: how well they agree on the
// generator's own samples, and how well the search could make them agree on the photo.

import type { RunMoments } from '../mining/run/read-run.ts';
import type { LongWork } from '../progress.ts';
import type { Engine } from '../runtime/engine.ts';
import { runOnce } from '../runtime/run-once.ts';
import type { Encoder, Generator, GeneratorOptions } from '../zoo/model.ts';
import { agreementTerm, type TargetGroup } from './terms/agreement.ts';
import { photoTargets } from './guide.ts';
import { rowsIn, sampleLatents, shapesOf, takeRows, type Latents } from './search/latents.ts';
import { generatorMaps } from './maps.ts';
import type { GuidingPair } from './guiding-pairs.ts';
import { stepGraph, stepOutputs } from './search/step-graph.ts';
import { searchDefaults } from './defaults.ts';
import { floats } from '../graph/tensor.ts';

/** r of every unit of the groups, `[n * units]`, at given latents; no search. */
export async function agreementAt(options: {
  readonly engine: Engine;
  readonly generator: Generator;
  readonly generatorOptions?: Partial<GeneratorOptions>;
  readonly latents: Latents;
  readonly groups: readonly TargetGroup[];
}): Promise<Float32Array> {
  const { engine, latents, groups } = options;
  const terms = [agreementTerm(groups)];
  const step = stepGraph({ ...options, latents: shapesOf(latents), terms, free: [] });
  const outputs = await runOnce(engine, step.graph, { ...latents, ...step.given });
  return floats(outputs[stepOutputs.detail('rosetta/r')].data);
}

export interface DomainOptions extends LongWork {
  readonly engine: Engine;
  readonly generator: Generator;
  readonly generatorOptions?: Partial<GeneratorOptions>;
  readonly encoders: readonly Encoder[];
  readonly pairs: readonly GuidingPair[];
  readonly moments: RunMoments;
  /** Default 16. */
  readonly samples?: number;
  readonly seed?: number;
  readonly classes?: readonly number[];
  /** Samples at once; default 4. */
  readonly batch?: number;
}

/** Weighted mean r of the pairs on each of the generator's own samples, unsorted. */
export type OwnAgreement = readonly number[];

/** No search: both units of a pair look at the same sample. */
export async function ownAgreement(options: DomainOptions): Promise<OwnAgreement> {
  const {
    engine,
    generator,
    generatorOptions,
    encoders,
    pairs,
    moments,
    samples = searchDefaults.domainSamples,
    batch = 4,
    signal,
  } = options;
  const all = await sampleLatents(engine, generator, {
    samples,
    seed: options.seed,
    classes: options.classes,
    truncation: generatorOptions?.truncation,
  });
  const found: number[] = [];
  for (let from = 0; from < rowsIn(all); from += batch) {
    signal?.throwIfAborted();
    const rows = Array.from({ length: Math.min(batch, samples - from) }, (_, i) => from + i);
    const latents = takeRows(all, rows);
    const { images } = await generatorMaps(engine, generator, latents, new Map(), generatorOptions);
    const { groups } = await photoTargets({ engine, encoders, images, pairs, generator, moments });
    const r = await agreementAt({ engine, generator, generatorOptions, latents, groups });
    const weights = groups.flatMap((group) => Array.from(group.weights));
    for (const row of rows.keys()) found.push(weightedMean(r.subarray(row * weights.length), weights));
    await options.onProgress?.({ stage: 'domain', unit: 'samples', done: found.length, total: samples });
  }
  return found;
}

export function weightedMean(values: ArrayLike<number>, weights: ArrayLike<number>): number {
  let [sum, total] = [0, 0];
  for (let i = 0; i < weights.length; i++) {
    sum += weights[i] * values[i];
    total += weights[i];
  }
  return total ? sum / total : 0;
}

export interface DomainVerdict {
  /** Mean r that the search reached. */
  readonly reached: number;
  /** The same on the generator's own samples: mean, and the value that one sample in twenty stays below. */
  readonly ownMean: number;
  readonly ownLow: number;
  /** `reached` is below `ownLow`. */
  readonly outside: boolean;
}

/**
 * A photo is called outside when a whole search for it agrees less than nineteen of twenty of the generator's own samples do
 * with no search at all.
 */
export function judgeDomain(reached: number, own: OwnAgreement): DomainVerdict {
  const sorted = [...own].sort((a, b) => a - b);
  const ownLow = sorted[Math.floor(0.05 * (sorted.length - 1))];
  const ownMean = own.reduce((sum, r) => sum + r, 0) / own.length;
  return { reached, ownMean, ownLow, outside: reached < ownLow };
}
