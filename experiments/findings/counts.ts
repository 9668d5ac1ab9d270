// Stages of the findings that mine: how many units every two networks share, with their controls, and which of the pairs
// found on generated images hold on photos. Inversion and edits use the run that is mined here.

import { join } from 'node:path';
import { generatedSource, shuffled, type ImageSource } from 'rosetta-neurons/images';
import { openPhotos, thumbnail } from 'rosetta-neurons/images/node';
import {
  correlate,
  mapsOf,
  mine,
  minedModel,
  PairJudge,
  readDictionary,
  readMoments,
  unitNames,
  type Dictionary,
  type MinedModel,
  type Pair,
  type RunMoments,
} from 'rosetta-neurons/mining';
import type { Engine } from 'rosetta-neurons/runtime';
import { nodeFolder } from 'rosetta-neurons/runtime/node';
import type { Model } from 'rosetta-neurons/zoo';
import type { FindingsOptions, PhotoResult, Timed, TwinResult } from './results.ts';
import { tell, type Zoo } from './stages.ts';
import { median, quantile, rankCorrelation } from './statistics.ts';

const memory = 4e9;
/** Images of a block of the null: halves are cut between blocks, as mining does. */
const block = 4;
const seed = 0;
const mostQ = 0.01;

export const holds = ({ q, replications }: Pick<Pair, 'q' | 'replications'>): boolean =>
  q !== null && q < mostQ && replications === 2;

interface Given {
  readonly engine: Engine;
  readonly zoo: Zoo;
  readonly options: FindingsOptions;
}

/** Mines the zoo over the samples of all its generators; counts are in the dictionary. */
export async function mineZoo({ engine, zoo, options, folder }: Given & { readonly folder: string }): Promise<Timed> {
  const models = [...zoo.encoders, ...zoo.generators];
  const start = performance.now();
  await mine({
    engine,
    models,
    images: sources(zoo, options),
    anchors: zoo.generators.map(({ name }) => name),
    twins: true,
    folder: nodeFolder(join(folder, 'run')),
    memory,
    seed,
    thumbnails: thumbnail,
    onProgress: ({ stage, done, total }) => tell(`mining the zoo: ${stage} ${done} of ${total}`),
  });
  return { seconds: (performance.now() - start) / 1000 };
}

export interface Run {
  readonly dictionary: Dictionary;
  readonly moments: RunMoments;
}

/** What `mineZoo` has left in the folder. */
export async function readRun(folder: string): Promise<Run> {
  const path = join(folder, 'run');
  const run = nodeFolder(path);
  return { dictionary: await readDictionary(run, path), moments: await readMoments(run, path) };
}

const sources = (zoo: Zoo, { samples, truncation }: FindingsOptions) =>
  zoo.generators.map((generator) => generatedSource(generator, { samples, seed, truncation }));

/**
 * Each network with the untrained twins of the others, over the same images: what another architecture shares untrained.
 * @returns counts, and of each two networks `beyond`: how many of their pairs that hold have a higher r than either unit has
 *     with any unit of the other network's twin.
 */
export async function mineTwins({
  engine,
  zoo,
  options,
  dictionary,
}: Given & { readonly dictionary: Dictionary }): Promise<TwinResult> {
  const models = [...zoo.encoders, ...zoo.generators];
  const all = [...models, ...models.map((model) => model.twin(seed))];
  const n = models.length;
  const pairs: [number, number][] = [];
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < n; b++) {
      if (a !== b && !(models[a].kind === 'generator' && models[b].kind === 'generator')) pairs.push([a, n + b]);
    }
  }
  const start = performance.now();
  const { judges, neighbours, mined } = await related({
    engine,
    models: all,
    pairs,
    sources: sources(zoo, options),
    what: 'crossed twins',
  });
  const counts = judges.map((judge, i) => {
    const found = judge.mutualPairs();
    const [a, twin] = pairs[i];
    return {
      models: [all[a].name, all[twin].name] as const,
      pairs: found.length,
      replicated: found.filter(holds).length,
    };
  });
  const positions = positionsOf(mined);
  /** The best r of a unit of model a with the twin of model b. */
  const bestWithTwin = (a: number, b: number, unit: string) => {
    const { all: nearest } = neighbours[pairs.findIndex(([x, y]) => x === a && y === n + b)].forward;
    return nearest.r[placeOf(positions[a], unit) * nearest.k];
  };
  const indices = new Map(models.map(({ name }, i) => [name, i] as const));
  const beyond = dictionary.pairs
    .filter(({ models: two }) => two.every((name) => indices.has(name)))
    .map(({ models: two, pairs: list }) => {
      const [a, b] = two.map((name) => placeOf(indices, name));
      const above = ({ r, a: x, b: y }: Pair) => r > bestWithTwin(a, b, x) && r > bestWithTwin(b, a, y);
      return { models: two, pairs: list.filter(holds).filter(above).length };
    });
  return { counts, beyond, seconds: (performance.now() - start) / 1000 };
}

