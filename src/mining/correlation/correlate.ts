// From images and models to neighbours and moments: plans the passes, runs them, and takes the scores in.
// It knows no dictionary; `mine.ts` makes one of what comes out.

import { UserError } from '../../errors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { doubles, sizeOf } from '../../graph/tensor.ts';
import type { Engine } from '../../runtime/engine.ts';
import { blockBatches, blockSize, plainBatches, wholeBlocks } from './blocks.ts';
import { divideMemory } from './budget.ts';
import { changedInputs, inputGroups, restorePrints, weightDigests } from './inputs.ts';
import { Moments } from './moments.ts';
import { centresFrom, centresTo, provisionalMeans, sameMeans } from './centres.ts';
import { meanCosine, Neighbours, pearson } from './neighbours.ts';
import type { MapSource } from './pass-graph.ts';
import { planPasses, rectangles, targetGrids, type MinedModel, type Pass } from './plan.ts';
import { imagesIn, PassRun, startOf, sumsOf, type Part, type PassRunOptions } from './run-pass.ts';
import type { LongWork } from '../../progress.ts';
import { miningDefaults } from '../defaults.ts';
import type { MineProgress } from '../progress.ts';
import type { SavedState, StateStore } from './saved-state.ts';
import { chosenScreening } from '../screening/predict.ts';
import type { ScreeningReport } from '../screening/report.ts';
import { Screening, secondPassBytes, widthWithin, type ScreeningOptions } from '../screening/screening.ts';
import { compareNames } from '../../images/image-set.ts';
import type { Unreadable } from '../../images/source.ts';
import { required, present } from '../../lookup.ts';

export interface CorrelateOptions extends LongWork<CorrelateProgress> {
  readonly engine: Engine;
  /** The images: pairs are correlated over those parts on which both models have maps. */
  readonly parts: readonly Part[];
  readonly models: readonly MinedModel[];
  readonly maps: MapSource;
  /** Pairs of models, by index. */
  readonly pairs: readonly (readonly [number, number])[];
  /** Neighbours kept over all images, and over each half. */
  readonly keep: number;
  readonly k: number;
  /** Keep whole score matrices. */
  readonly wholeMatrix?: boolean;
  readonly nullModel: boolean;
  /**
   * Scores by a screen and exact sums of its candidates, `always` or when that is predicted to be much `cheaper`; by
   * default exact sums of all pairs.
   */
  readonly screening?: Pick<ScreeningOptions, 'seed' | 'nearest'> &
    Partial<Pick<ScreeningOptions, 'width'>> & { readonly when: 'always' | 'cheaper' };
  /** The published code's score instead of Pearson r over all images. */
  readonly cosine?: boolean;
  /** Bytes that weights, maps and sums may take. */
  readonly memory: number;
  /**
   * Images of a batch, rounded down to whole blocks of four, one at least; by default as many as memory allows, up to 32.
   * The result does not depend on it.
   */
  readonly batch?: number;
  /** Cuts the samples into batches; by default blocks for the null. */
  readonly batches?: PassRunOptions['batches'];
  /** Where to save the state of the run, and how often (seconds; default 30; 0 for every batch). */
  readonly store?: StateStore;
  readonly saveEvery?: number;
  /** Begin anew when weights or images are not what an unfinished run has seen; by default that is an error. */
  readonly restart?: boolean;
  readonly onPeaks?: (indices: readonly number[], peaks: ReadonlyMap<number, Float32Array>) => void;
}

export interface Correlated {
  /** By the place of the pair in `pairs`. */
  readonly neighbours: readonly Neighbours[];
  readonly moments: readonly Moments[];
  /** Images that could not be read, also those of an earlier, interrupted part of the run. */
  readonly unreadable: readonly Unreadable[];
  readonly screening?: ScreeningReport;
}

