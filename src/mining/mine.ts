// Mining from end to end: models and images in, dictionary out, with a folder of files beside it.
// The steps have files of their own; here they are put in order.

import { UserError } from '../errors.ts';
import { shuffled } from '../images/sampling.ts';
import { samplesOf, type ImageSource } from '../images/source.ts';
import type { Engine } from '../runtime/engine.ts';
import { memoryFolder, type Folder } from '../files/folder.ts';
import type { Model } from '../zoo/model.ts';
import { blockSize } from './correlation/blocks.ts';
import { correlate } from './correlation/correlate.ts';
import type { Dictionary } from './run/dictionary.ts';
import { assembleDictionary } from './run/assemble.ts';
import { findConcepts } from './matching/find-concepts.ts';
import type { ThumbnailEncoder } from './run/exemplars.ts';
import { mapsOf } from './correlation/pass-graph.ts';
import { minedModel, type MinedModel } from './correlation/plan.ts';
import type { LongWork } from '../progress.ts';
import type { MineProgress } from './progress.ts';
import type { Part } from './correlation/run-pass.ts';
import { StateStore } from './correlation/saved-state.ts';
import { pairName, writeRun } from './run/write-run.ts';
import { miningDefaults } from './defaults.ts';

export interface MineOptions extends LongWork<MineProgress> {
  readonly engine: Engine;
  /** At least two, with different names. */
  readonly models: readonly Model[];
  /**
   * Photos, or samples of generators. Encoders see the images of all sources, a generator its own samples only; two
   * generators are not correlated with each other.
   */
  readonly images: ImageSource | readonly ImageSource[];
  /** Decides how images are split into halves and paired under the null, and the weights of twins. Default 0. */
  readonly seed?: number;
  /** Mutual nearest neighbours among how many; default 1. */
  readonly k?: number;
  /** With an anchor: among how many first choices of a chosen unit the anchor's unit must be; default 5, as in the paper. */
  readonly setK?: number;
  /**
   * Names of the anchor models, each of which makes its own sets; by default none: units that are pairwise mutual
   * neighbours in every model.
   */
  readonly anchors?: readonly string[];
  /** Also correlate each model with an untrained twin of itself. Default false. */
  readonly twins?: boolean;
  /** Controls by permuted images; default true. They need at least 16 images. */
  readonly nullModel?: boolean;
  /** The published code's score: cosines over batches of 10, averaged; no controls. Default false. */
  readonly reference?: boolean;
  /** Sets with at least this mean correlation between their units make one concept; default 0.5. */
  readonly conceptThreshold?: number;
  /** Keep the whole score matrices and write `scores.safetensors`. Default false. */
  readonly saveScores?: boolean;
  /** Bytes for images, weights, maps and sums; default 1 GiB. The result does not depend on it. */
  readonly memory?: number;
  /**
   * Images of a batch, rounded down to a multiple of four, four at least; by default as many as memory allows.
   * The result does not depend on it.
   */
  readonly batch?: number;
  /** Where the run is written; by default nowhere. A run in it that was interrupted goes on. */
  readonly folder?: Folder;
  /** Seconds between savings of an unfinished run; default 30, 0 for every batch. */
  readonly saveEvery?: number;
  /**
   * An unfinished run in the folder whose weights or images have changed since begins anew; by default that is an error.
   */
  readonly restart?: boolean;
  /** Encodes the report's thumbnails; without it there are no exemplars. */
  readonly thumbnails?: ThumbnailEncoder;
  /** Images shown for each Rosetta set; default 6. */
  readonly exemplarsPerSet?: number;
  /** Time stamp written into the dictionary; default: now. */
  readonly created?: Date;
}

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
    cosine: options.reference,
    memory,
    batch: options.batch,
    store: new StateStore(folder, stateKey(options, sources, mined, pairs)),
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
  const dictionary = await findConcepts(draft, {
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
    signal,
  });

  await writeRun(folder, dictionary, all, mined, pairs, correlated, onProgress);
  return dictionary;
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

function planned(options: MineOptions) {
  const settings = checked(options);
  const zoo = options.models;
  const twins = options.twins ? zoo.map((model) => model.twin(settings.seed)) : [];
  const all = [...zoo, ...twins];
  const mined = all.map((model) => minedModel(model));
  const sources = [options.images].flat();
  const present = sources.map((source) => modelsOn(source, all));
  const pairs = modelPairs(zoo.length, twins.length).filter(([a, b]) =>
    present.some((p) => p.includes(a) && p.includes(b)),
  );
  checkNames(all, pairs);
  checkPresent(all, present, pairs, sources);
  if (options.saveScores) checkScoreSize(mined, pairs, settings.memory);
  return { settings, all, mined, sources, present, pairs };
}

