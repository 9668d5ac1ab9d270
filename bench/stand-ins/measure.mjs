// How the correlation stage is timed: the real code on random maps, first batches left out.

import { correlate, minedModel, productsPerImage, rectangles } from 'rosetta-neurons/mining';
import { randomMaps, randomSource } from './maps.mjs';

/** Batches before the timed ones: the first touch of memory is slow on some machines. */
const warmUp = 5;

/** Floating point operations that the products of two models need for one image, without a null. */
export function neededFlops(models) {
  const mined = models.map((model) => minedModel(model));
  return 2 * productsPerImage(rectangles(mined, 0, 1));
}

/** Seconds for an image. */
export async function secondsPerImage(engine, models, { batch, batches, nullModel, memory = 16e9 }) {
  const source = randomSource(models, batch * (batches + warmUp), batch);
  const times = [];
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
