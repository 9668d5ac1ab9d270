// Mining from end to end: models and images in, dictionary out, with a folder of files beside it.
// The steps have files of their own; here they are put in order.

import { shuffled } from '../images/sampling.ts';
import { samplesOf, type ImageSource } from '../images/source.ts';
import { blockSize } from './correlation/blocks.ts';
import { correlate, type CorrelateOptions } from './correlation/correlate.ts';
import type { Dictionary } from './run/dictionary.ts';
import { assembleDictionary } from './run/assemble.ts';
import { findConcepts } from './matching/find-concepts.ts';
import { mapsOf } from './correlation/pass-graph.ts';
import type { MinedModel } from './correlation/plan.ts';
import type { MineOptions } from './options.ts';
import { planned } from './planned.ts';
import type { Part } from './correlation/run-pass.ts';
import { StateStore } from './correlation/saved-state.ts';
import { writeRun } from './run/write-run.ts';

export type { MineOptions };

/** Neighbours kept for each unit. */
const keptNeighbours = 10;
/** Below this number of images halves and nulls say nothing. */
const leastForControls = 4 * blockSize;

/**
 * Mines a dictionary. It tells its progress after every batch; when aborted, it saves its state first.
 * @throws UserError for fewer than two models, equal names, an unknown anchor, unreadable images only, or score
 *   matrices over the memory budget, and when weights or images changed since the unfinished run began; the signal's reason when aborted.
 */
export async function mine(options: MineOptions): Promise<Dictionary> {
  const { settings, all, mined, sources, present, pairs } = planned(options);
  const { seed, folder } = settings;
  const { models: zoo, onProgress, signal } = options;
  // What reading images may take is not there for anything else.
  const memory = Math.max(
    settings.memory / 2,
    settings.memory - Math.max(...sources.map((source) => source.memory ?? 0)),
  );
  const enough = sources.every((source) => samplesOf(source).length >= leastForControls);
  const controls = (options.nullModel ?? true) && !options.reference && enough;
  let offset = 0;
  const parts = sources.map((source, i): Part => {
    const order = options.reference ? [...samplesOf(source)] : shuffled(samplesOf(source), seed);
    // Whole blocks in the first half, so that the null pairs the same images whatever the batch size is.
    const middle = Math.round(order.length / 2 / blockSize) * blockSize;
    const halves = controls ? [order.slice(0, middle), order.slice(middle)] : [order];
    const part = { source, offset, halves, models: present[i] };
    offset += source.names.length;
    return part;
  });

  const correlated = await correlate({
    engine: options.engine,
    parts,
    models: mined,
    maps: mapsOf(all),
    pairs,
    keep: Math.max(keptNeighbours, settings.k, settings.setK),
    k: settings.k,
    wholeMatrix: options.saveScores,
    nullModel: controls,
    ...screeningOf(options, settings),
    cosine: options.reference,
    memory,
    batch: options.batch,
    store: new StateStore(folder, `${stateKey(options, sources, mined, pairs)} ${options.memory} ${options.batch}`),
    saveEvery: options.saveEvery,
    restart: options.restart,
    onProgress,
    onNote: options.onNote,
    signal,
  });

  const draft = await assembleDictionary({
    ...settings,
    zoo: zoo.length,
    all,
    mined,
    pairs,
    correlated,
    parts,
    controls,
    reference: options.reference ?? false,
    created: options.created ?? new Date(),
  });
  const found = await findConcepts(draft, {
    engine: options.engine,
    parts,
    models: zoo,
    maps: mapsOf(zoo),
    memory,
    batch: options.batch,
    threshold: settings.conceptThreshold,
    perSet: options.exemplarsPerSet ?? 6,
    encode: options.thumbnails,
    folder,
    onProgress,
    onNote: options.onNote,
    signal,
  });
  const dictionary = { ...draft, ...found };

  await writeRun(folder, dictionary, all, mined, pairs, correlated, onProgress);
  return dictionary;
}

/** How scores are computed; whole score matrices and the published score are exact. */
function screeningOf(
  { scores = 'auto', saveScores, reference }: MineOptions,
  { seed, k, setK }: ReturnType<typeof planned>['settings'],
): Pick<CorrelateOptions, 'screening'> {
  if (scores === 'exact' || saveScores || reference) return {};
  return { screening: { seed, nearest: Math.max(k, setK), when: scores === 'screened' ? 'always' : 'cheaper' } };
}

/**
 * Tells what `mine` would refuse before it computes anything, for those who make room for its results first.
 * @throws UserError as `mine`, but for what only images can show.
 */
export function checkMining(options: MineOptions): void {
  planned(options);
}

/** All settings that change what `mine` finds, as text: runs of other settings have others. @throws UserError as `checkMining`. */
export function miningKey(options: MineOptions): string {
  const { sources, mined, pairs, settings } = planned(options);
  const { setK, anchors, conceptThreshold } = settings;
  return JSON.stringify([stateKey(options, sources, mined, pairs), setK, anchors, conceptThreshold, options.twins]);
}

/** All settings that change the sums of a run; weights and images are in inputs.ts. */
function stateKey(
  options: MineOptions,
  sources: readonly ImageSource[],
  mined: readonly MinedModel[],
  pairs: readonly [number, number][],
): string {
  const { seed, k, setK, reference, nullModel, saveScores, scores } = options;
  const images = sources.map((source) => {
    const { height, width, generated, names } = source;
    return [samplesOf(source).map((i) => names[i]), height, width, generated?.recipe];
  });
  const models = mined.map(({ name, layers }) => [name, layers.map(({ layer, units, grid }) => [layer, units, grid])]);
  const rules = { seed, k, setK, reference, nullModel, saveScores, scores };
  return JSON.stringify({ version: 4, models, pairs, images, ...rules });
}