/** How far a run is, in images that models still have to see (each pass sees all of them). */
export interface CorrelateProgress extends MineProgress {
  readonly stage: 'correlating' | 'screening';
  /** Images, or pairs of units. */
  readonly unit: 'images' | 'pairs';
  readonly pass: number;
  readonly passes: number;
}

/** Images whose mean is the provisional one. */
const centreImages = 32;
/** Size of the published code's batches, over which its cosines are taken. */
const publishedBatch = 10;

/**
 * @throws the signal's reason when aborted, after saving; UserError when what an unfinished run has seen has changed.
 */
export async function correlate(options: CorrelateOptions): Promise<Correlated> {
  const { models, pairs, parts, store, signal } = options;
  const cosine = options.cosine ?? false;
  const given = cosine ? publishedBatch : options.batch && wholeBlocks(options.batch);
  const exactly = divideMemory(options.memory, options, given);
  const second = secondPassBytes(options);
  const most = Math.max(blockSize, wholeBlocks(second.mostImages));
  const byScreening = divideMemory(
    options.memory - second.inAll,
    options,
    Math.min(most, given ?? divideMemory(options.memory - second.inAll, options, given, second.perImage).batch),
    second.perImage,
  );
  const width = options.screening?.width ?? widthWithin(options, byScreening.sums);
  const exactPasses = plan(options, cosine, exactly.sums);
  const screened =
    options.screening &&
    chosenScreening({
      ...options,
      ...options.screening,
      passes: exactPasses.length,
      width,
      fits: second.mostImages >= blockSize,
    });
  const newScreening = () => screened && new Screening(screened);
  let screening = newScreening();
  const { batch } = screening ? byScreening : exactly;
  const passes = screening?.passes ?? exactPasses;
  const targets = targetGrids(models, pairs);
  const images = passes.map((pass) => parts.map((part) => imagesIn(pass, part, screening !== undefined)));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const total = sum(images.flat());
  const tell = (done: number, pass: number) =>
    options.onProgress?.({ stage: 'correlating', done, total, unit: 'images', pass, passes: passes.length });
  await tell(0, 0);

  const damaged = (file: string) =>
    options.onNote?.(`${file}, the state of an unfinished run, is damaged; mining begins anew`);
  const saved = await store?.load(damaged);
  const fresh = cosine
    ? await provisionalMeans(options, Infinity, publishedBatch)
    : await provisionalMeans(options, centreImages, Math.min(centreImages, batch));
  const momentsAround = (means: readonly (readonly Float32Array[])[]) =>
    parts.map((part) =>
      models.map((model, m) => (part.models.includes(m) ? new Moments(model, targets[m], means[m]) : undefined)),
    );
  const savedMoments = (all: PassRunOptions['moments']) =>
    all.flatMap((list, p) => list.flatMap((entry, m) => (entry ? [{ entry, key: `${p} ${m}` }] : [])));
  const neighbours = pairs.map(
    ([a, b]) => new Neighbours(models[a].units, models[b].units, options.keep, options.k, options.wholeMatrix),
  );
  const weights = store ? await weightDigests(options) : [];
  const groupsOf = (means: readonly (readonly Float32Array[])[], all: PassRunOptions['moments']) =>
    new Map<string, ReadonlyMap<string, Tensor>>([
      ...inputGroups(weights, parts),
      ['centres', centresTo(means)],
      ['moments', new Map(savedMoments(all).map(({ entry, key }) => [key, float64(entry.save())]))],
      ...neighbours.map((entry, i): [string, Map<string, Tensor>] => [`neighbours/${i}`, entry.tensors()]),
    ]);
  const isComplete =
    saved &&
    isWhole(saved, groupsOf(fresh, momentsAround(fresh)), passes, {
      ...options,
      nullModel: options.nullModel && !screening,
    }) &&
    (!screening || (await screening.restore(saved.passes, saved.groups)));
  if (saved && !isComplete) damaged('partial/');
  const found = isComplete ? centresFrom(required(saved.groups, 'centres', 'group'), models) : undefined;
  const changed = saved && found ? await changedInputs(saved.groups, weights, { ...options, ...saved }) : [];
  if (found && !changed.length && !sameMeans(fresh, found)) changed.push('a model, or an image');
  if (changed.length) refuseOrRestart(changed, options);
  const resumed = saved && found && !changed.length ? saved : undefined;
  if (!resumed) screening = newScreening();
  const centres = (resumed && found) ?? fresh;
  const moments = momentsAround(centres);
  if (resumed) {
    restorePrints(resumed.groups, parts);
    const sums = required(resumed.groups, 'moments', 'group');
    for (const { entry, key } of savedMoments(moments)) entry.restore(doubles(required(sums, key, 'moments').data));
    neighbours.forEach((entry, i) => entry.restore(required(resumed.groups, `neighbours/${i}`, 'group')));
  }

  const unreadable = (): Unreadable[] => {
    const all = [...(resumed?.unreadable ?? []), ...parts.flatMap(({ source }) => source.unreadable)];
    const byName = new Map(all.map((entry) => [entry.name, entry]));
    return [...byName.values()].sort((a, b) => compareNames(a.name, b.name));
  };
  const state = (done: number, run: PassRun | undefined): SavedState => ({
    passes: done,
    cursor: run?.cursor ?? startOf(parts),
    unreadable: unreadable(),
    groups: new Map<string, ReadonlyMap<string, Tensor>>([
      ...groupsOf(centres, moments),
      ...[...(run?.save() ?? [])].map(([name, sums]): [string, Map<string, Tensor>] => [
        `sums/${name}`,
        new Map([['sums', sums]]),
      ]),
      ...(screening?.groups(done) ?? []),
    ]),
  });

  const momentsOf = ([a, b]: readonly [number, number]): readonly [Moments, Moments] => {
    const [x, y] = over(moments, [a, b]);
    return [x, y];
  };
  for (let p = resumed?.passes ?? 0; p < passes.length; p++) {
    const run = new PassRun({
      ...options,
      batch,
      batches: options.batches ?? (cosine ? plainBatches : blockBatches),
      cosine,
      nullModel: options.nullModel && !screening,
      extra: screening?.gatherer(p),
      targets,
      centres,
      moments,
      pass: passes[p],
      peaks: options.onPeaks !== undefined,
    });
    let done = sum(images.slice(0, p).flat());
    if (resumed && p === resumed.passes) {
      run.restore(sumsFrom(resumed.groups), resumed.cursor);
      const { part, half, position } = resumed.cursor;
      done += sum(images[p].slice(0, part)) + position + (half ? parts[part].halves[0].length : 0);
    }
    let lastSave = performance.now();
    let saveTook = 0;
    const save = async (finished: number, current: PassRun | undefined) => {
      if (!store) return;
      const start = performance.now();
      await store.save(state(finished, current));
      lastSave = performance.now();
      saveTook = lastSave - start;
    };
    try {
      await run.run(async (count) => {
        done += count;
        await tell(done, p);
        if (signal?.aborted) {
          await save(p, run);
          signal.throwIfAborted();
        }
        const pause = 1000 * (options.saveEvery ?? miningDefaults.saveEvery);
        // Saving may take a tenth of the time at most, unless every batch is to be saved.
        if (performance.now() - lastSave >= (pause && Math.max(pause, 10 * saveTook))) await save(p, run);
      });
      if (!screening) takeScores(passes[p], run, options, moments, neighbours, cosine);
      else if (p === 0) {
        await save(0, run);
        await screening.screen(momentsOf, (screened, all) =>
          options.onProgress?.({
            stage: 'screening',
            done: screened,
            total: all,
            unit: 'pairs',
            pass: p,
            passes: passes.length,
          }),
        );
      } else screening.finish(neighbours, momentsOf, (tile) => run.sums(tile));
    } finally {
      run.dispose();
    }
    await save(p + 1, undefined);
    await tell(sum(images.slice(0, p + 1).flat()), p);
  }
  const whole = models.map((_, m) => over(moments, [m])[0]);
  return { neighbours, moments: whole, unreadable: unreadable(), screening: screening?.report };
}

