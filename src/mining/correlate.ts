// From images and models to neighbours and moments: plans the passes, runs them, and takes the scores in.
// It knows no dictionary; `mine.ts` makes one of what comes out.

import { UserError } from '../errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { float32 } from '../graph/tensor.ts';
import type { Engine, Session } from '../runtime/engine.ts';
import { blockBatches, blockSize, plainBatches } from './blocks.ts';
import { positions } from './grid.ts';
import { Moments } from './moments.ts';
import { meanCosine, Neighbours, pearson } from './neighbours.ts';
import { centreGraph, names, type MapSource } from './pass-graph.ts';
import { planPasses, rectangles, targetGrids, type MinedModel, type Pass } from './plan.ts';
import { PassRun, type PassRunOptions } from './run-pass.ts';
import type { StateStore } from './saved-state.ts';
import { compareNames } from '../images/image-set.ts';
import type { ImageSource, Unreadable } from '../images/source.ts';

export interface CorrelateOptions {
  readonly engine: Engine;
  readonly source: ImageSource;
  readonly models: readonly MinedModel[];
  readonly maps: MapSource;
  /** Pairs of models, by index. */
  readonly pairs: readonly (readonly [number, number])[];
  /** Samples of each half of the images, in the order in which they are taken; one list for no halves. */
  readonly halves: readonly (readonly number[])[];
  /** Neighbours kept over all images, and over each half. */
  readonly keep: number;
  readonly k: number;
  /** Keep whole score matrices. */
  readonly wholeMatrix?: boolean;
  readonly nullModel: boolean;
  /** The published code's score instead of Pearson r over all images. */
  readonly cosine?: boolean;
  /** Bytes that sums and maps may take. */
  readonly memory: number;
  /** Images of a batch; by default as many as memory allows, up to 32. The result does not depend on it. */
  readonly batch?: number;
  /** Cuts the samples into batches; by default blocks for the null. */
  readonly batches?: PassRunOptions['batches'];
  /** Where to save the state of the run, and how often (seconds; default 30; 0 for every batch). */
  readonly store?: StateStore;
  readonly saveEvery?: number;
  readonly onPeaks?: (indices: readonly number[], peaks: ReadonlyMap<number, Float32Array>) => void;
  readonly signal?: AbortSignal;
}

export interface Correlated {
  /** By the place of the pair in `pairs`. */
  readonly neighbours: readonly Neighbours[];
  readonly moments: readonly Moments[];
  /** Images that could not be read, also those of an earlier, interrupted part of the run. */
  readonly unreadable: readonly Unreadable[];
}

/** How far a run is, in images that models still have to see (each pass sees all of them). */
export interface CorrelateProgress {
  readonly done: number;
  readonly total: number;
  readonly pass: number;
  readonly passes: number;
}

/** Images whose mean is the provisional one. */
const centreImages = 32;
/** Size of the published code's batches, over which its cosines are taken. */
const publishedBatch = 10;
/** Images of a batch at most: the products gain little from more. */
const mostImages = 32;
/** Of the memory, what sums may take, and what the maps of a batch may. */
const sumsShare = 0.4;
const mapsShare = 0.5;

export async function* correlate(options: CorrelateOptions): AsyncGenerator<CorrelateProgress, Correlated> {
  const { models, pairs, halves, store, signal } = options;
  const cosine = options.cosine ?? false;
  const batch = cosine ? publishedBatch : (options.batch ?? batchSize(models, options.memory));
  const passes = plan(options, cosine);
  const targets = targetGrids(models, pairs);
  const samples = halves.reduce((sum, half) => sum + half.length, 0);
  const progress = (done: number, pass: number): CorrelateProgress => {
    return { done, total: samples * passes.length, pass, passes: passes.length };
  };
  yield progress(0, 0);

  const saved = await store?.load();
  const fresh = await provisionalMeans(
    options,
    cosine ? samples : centreImages,
    cosine ? publishedBatch : centreImages,
  );
  const resumed = saved && sameMeans(fresh, centresFrom(saved.groups.get('centres')!, models)) ? saved : undefined;
  const centres = resumed ? centresFrom(resumed.groups.get('centres')!, models) : fresh;
  const moments = models.map((model, m) => new Moments(model, targets[m], centres[m]));
  const neighbours = pairs.map(
    ([a, b]) => new Neighbours(models[a].units, models[b].units, options.keep, options.k, options.wholeMatrix),
  );
  if (resumed) {
    for (const [m, tensor] of resumed.groups.get('moments')!) moments[Number(m)].restore(tensor.data as Float64Array);
    neighbours.forEach((entry, i) => entry.restore(resumed.groups.get(`neighbours/${i}`)!));
  }

  const unreadable = (): Unreadable[] => {
    const all = [...(resumed?.unreadable ?? []), ...options.source.unreadable];
    const byName = new Map(all.map((entry) => [entry.name, entry]));
    return [...byName.values()].sort((a, b) => compareNames(a.name, b.name));
  };
  const state = (done: number, run: PassRun | undefined) => ({
    passes: done,
    cursor: run?.cursor ?? { half: 0 as const, position: 0, batches: 0 },
    unreadable: unreadable(),
    groups: new Map<string, ReadonlyMap<string, Tensor>>([
      ['centres', centresTo(centres)],
      ['moments', new Map(moments.map((m, i) => [`${i}`, float64(m.save())]))],
      ...neighbours.map((entry, i): [string, Map<string, Tensor>] => [`neighbours/${i}`, entry.tensors()]),
      ...[...(run?.save() ?? [])].map(([name, sums]): [string, Map<string, Tensor>] => [
        `sums/${name}`,
        new Map([['sums', sums]]),
      ]),
    ]),
  });

  for (let p = resumed?.passes ?? 0; p < passes.length; p++) {
    const run = new PassRun({
      ...options,
      batch,
      batches: options.batches ?? (cosine ? plainBatches : blockBatches),
      cosine,
      targets,
      centres,
      moments,
      pass: passes[p],
      peaks: options.onPeaks !== undefined,
    });
    let done = p * samples;
    if (resumed && p === resumed.passes) {
      run.restore(sumsFrom(resumed.groups), resumed.cursor);
      const { half, position } = resumed.cursor;
      done += position + (half ? halves[0].length : 0);
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
      for await (const count of run.run()) {
        done += count;
        yield progress(done, p);
        if (signal?.aborted) {
          await save(p, run);
          signal.throwIfAborted();
        }
        const pause = 1000 * (options.saveEvery ?? 30);
        // Saving may take a tenth of the time at most, unless every batch is to be saved.
        if (performance.now() - lastSave >= (pause && Math.max(pause, 10 * saveTook))) await save(p, run);
      }
      takeScores(passes[p], run, options, moments, neighbours, cosine);
    } finally {
      run.dispose();
    }
    await save(p + 1, undefined);
    yield progress((p + 1) * samples, p);
  }
  return { neighbours, moments, unreadable: unreadable() };
}