function checked(options: MineOptions) {
  const { models, k = miningDefaults.k, setK = miningDefaults.setK, anchors = [], memory = 2 ** 30 } = options;
  if (models.length < 2) throw new UserError('mining needs at least two models; name another one with --model');
  const modelNames = models.map(({ name }) => name);
  const twice = modelNames.find((name, i) => modelNames.indexOf(name) !== i);
  if (twice) throw new UserError(`two models are called "${twice}"; give each its own name with --model NAME=FILE`);
  for (const name of modelNames) {
    if (!/^[\w.+-]+$/.test(name))
      throw new UserError(`"${name}" cannot name a model: use letters, digits, ".", "_", "+" and "-"`);
  }
  const unknown = anchors.find((name) => !modelNames.includes(name));
  if (unknown !== undefined) {
    throw new UserError(`the anchor "${unknown}" is not one of the models ${modelNames.join(', ')}`);
  }
  for (const [name, value] of Object.entries({ k, setK })) {
    if (!Number.isInteger(value) || value < 1)
      throw new UserError(`${name} must be a positive whole number, not ${value}`);
  }
  return {
    seed: options.seed ?? miningDefaults.seed,
    k,
    setK,
    anchors: [...new Set(anchors)],
    memory,
    conceptThreshold: options.conceptThreshold ?? miningDefaults.conceptThreshold,
    folder: options.folder ?? memoryFolder(),
  };
}

/** @throws UserError when two models, or the files of two pairs of them, would have one name. */
function checkNames(models: readonly Model[], pairs: readonly [number, number][]): void {
  const taken = new Set<string>();
  for (const { name } of models) {
    // The names of the zoo differ: it is a twin's that is taken.
    if (taken.has(name))
      throw new UserError(
        `the untrained twin of a model would be called "${name}", as another model is; rename that one`,
      );
    taken.add(name);
  }
  const files = new Map<string, string>();
  for (const [a, b] of pairs) {
    const [names, file] = [`${models[a].name} and ${models[b].name}`, pairName(models[a].name, models[b].name)];
    const others = files.get(file);
    if (others !== undefined)
      throw new UserError(`the pairs ${others}, and ${names}, would both be called "${file}"; rename a model`);
    files.set(file, names);
  }
}

/** Pairs of models by index: every two of the zoo, and each with its twin. */
function modelPairs(zoo: number, twins: number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let a = 0; a < zoo; a++) for (let b = a + 1; b < zoo; b++) pairs.push([a, b]);
  for (let t = 0; t < twins; t++) pairs.push([t, zoo + t]);
  return pairs;
}

function checkScoreSize(mined: readonly MinedModel[], pairs: readonly [number, number][], memory: number): void {
  const bytes = pairs.reduce((sum, [a, b]) => sum + 4 * mined[a].units * mined[b].units, 0);
  if (bytes > memory) {
    const size = (value: number) => `${(value / 2 ** 20).toFixed(0)} MiB`;
    throw new UserError(
      `--save-scores needs ${size(bytes)} for ${pairs.length} score matrices, over the memory budget of ${size(memory)}; raise --memory, or mine fewer layers with --taps`,
    );
  }
}

/** Which models, by index, have maps on the images of a source: all encoders, and the generator of the images. */
function modelsOn({ generated }: ImageSource, models: readonly Model[]): number[] {
  const own = ({ name, twinOf }: Model) => generated && [name, twinOf].includes(generated.generator.name);
  return models.flatMap((model, m) => (model.kind === 'encoder' || own(model) ? [m] : []));
}

function checkPresent(
  models: readonly Model[],
  present: readonly (readonly number[])[],
  pairs: readonly (readonly [number, number])[],
  sources: readonly ImageSource[],
): void {
  const all = new Set(present.flat());
  const absent = models.find((_, m) => !all.has(m));
  const list = sources.map(({ source }) => source).join(', ');
  if (absent)
    throw new UserError(
      `${absent.name} is a generator, with maps on its own samples only, and the images are those of ${list}; mine over its samples too, or leave it out`,
    );
  const alone = models.find((_, m) => !pairs.some((pair) => pair.includes(m)));
  if (alone)
    throw new UserError(
      `${alone.name} cannot be compared with any of the models: two generators make different images; add an encoder`,
    );
}

/** All settings that change the sums of a run; weights and images are in inputs.ts. */
function stateKey(
  options: MineOptions,
  sources: readonly ImageSource[],
  mined: readonly MinedModel[],
  pairs: readonly [number, number][],
): string {
  const { seed, k, setK, reference, nullModel, memory, batch, saveScores } = options;
  const images = sources.map((source) => {
    const { height, width, generated, names } = source;
    return [samplesOf(source).map((i) => names[i]), height, width, generated?.recipe];
  });
  const models = mined.map(({ name, layers }) => [name, layers.map(({ layer, units, grid }) => [layer, units, grid])]);
  const rules = { seed, k, setK, reference, nullModel, memory, batch, saveScores };
  return JSON.stringify({ version: 3, models, pairs, images, ...rules });
}
