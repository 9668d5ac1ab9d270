// The second look at the images: r between all units of the Rosetta sets, in groups of score tables that fit the memory.
// Which sets are looked at is decided in find-concepts.ts.

import type { Engine } from '../../runtime/engine.ts';
import type { Model } from '../../zoo/model.ts';
import { correlate } from '../correlation/correlate.ts';
import type { Moments } from '../correlation/moments.ts';
import { mapsOf } from '../correlation/pass-graph.ts';
import type { MinedModel } from '../correlation/plan.ts';
import type { Part } from '../correlation/run-pass.ts';
import type { LongWork } from '../../progress.ts';
import type { MineProgress } from '../progress.ts';
import type { Peaks } from '../run/peaks.ts';
import type { Similarities } from './similarities.ts';
import { lastOf, present } from '../../lookup.ts';

export interface Look extends LongWork<MineProgress> {
  readonly engine: Engine;
  /** The images that are looked at, in one half. */
  readonly parts: readonly Part[];
  readonly models: readonly Model[];
  /** The units of the models that are in some set. */
  readonly mined: readonly MinedModel[];
  /** Bytes for all but what `similarities` and `peaks` keep. */
  readonly memory: number;
  readonly batch?: number;
}

/** Of the memory: the score tables that are there at a time. */
const tableShare = 1 / 4;

type PairOfModels = readonly [number, number];

/**
 * Correlates the units of the sets with each other, as many pairs of models at a time as the memory holds tables of.
 * @returns moments by model.
 */
export async function lookAgain(look: Look, similarities: Similarities, peaks: Peaks | undefined): Promise<Moments[]> {
  const groups = groupsOfPairs(look);
  const total = groups.reduce((sum, { images }) => sum + images, 0);
  const moments: Moments[] = [];
  let before = 0;
  for (const group of groups) {
    const onShare = (share: number) => {
      const done = before + Math.floor(group.images * share);
      return look.onProgress?.({ stage: 'concepts', done, total, unit: 'images' });
    };
    for (const [m, own] of await lookAt(group, look, similarities, peaks, onShare)) moments[m] ??= own;
    before += group.images;
  }
  return moments;
}

/** Pairs of models whose tables are there at a time. */
interface GroupOfPairs {
  readonly pairs: readonly PairOfModels[];
  /** Models of the pairs, by index. */
  readonly models: readonly number[];
  /** The parts on which some of them have maps; there models have the numbers of their places in `models`. */
  readonly parts: readonly Part[];
  readonly images: number;
}

function groupsOfPairs({ mined, memory, parts }: Look): GroupOfPairs[] {
  const together = (a: number, b: number) => parts.some(({ models }) => models.includes(a) && models.includes(b));
  const pairs = mined
    .flatMap((_, a) => mined.slice(a).map((__, d): PairOfModels => [a, a + d]))
    .filter(([a, b]) => together(a, b));
  const groups: PairOfModels[][] = [];
  let room = 0;
  for (const pair of pairs) {
    const bytes = bytesOfTable(mined, pair);
    if (!groups.length || bytes > room) {
      groups.push([]);
      room = tableShare * memory;
    }
    room -= bytes;
    lastOf(groups).push(pair);
  }
  return groups.map((group) => {
    const models = [...new Set(group.flat())].sort((a, b) => a - b);
    const own = parts
      .map((part) => ({ ...part, models: models.flatMap((m, i) => (part.models.includes(m) ? [i] : [])) }))
      .filter((part) => part.models.length);
    return { pairs: group, models, parts: own, images: imagesOf(own) };
  });
}

const bytesOfTable = (mined: readonly MinedModel[], [a, b]: PairOfModels): number =>
  4 * mined[a].units * mined[b].units;

/**
 * Takes in the tables of a group of pairs: they are gone when it ends.
 * @param onShare awaited with the share of the images that have been looked at. How many passes there are is not known before.
 * @returns moments by model.
 */
async function lookAt(
  { pairs, models, parts }: GroupOfPairs,
  look: Look,
  similarities: Similarities,
  peaks: Peaks | undefined,
  onShare: (share: number) => void | Promise<void>,
): Promise<Map<number, Moments>> {
  const { mined, signal } = look;
  const tables = pairs.reduce((sum, pair) => sum + bytesOfTable(mined, pair), 0);
  const found = await correlate({
    engine: look.engine,
    parts,
    models: models.map((m) => mined[m]),
    maps: mapsOf(models.map((m) => look.models[m])),
    pairs: pairs.map(([a, b]): [number, number] => [models.indexOf(a), models.indexOf(b)]),
    keep: 1,
    k: 1,
    wholeMatrix: true,
    nullModel: false,
    memory: without(tables, look.memory),
    batch: look.batch,
    onPeaks:
      peaks && ((indices, values) => peaks.add(indices, new Map([...values].map(([i, own]) => [models[i], own])))),
    onProgress: ({ done, total }) => onShare(done / total),
    signal,
  });
  for (const [i, [a, b]] of pairs.entries()) {
    await similarities.add(a, b, present(found.neighbours[i].scores, 'scores'), mined[b].units, signal);
  }
  return new Map(models.map((m, i) => [m, found.moments[i]]));
}

export const imagesOf = (parts: readonly Part[]): number =>
  parts.reduce((sum, { halves }) => sum + halves.flat().length, 0);

/** What is left of the memory; a third is used all the same, and the run takes more than it should. */
export const without = (bytes: number, memory: number): number => Math.max(memory / 3, memory - bytes);
