// Provisional means of units, about which maps are centred before they are multiplied: float32 sums stay exact enough so.
// The means that scores are about come from the moments.

import { UserError } from '../../errors.ts';
import { float32, floats, sizeOf, type Tensor } from '../../graph/tensor.ts';
import { sampleShape } from '../../images/source.ts';
import { required } from '../../lookup.ts';
import type { Engine } from '../../runtime/engine.ts';
import { BatchSession } from '../../runtime/with-session.ts';
import { centreGraph, names, type MapSource } from './pass-graph.ts';
import type { MinedModel } from './plan.ts';
import type { Part } from './run-pass.ts';

export interface CentreOptions {
  readonly engine: Engine;
  readonly parts: readonly Part[];
  readonly models: readonly MinedModel[];
  readonly maps: MapSource;
  readonly signal?: AbortSignal;
}

/** Means of every unit over the first images of the first part where it has maps, by model and layer. */
export async function provisionalMeans(
  options: CentreOptions,
  images: number,
  size: number,
): Promise<Float32Array[][]> {
  const { models, parts } = options;
  const means: Float32Array[][] = [];
  for (const part of parts) {
    const fresh = part.models.filter((m) => !means[m]);
    if (fresh.length)
      (await partMeans(options, part, fresh, images, size)).forEach((own, i) => (means[fresh[i]] = own));
  }
  return models.map((_, m) => means[m]);
}

async function partMeans(
  options: CentreOptions,
  { source, halves }: Part,
  indices: readonly number[],
  images: number,
  size: number,
): Promise<Float32Array[][]> {
  const models = indices.map((m) => options.models[m]);
  const totals = models.map(({ layers }) => layers.map(({ units }) => new Float64Array(units)));
  const shape = sampleShape(source);
  let count = 0;
  const session = new BatchSession(options.engine, (feeds) =>
    centreGraph(source, feeds[names.samples].shape[0], options.models, indices, options.maps),
  );
  try {
    for await (const batch of source.batches(halves.flat(), size)) {
      const n = batch.indices.length;
      if (n < size && count > 0) break;
      const outputs = await session.run({
        [names.samples]: float32([n, ...shape], batch.data.subarray(0, n * sizeOf(shape))),
      });
      models.forEach(({ layers, units }, i) => {
        const means = floats(outputs.tensors[`mean/${indices[i]}`].data);
        layers.forEach(({ offset, units: channels }, l) => {
          for (let k = 0; k < n; k++) {
            for (let u = 0; u < channels; u++) totals[i][l][u] += means[k * units + offset + u];
          }
        });
      });
      outputs.dispose();
      count += n;
      if (count >= images || options.signal?.aborted) break;
    }
  } finally {
    await session.release();
  }
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
export function sameMeans(x: readonly (readonly Float32Array[])[], y: readonly (readonly Float32Array[])[]): boolean {
  return x.every((layers, m) =>
    layers.every((means, l) => means.every((mean, u) => Math.abs(mean - y[m][l][u]) <= 1e-3 * Math.abs(mean) + 1e-5)),
  );
}

export const centresTo = (centres: readonly (readonly Float32Array[])[]): Map<string, Tensor> =>
  new Map(centres.flatMap((layers, m) => layers.map((means, l) => [`${m} ${l}`, float32([means.length], means)])));

export const centresFrom = (tensors: ReadonlyMap<string, Tensor>, models: readonly MinedModel[]): Float32Array[][] =>
  models.map(({ layers }, m) => layers.map((_, l) => floats(required(tensors, `${m} ${l}`, 'centres').data)));