function plan(options: CorrelateOptions, cosine: boolean): Pass[] {
  const { models, pairs, nullModel, halves } = options;
  const all = pairs.flatMap(([a, b]) => rectangles(models, a, b, !cosine));
  const matrices = (nullModel ? 2 : 1) * (halves.length + 1); // the sums of each half, and the run's next ones
  return planPasses(all, sumsShare * options.memory, 4 * matrices);
}

function takeScores(
  pass: Pass,
  run: PassRun,
  options: CorrelateOptions,
  moments: readonly Moments[],
  neighbours: readonly Neighbours[],
  cosine: boolean,
): void {
  pass.tiles.forEach((tile, t) => {
    const { a, b } = tile.rectangle;
    const index = options.pairs.findIndex((pair) => pair[0] === a && pair[1] === b);
    const scorer = cosine ? meanCosine(moments[a], moments[b], run.cursor.batches) : pearson(moments[a], moments[b]);
    neighbours[index].add(tile, run.sums(t), scorer);
  });
}

/** As many images as fit: their maps are held about three times over (raw, centred, reduced). */
function batchSize(models: readonly MinedModel[], memory: number): number {
  const values = models
    .flatMap(({ layers }) => layers)
    .reduce((sum, { units, grid }) => sum + units * positions(grid), 0);
  const fit = Math.floor((mapsShare * memory) / (3 * 4 * values));
  return Math.min(mostImages, Math.max(blockSize, fit - (fit % blockSize)));
}

/** Means of every unit over the first images, by model and layer. */
async function provisionalMeans(options: CorrelateOptions, images: number, size: number): Promise<Float32Array[][]> {
  const { source, models } = options;
  const totals = models.map(({ layers }) => layers.map(({ units }) => new Float64Array(units)));
  let count = 0;
  let session: Session | undefined;
  for await (const batch of source.batches(options.halves.flat(), size)) {
    const n = batch.indices.length;
    if (n < size && count > 0) break;
    session ??= await options.engine.open(centreGraph(n, models, options.maps));
    const shape = [n, 3, source.height, source.width];
    const outputs = await session.run({
      [names.images]: float32(shape, batch.data.subarray(0, 3 * n * shape[2] * shape[3])),
    });
    models.forEach(({ layers, units }, m) => {
      const means = outputs.tensors[`mean/${m}`].data as Float32Array;
      layers.forEach(({ offset, units: channels }, l) => {
        for (let i = 0; i < n; i++) {
          for (let u = 0; u < channels; u++) totals[m][l][u] += means[i * units + offset + u];
        }
      });
    });
    outputs.dispose();
    count += n;
    if (count >= images || options.signal?.aborted) break;
  }
  await session?.release();
  options.signal?.throwIfAborted();
  if (count === 0) {
    const reason = source.unreadable[0] ? ` (${source.unreadable[0].name}: ${source.unreadable[0].reason})` : '';
    throw new UserError(
      `none of the images of ${source.source} can be read${reason}; give a folder or archive of photos`,
    );
  }
  return totals.map((layers) => layers.map((sums) => Float32Array.from(sums, (sum) => sum / count)));
}

/** Whether two sets of provisional means are of the same weights and images: equal but for rounding. */
function sameMeans(x: readonly (readonly Float32Array[])[], y: readonly (readonly Float32Array[])[]): boolean {
  return x.every((layers, m) =>
    layers.every((means, l) => means.every((mean, u) => Math.abs(mean - y[m][l][u]) <= 1e-3 * Math.abs(mean) + 1e-5)),
  );
}

const centresTo = (centres: readonly (readonly Float32Array[])[]): Map<string, Tensor> =>
  new Map(centres.flatMap((layers, m) => layers.map((means, l) => [`${m} ${l}`, float32([means.length], means)])));

const centresFrom = (tensors: ReadonlyMap<string, Tensor>, models: readonly MinedModel[]): Float32Array[][] =>
  models.map(({ layers }, m) => layers.map((_, l) => tensors.get(`${m} ${l}`)!.data as Float32Array));

function sumsFrom(groups: ReadonlyMap<string, ReadonlyMap<string, Tensor>>): Map<string, Tensor> {
  const entries = [...groups].filter(([name]) => name.startsWith('sums/'));
  return new Map(entries.map(([name, tensors]) => [name.slice('sums/'.length), tensors.get('sums')!]));
}

const float64 = (data: Float64Array): Tensor => ({ dtype: 'float64', shape: [data.length], data });