/** @throws UserError that names what has changed, unless the run is to begin anew. */
function refuseOrRestart(changed: readonly string[], { restart, onNote }: CorrelateOptions): void {
  const [first, ...others] = changed;
  const what = others.length ? `${first} and ${others.length} more` : first;
  if (restart) onNote?.(`${what} changed since the unfinished run began; mining begins anew`);
  else
    throw new UserError(
      `cannot resume: ${what} changed since the unfinished run began; restore what it was, or begin anew with --force`,
    );
}

/** Whether a saved state has all that a run of these passes goes on from, in the types and lengths that it is restored to. */
function isWhole(
  { passes: done, cursor, groups }: SavedState,
  expected: ReadonlyMap<string, ReadonlyMap<string, Tensor>>,
  passes: readonly Pass[],
  { parts, nullModel }: CorrelateOptions,
): boolean {
  const fits = (tensor: Tensor | undefined, dtype: Tensor['dtype'], length: number) =>
    tensor?.dtype === dtype && tensor.data.length === length;
  const [pass, part] = [passes.at(done), parts.at(cursor.part)];
  if (done > passes.length || !part || cursor.batches.length !== parts.length) return false;
  if (cursor.position > (part.halves[cursor.half]?.length ?? 0)) return false;
  for (const [group, tensors] of expected) {
    for (const [name, { dtype, data }] of tensors) {
      if (!fits(groups.get(group)?.get(name), dtype, data.length)) return false;
    }
  }
  // Before its first batch a pass has no sums yet.
  if (!pass || cursor.batches.every((count) => count === 0)) return true;
  return sumsOf({ pass, nullModel, parts }).every(({ half, name, shape }) =>
    fits(groups.get(`sums/${half}/${name}`)?.get('sums'), 'float32', sizeOf(shape)),
  );
}

