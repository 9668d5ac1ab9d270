// The second look at the images, at the units of the Rosetta sets only: how they correlate with each other (concepts),
// and on which images they peak (exemplars).

import type { Engine } from '../../runtime/engine.ts';
import type { Folder } from '../../files/folder.ts';
import type { Model } from '../../zoo/model.ts';
import { clusterBySimilarity } from './concepts.ts';
import { correlate } from '../correlation/correlate.ts';
import type { Concept, Dictionary, RosettaSet } from '../run/dictionary.ts';
import { writeExemplars, type ThumbnailEncoder } from '../run/exemplars.ts';
import { sha256 } from '../../files/hash.ts';
import type { Moments } from '../correlation/moments.ts';
import { mapsOf, type MapSource } from '../correlation/pass-graph.ts';
import { Peaks } from '../run/peaks.ts';
import { minedModel, type MinedModel } from '../correlation/plan.ts';
import type { Part } from '../correlation/run-pass.ts';
import { bytesOfSimilarities, Similarities } from './similarities.ts';
import { turns, type LongWork } from '../../progress.ts';
import type { MineProgress } from '../progress.ts';
import { parseUnit, unitNames } from '../run/units.ts';
import { lastOf, present } from '../../lookup.ts';

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
/** Of the memory: what is kept of the sets through the second look, and the score tables that are there at a time. */
const keptShare = 1 / 2;
const tableShare = 1 / 4;

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

/** What is left of the memory; a third is used all the same, and the run takes more than it should. */
const without = (bytes: number, memory: number): number => Math.max(memory / 3, memory - bytes);

type Budgeted = Pick<FindConceptsOptions, 'memory' | 'encode' | 'onNote'>;

/** Bytes of what is kept of sets: how alike they are, and the peaks of their units on every image. */
function bytesKept(sets: readonly Pick<RosettaSet, 'units'>[], parts: readonly Part[], { encode }: Budgeted): number {
  return bytesOf(sets.length, new Set(sets.flatMap(({ units }) => units)).size, parts, encode !== undefined);
}

function bytesOf(sets: number, units: number, parts: readonly Part[], withPeaks: boolean): number {
  const images = imagesOf(parts);
  return bytesOfSimilarities(sets) + (withPeaks ? 4 * images * units : 0);
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

interface Look extends FindConceptsOptions {
  readonly mined: readonly MinedModel[];
}

/** Correlates the units of the sets with each other, as many pairs of models at a time as the memory holds tables of. */
async function lookAgain(look: Look, similarities: Similarities, peaks: Peaks | undefined): Promise<Moments[]> {
  const { mined, memory, signal } = look;
  const together = (a: number, b: number) => look.parts.some(({ models }) => models.includes(a) && models.includes(b));
  const pairs = mined
    .flatMap((_, a) => mined.slice(a).map((__, d): [number, number] => [a, a + d]))
    .filter(([a, b]) => together(a, b));
  const size = ([a, b]: readonly [number, number]) => 4 * mined[a].units * mined[b].units;
  const groups: [number, number][][] = [];
  let room = 0;
  for (const pair of pairs) {
    if (!groups.length || size(pair) > room) {
      groups.push([]);
      room = tableShare * memory;
    }
    room -= size(pair);
    lastOf(groups).push(pair);
  }

  const moments: Moments[] = [];
  const counts = groups.map((group) => imagesOf(partsOf(look.parts, [...new Set(group.flat())])));
  const total = counts.reduce((sum, count) => sum + count, 0);
  let before = 0;
  for (const [g, group] of groups.entries()) {
    const own = [...new Set(group.flat())].sort((a, b) => a - b);
    const tables = group.reduce((sum, pair) => sum + size(pair), 0);
    const found = await correlate({
      engine: look.engine,
      parts: partsOf(look.parts, own),
      models: own.map((m) => mined[m]),
      maps: mapsOf(own.map((m) => look.models[m])),
      pairs: group.map(([a, b]): [number, number] => [own.indexOf(a), own.indexOf(b)]),
      keep: 1,
      k: 1,
      wholeMatrix: true,
      nullModel: false,
      memory: without(tables, memory),
      batch: look.batch,
      onPeaks: peaks && ((indices, values) => peaks.add(indices, byNumber(values, own))),
      // Passes are not known before; an image counts once for all of a group.
      onProgress: ({ done, total: all }) =>
        look.onProgress?.({
          stage: 'concepts',
          done: before + Math.floor((counts[g] * done) / all),
          total,
          unit: 'images',
        }),
      signal,
    });
    own.forEach((m, i) => (moments[m] ??= found.moments[i]));
    for (const [i, [a, b]] of group.entries()) {
      await similarities.add(a, b, present(found.neighbours[i].scores, 'scores'), mined[b].units, signal);
    }
    before += counts[g];
  }
  return moments;
}

const imagesOf = (parts: readonly Part[]): number => parts.reduce((sum, { halves }) => sum + halves.flat().length, 0);

/** The parts on which some of these models have maps; models get the numbers of their places in `own`. */
const partsOf = (parts: readonly Part[], own: readonly number[]): Part[] =>
  parts
    .map((part) => ({ ...part, models: own.flatMap((m, i) => (part.models.includes(m) ? [i] : [])) }))
    .filter(({ models }) => models.length);

const byNumber = (values: ReadonlyMap<number, Float32Array>, own: readonly number[]): Map<number, Float32Array> =>
  new Map([...values].map(([i, peaks]) => [own[i], peaks]));

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