/** Of each model, the place of a unit among its units, by name. */
const positionsOf = (mined: readonly MinedModel[]) =>
  mined.map((model) => new Map(unitNames(model).map((name, i) => [name, i] as const)));

function placeOf(places: ReadonlyMap<string, number>, name: string): number {
  const place = places.get(name);
  if (place === undefined) throw new Error(`${name} was not mined`);
  return place;
}

/** Correlates chosen pairs of models. */
async function related({
  engine,
  models,
  pairs,
  sources: images,
  what,
  wholeMatrix = false,
}: {
  readonly engine: Engine;
  readonly models: readonly Model[];
  readonly pairs: readonly (readonly [number, number])[];
  readonly sources: readonly ImageSource[];
  readonly what: string;
  readonly wholeMatrix?: boolean;
}) {
  let offset = 0;
  const parts = images.map((source) => {
    const order = shuffled(source.samples ?? source.names.map((_, i) => i), seed);
    const middle = Math.round(order.length / 2 / block) * block;
    const generator = source.generated?.generator.name;
    const present = [...models.keys()].filter(
      (m) => models[m].kind === 'encoder' || [generator, `${generator}.untrained`].includes(models[m].name),
    );
    const part = { source, offset, halves: [order.slice(0, middle), order.slice(middle)], models: present };
    offset += source.names.length;
    return part;
  });
  const mined = models.map((model) => minedModel(model));
  const { neighbours } = await correlate({
    engine,
    parts,
    models: mined,
    maps: mapsOf(models),
    pairs,
    keep: 10,
    k: 1,
    wholeMatrix,
    nullModel: true,
    memory,
    onProgress: ({ done, total }) => tell(`${what}: ${done} of ${total} images`),
  });
  return { mined, neighbours, judges: neighbours.map((entry) => new PairJudge(entry, 1)) };
}

/** Encoders mined again on photos: what becomes of the pairs that hold on generated images. */
export async function mineOnPhotos({
  engine,
  zoo,
  options,
  dictionary,
}: Given & { readonly dictionary: Dictionary }): Promise<PhotoResult> {
  const { encoders } = zoo;
  const start = performance.now();
  const source = await openPhotos(options.data, {
    samples: options.mined,
    seed,
    fallback: { height: 32, width: 32 },
  });
  const pairs: [number, number][] = [];
  for (let a = 0; a < encoders.length; a++) for (let b = a + 1; b < encoders.length; b++) pairs.push([a, b]);
  const found = await related({
    engine,
    models: encoders,
    pairs,
    sources: [source],
    what: 'on photos',
    wholeMatrix: true,
  });
  await source.close();
  const positions = positionsOf(found.mined);
  const results = pairs.map(([a, b], i) => {
    const names = [encoders[a].name, encoders[b].name] as const;
    const list = dictionary.pairs.find(({ models }) => models.join() === names.join());
    const { scores, unitsB } = found.neighbours[i];
    if (!list || !scores) throw new Error(`${names.join(' and ')} were not compared`);
    const here = found.judges[i].mutualPairs();
    const known = new Map(here.map((pair) => [`${pair.a} ${pair.b}`, pair]));
    const kept = list.pairs.filter(holds).map((pair) => {
      const [x, y] = [placeOf(positions[a], pair.a), placeOf(positions[b], pair.b)];
      return { generated: pair.r, photos: scores[x * unitsB + y], again: known.get(`${x} ${y}`) };
    });
    const photos = kept.map((pair) => pair.photos);
    return {
      models: names,
      generated: kept.length,
      photos: here.filter(holds).length,
      mutual: kept.filter(({ again }) => again).length,
      hold: kept.filter(({ again }) => again && holds(again)).length,
      rGenerated: median(kept.map((pair) => pair.generated)),
      rPhotos: median(photos),
      low: quantile(photos, 0.05),
      ranks:
        kept.length > 2
          ? rankCorrelation(
              kept.map((pair) => pair.generated),
              photos,
            )
          : NaN,
    };
  });
  return { pairs: results, seconds: (performance.now() - start) / 1000 };
}
