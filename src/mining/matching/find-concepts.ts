// From Rosetta sets to concepts: which sets the memory lets look at again, how alike these are, and what is shown of them.
// The second look itself is in second-look.ts, clustering in concepts.ts, pictures in run/exemplars.ts.

import type { Engine } from '../../runtime/engine.ts';
import type { Folder } from '../../files/folder.ts';
import type { Model } from '../../zoo/model.ts';
import { clusterBySimilarity } from './concepts.ts';
import type { Concept, Dictionary, RosettaSet } from '../run/dictionary.ts';
import { writeExemplars, type ThumbnailEncoder } from '../run/exemplars.ts';
import { sha256 } from '../../files/hash.ts';
import type { MapSource } from '../correlation/pass-graph.ts';
import { Peaks } from '../run/peaks.ts';
import { minedModel } from '../correlation/plan.ts';
import type { Part } from '../correlation/run-pass.ts';
import { imagesOf, lookAgain, without } from './second-look.ts';
import { bytesOfSimilarities, Similarities } from './similarities.ts';
import { turns, type LongWork } from '../../progress.ts';
import type { MineProgress } from '../progress.ts';
import { parseUnit, unitNames } from '../run/units.ts';

export interface FindConceptsOptions extends LongWork<MineProgress> {
  readonly engine: Engine;
  /** The images, in the order of the run; the first ones are looked at. */
  readonly parts: readonly Part[];
  readonly models: readonly Model[];
  readonly maps: MapSource;
  readonly memory: number;
  readonly batch?: number;
  readonly threshold: number;
  readonly perSet: number;
  /** Without it there are no exemplars. */
  readonly encode?: ThumbnailEncoder;
  readonly folder: Folder;
}

/** Images (of all parts together) and sets that are looked at again, at most: the best sets, by r. */
const mostImages = 2000;
const mostSets = 4000;
/** Bytes that are there for the sets in any case: less is nothing beside the program itself. */
const leastRoom = 2 ** 24;
/** Of the memory: what is kept of the sets through the second look. */
const keptShare = 1 / 2;

/** The sets with their pairwise r, and concepts of them; writes the exemplars beside. */
export async function findConcepts(
  dictionary: Pick<Dictionary, 'sets'>,
  options: FindConceptsOptions,
): Promise<Pick<Dictionary, 'sets' | 'concepts'>> {
  const { folder, engine, models, maps } = options;
  const few = options.parts.map((part) => ({
    ...part,
    halves: [part.halves.flat().slice(0, Math.ceil(mostImages / options.parts.length))],
  }));
  const sets = setsWithin(dictionary.sets.slice(0, mostSets), few, options);
  if (!sets.length) return { sets: dictionary.sets, concepts: [] };

  const mined = models.map((model) => minedModel(model, chosenChannels(sets, model.name)));
  const numbers = mined.map((model) => new Map(unitNames(model).map((name, i) => [name, i])));
  const members = sets.map(({ units }) => {
    const byModel = new Map(units.map((name) => [parseUnit(name).model, name]));
    return models.map(({ name }, m): number | undefined => numbers[m].get(byModel.get(name) ?? ''));
  });
  // Twins take no part, nor models of which no set has a unit.
  const parts = few
    .map((part) => ({ ...part, models: part.models.filter((m) => m < models.length && mined[m].units > 0) }))
    .filter((part) => part.models.length);
  const peaks = options.encode && new Peaks(mined);
  const memory = without(bytesKept(sets, parts, options), options.memory);
  const similarities = new Similarities(members, models.length);
  const moments = await lookAgain({ ...options, parts, mined, memory }, similarities, peaks);
  const withPairs = sets.map((set, i) => ({ ...set, pairwise: similarities.within(i) }));
  const concepts = await makeConcepts(withPairs, similarities.matrix(), options);

  if (options.encode && peaks) {
    await writeExemplars({
      engine,
      parts,
      models: mined,
      maps,
      moments,
      peaks,
      sets: new Map(sets.map(({ id }, i) => [id, members[i]])),
      perSet: options.perSet,
      encode: options.encode,
      folder,
      memory,
      onProgress: options.onProgress,
      signal: options.signal,
    });
  }
  return { sets: [...withPairs, ...dictionary.sets.slice(sets.length)], concepts };
}

type Budgeted = Pick<FindConceptsOptions, 'memory' | 'encode' | 'onNote'>;

/** Bytes of what is kept of sets: how alike they are, and the peaks of their units on every image. */
function bytesKept(sets: readonly Pick<RosettaSet, 'units'>[], parts: readonly Part[], { encode }: Budgeted): number {
  return bytesOf(sets.length, new Set(sets.flatMap(({ units }) => units)).size, parts, encode !== undefined);
}

function bytesOf(sets: number, units: number, parts: readonly Part[], withPeaks: boolean): number {
  return bytesOfSimilarities(sets) + (withPeaks ? 4 * imagesOf(parts) * units : 0);
}

/** The first sets, of which the memory can keep what is found; tells when it is not all of them. */
function setsWithin(sets: readonly RosettaSet[], parts: readonly Part[], options: Budgeted): readonly RosettaSet[] {
  const room = Math.max(leastRoom, keptShare * options.memory);
  const units = new Set<string>();
  const fit = sets.findIndex((set, i) => {
    for (const unit of set.units) units.add(unit);
    return bytesOf(i + 1, units.size, parts, options.encode !== undefined) > room;
  });
  if (fit < 0) return sets;
  options.onNote?.(
    `concepts are made of the best ${fit} of ${sets.length} Rosetta sets: more do not fit the memory; raise --memory`,
  );
  return sets.slice(0, fit);
}

/** By layer: the channels of a model that are in some set, ascending. */
function chosenChannels(sets: readonly RosettaSet[], model: string): Map<string, number[]> {
  const channels = new Map<string, Set<number>>();
  for (const name of new Set(sets.flatMap(({ units }) => units))) {
    const unit = parseUnit(name);
    if (unit.model !== model) continue;
    channels.set(unit.layer, (channels.get(unit.layer) ?? new Set()).add(unit.index));
  }
  return new Map([...channels].map(([layer, set]) => [layer, [...set].sort((a, b) => a - b)]));
}

async function makeConcepts(
  sets: readonly RosettaSet[],
  similarity: Float32Array,
  { threshold, onProgress, signal }: FindConceptsOptions,
): Promise<Concept[]> {
  const turn = turns();
  const clusters = await clusterBySimilarity(similarity, sets.length, threshold, async (done) => {
    await onProgress?.({ stage: 'clustering', done, total: sets.length, unit: 'sets' });
    await turn();
    signal?.throwIfAborted();
  });
  const concepts = clusters.map(async (items): Promise<Concept> => {
    const medoid = sets[items[0]];
    const id = (await sha256(medoid.units.join(' '))).slice(0, 10);
    return { id, sets: items.map((i) => sets[i].id), r: medoid.r };
  });
  return (await Promise.all(concepts)).sort((a, b) => b.r - a.r);
}
