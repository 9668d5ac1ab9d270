// How the memory of a run is divided: among the weights of the models, the maps of a batch, and the sums of a pass.
// It measures nothing: what things take is estimated from their sizes.

import { byteLengthOf } from '../graph/tensor.ts';
import { blockSize } from './blocks.ts';
import { positions } from './grid.ts';
import { centreGraph, type MapSource } from './pass-graph.ts';
import type { MinedLayer, MinedModel } from './plan.ts';
import type { Part } from './run-pass.ts';

export interface Budget {
  /** Images of a batch of a pass that runs these models, by index. */
  batch(models: readonly number[]): number;
  /** Bytes that the sums of a pass may take. */
  readonly sums: number;
}

/** The products gain little from more. */
const mostImages = 32;
/** Engines hold weights as they come and as their kernels like them. */
const copiesOfWeights = 2;
/** Maps are held raw and centred, and for a moment reduced. */
const copiesOfMaps = 2.5;
/** Of a generator whose maps are not kept, so many of its largest are held while it runs. */
const layersAtWork = 3;

/**
 * @param memory bytes in all. Weights may leave less than a third of it, and a batch of four less than a third of the
 *   rest: these thirds are used all the same, and the run takes more than it should.
 * @param batch images of a batch, where that is decided already.
 */
export function divideMemory(
  memory: number,
  {
    parts,
    models,
    maps,
  }: { readonly parts: readonly Part[]; readonly models: readonly MinedModel[]; readonly maps: MapSource },
  batch?: number,
): Budget {
  const weights = Math.max(
    ...parts.map(({ source, models: indices }) =>
      [...centreGraph(source, 1, models, indices, maps).initializers.values()].reduce(
        (sum, tensor) => sum + byteLengthOf(tensor),
        0,
      ),
    ),
  );
  const rest = Math.max(memory / 3, memory - copiesOfWeights * weights);
  const bytesOf = ({ units, grid }: MinedLayer) => 4 * units * positions(grid);
  // A generator makes the images also where its units take no part.
  const making = parts.flatMap(({ source }) => {
    const own = models.find(({ name }) => name === source.generated?.generator.name);
    return own ? [layersAtWork * Math.max(...own.layers.map(bytesOf))] : [];
  });
  const mapsOf = (indices: readonly number[]) =>
    indices
      .flatMap((m) => models[m].layers)
      .reduce((sum, layer) => sum + copiesOfMaps * bytesOf(layer), Math.max(0, ...making));
  /** Whole blocks, so that the null is the same whatever the batch size is. */
  const fitting = (room: number, indices: readonly number[]) => {
    const fit = Math.floor(room / mapsOf(indices));
    return batch ?? Math.min(mostImages, Math.max(blockSize, fit - (fit % blockSize)));
  };
  const room = Math.max(...parts.map(({ models: all }) => fitting(rest / 2, all) * mapsOf(all)));
  return { batch: (indices) => fitting(room, indices), sums: Math.max(rest / 3, rest - room) };
}
