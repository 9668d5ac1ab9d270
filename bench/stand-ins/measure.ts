// How the correlation stage is timed: the real code on random maps, first batches left out.

import { correlate, minedModel, productsPerImage, rectangles } from 'rosetta-neurons/mining';
import type { Engine } from 'rosetta-neurons/runtime';
import type { StandIn } from './layers.ts';
import { randomMaps, randomSource } from './maps.ts';

/** Batches before the timed ones: the first touch of memory is slow on some machines. */
const warmUp = 5;

/** Floating point operations that the products of two models need for one image, without a null. */
export function neededFlops(models: readonly StandIn[]): number {
  const mined = models.map((model) => minedModel(model));
  return 2 * productsPerImage(rectangles(mined, 0, 1));
}

export interface MeasureOptions {
  /** Images at once. */
  readonly batch: number;
  /** Batches that are timed. */
  readonly batches: number;
  readonly nullModel: boolean;
  /** Bytes for sums; default 16 GB. */
  readonly memory?: number;
}

/** Seconds for an image. */
export async function secondsPerImage(
  engine: Engine,
  models: readonly StandIn[],
  { batch, batches, nullModel, memory = 16e9 }: MeasureOptions,
): Promise<number> {
  const source = randomSource(models, batch * (batches + warmUp), batch);
  const times: number[] = [];
  await correlate({
    engine,
    parts: [{ source, offset: 0, halves: [source.names.map((_, i) => i)], models: models.map((_, m) => m) }],
    models: models.map((model) => minedModel(model)),
    maps: randomMaps(models),
    pairs: [[0, 1]],
    keep: 10,
    k: 1,
    nullModel,
    memory,
    batch,
    batches: source.blocks,
    onProgress: () => void times.push(performance.now()),
  });
  return (times[warmUp + batches] - times[warmUp]) / 1000 / (batches * batch);
}
