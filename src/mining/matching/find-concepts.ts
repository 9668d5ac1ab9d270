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
import type { Neighbours } from '../correlation/neighbours.ts';
import type { MapSource } from '../correlation/pass-graph.ts';
import { Peaks } from '../run/peaks.ts';
import { minedModel, type MinedModel } from '../correlation/plan.ts';
import type { Part } from '../correlation/run-pass.ts';
import type { LongWork } from '../../progress.ts';
import type { MineProgress } from '../progress.ts';
import { parseUnit, unitNames } from '../run/units.ts';
import { present } from '../../lookup.ts';

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

/** The dictionary with its sets' pairwise r and with concepts; writes the exemplars beside. */
export async function findConcepts(dictionary: Dictionary, options: FindConceptsOptions): Promise<Dictionary> {
  const { folder, engine, models, maps, onProgress, signal } = options;
  // Twins take no part.
  const parts = options.parts.map((part) => ({
    ...part,
    halves: [part.halves.flat().slice(0, Math.ceil(mostImages / options.parts.length))],
    models: part.models.filter((m) => m < models.length),
  }));
  const together = (a: number, b: number) => parts.some((part) => part.models.includes(a) && part.models.includes(b));
  const sets = dictionary.sets.slice(0, mostSets);
  if (!sets.length) return dictionary;

  const mined = models.map((model) => minedModel(model, chosenChannels(sets, model.name)));
  const numbers = mined.map((model) => new Map(unitNames(model).map((name, i) => [name, i])));
  const members = sets.map(({ units }) => {
    const byModel = new Map(units.map((name) => [parseUnit(name).model, name]));
    return models.map(({ name }, m): number | undefined => numbers[m].get(byModel.get(name) ?? ''));
  });
  const pairs = mined
    .flatMap((_, a) => mined.slice(a).map((__, d): [number, number] => [a, a + d]))
    .filter(([a, b]) => together(a, b));
  const peaks = new Peaks(mined);
  const { neighbours, moments } = await correlate({
    engine,
    parts,
    models: mined,
    maps,
    pairs,
    keep: 1,
    k: 1,
    wholeMatrix: true,
    nullModel: false,
    memory: options.memory,
    batch: options.batch,
    onPeaks: (indices, values) => peaks.add(indices, values),
    onProgress: ({ done, total }) => onProgress?.({ stage: 'concepts', done, total, unit: 'images' }),
    signal,
  });
  const r = scoreLookup(mined, pairs, neighbours);
  const withPairs = sets.map((set, i) => ({ ...set, pairwise: pairwise(members[i], r) }));
  const concepts = await makeConcepts(withPairs, members, r, options.threshold);

  if (options.encode) {
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
      memory: options.memory,
      onProgress,
      signal,
    });
  }
  return { ...dictionary, sets: [...withPairs, ...dictionary.sets.slice(mostSets)], concepts };
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

/** r between unit `u` of model `i` and unit `v` of model `j`; undefined when the models have no images in common. */
type ScoreLookup = (i: number, u: number, j: number, v: number) => number | undefined;

function scoreLookup(
  models: readonly MinedModel[],
  pairs: readonly (readonly [number, number])[],
  neighbours: readonly Neighbours[],
): ScoreLookup {
  const table = models.map(() => new Array<Float32Array>(models.length));
  pairs.forEach(([a, b], i) => (table[a][b] = present(neighbours[i].scores, 'scores')));
  return (i, u, j, v) => (i <= j ? table[i][j]?.[u * models[j].units + v] : table[j][i]?.[v * models[i].units + u]);
}

/** By model, the unit of a set, or undefined where it has none. */
type Members = readonly (number | undefined)[];

/** Model and unit of the members that there are. */
const unitsOf = (members: Members): { m: number; unit: number }[] =>
  members.flatMap((unit, m) => (unit === undefined ? [] : [{ m, unit }]));

const pairwise = (members: Members, r: ScoreLookup): (number | null)[] =>
  unitsOf(members).flatMap((a, i, all) =>
    all.slice(i + 1).map((b) => {
      const score = r(a.m, a.unit, b.m, b.unit);
      return score === undefined ? null : Number(score.toFixed(6));
    }),
  );

/** Mean r over the pairs of units of two sets that are known; every set has an encoder's unit, so some are. */
function similarityOf(a: Members, b: Members, r: ScoreLookup): number {
  // Two anchors may choose the same units: one concept, however alike these are among each other.
  if (a.every((unit, m) => unit === b[m])) return 1;
  let sum = 0;
  let count = 0;
  a.forEach((u, i) => {
    if (u === undefined) return;
    b.forEach((v, j) => {
      const score = v === undefined ? undefined : r(i, u, j, v);
      if (score === undefined) return;
      sum += score;
      count++;
    });
  });
  return sum / count;
}

async function makeConcepts(
  sets: readonly RosettaSet[],
  members: readonly Members[],
  r: ScoreLookup,
  threshold: number,
): Promise<Concept[]> {
  const n = sets.length;
  const similarity = new Float32Array(n * n);
  for (let s = 0; s < n; s++) {
    for (let t = s; t < n; t++) {
      similarity[s * n + t] = similarity[t * n + s] = similarityOf(members[s], members[t], r);
    }
  }
  const clusters = clusterBySimilarity(similarity, n, threshold);
  const concepts = clusters.map(async (items): Promise<Concept> => {
    const medoid = sets[items[0]];
    const id = (await sha256(medoid.units.join(' '))).slice(0, 10);
    return { id, sets: items.map((i) => sets[i].id), r: medoid.r };
  });
  return (await Promise.all(concepts)).sort((a, b) => b.r - a.r);
}