function plan(options: CorrelateOptions, cosine: boolean, room: number): Pass[] {
  const { models, pairs, nullModel, parts } = options;
  const all = pairs.flatMap(([a, b]) => rectangles(models, a, b, !cosine));
  const matrices = (nullModel ? 2 : 1) * (parts[0].halves.length + 1); // the sums of each half, and the run's next ones
  return planPasses(all, room, 4 * matrices);
}

function takeScores(
  pass: Pass,
  run: PassRun,
  options: CorrelateOptions,
  moments: PassRunOptions['moments'],
  neighbours: readonly Neighbours[],
  cosine: boolean,
): void {
  pass.tiles.forEach((tile, t) => {
    const { a, b } = tile.rectangle;
    const index = options.pairs.findIndex((pair) => pair[0] === a && pair[1] === b);
    const [x, y] = over(moments, [a, b]);
    const shared = run.cursor.batches.filter((_, p) => moments[p][a] && moments[p][b]);
    const batches = shared.reduce((total, count) => total + count, 0);
    const scorer = cosine ? meanCosine(x, y, batches) : pearson(x, y);
    neighbours[index].add(tile, run.sums(t), scorer);
  });
}

/** Moments of models, by index, over the parts on which all of them have maps. */
function over(moments: PassRunOptions['moments'], models: readonly number[]): Moments[] {
  const shared = moments.filter((part) => models.every((m) => part[m]));
  return models.map((m) => Moments.merged(shared.map((part) => present(part[m], 'moments'))));
}

function sumsFrom(groups: ReadonlyMap<string, ReadonlyMap<string, Tensor>>): Map<string, Tensor> {
  const entries = [...groups].filter(([name]) => name.startsWith('sums/'));
  return new Map(entries.map(([name, tensors]) => [name.slice('sums/'.length), required(tensors, 'sums', 'tensor')]));
}

const float64 = (data: Float64Array): Tensor => ({ dtype: 'float64', shape: [data.length], data });
