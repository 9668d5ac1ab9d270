// How the memory of a run is divided: among the weights of the models, the maps of a batch, and the sums of a pass.
// It measures nothing: what things take is estimated from their sizes.

import { byteLengthOf } from '../../graph/tensor.ts';
import { wholeBlocks } from './blocks.ts';
import { positions } from './grid.ts';
import { centreGraph, type MapSource } from './pass-graph.ts';
import type { MinedModel } from './plan.ts';
import type { Part } from './run-pass.ts';

export interface Budget {
  /** Images of a batch: the products gain little from more than 32. */
  readonly batch: number;
  /** Bytes that the sums of a pass may take. */
  readonly sums: number;
}

const mostImages = 32;
/** Engines hold weights as they come and as their kernels like them. */
const copiesOfWeights = 2;
/** Maps are held raw and centred, and for a moment reduced. */
const copiesOfMaps = 2.5;
/** Photos are decoded two batches ahead, as bytes and as floats. */
const bytesOfPhotoPixel = 2 * 3 * (1 + 4);

/**
 * @param memory bytes in all. Weights may leave less than a third of it, and a batch of four less than a third of the
 *   rest: these thirds are used all the same, and the run takes more than it should.
 * @param batch images of a batch, where that is decided already.
 * @param extraPerImage bytes that an image takes besides maps and pixels.
 */
export function divideMemory(
  memory: number,
  {
    parts,
    models,
    maps,
  }: { readonly parts: readonly Part[]; readonly models: readonly MinedModel[]; readonly maps: MapSource },
  batch?: number,
  extraPerImage = 0,
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
  const perImage = Math.max(
    ...parts.map(({ source, models: indices }) => {
      const layers = indices.flatMap((m) => models[m].layers);
      const values = layers.reduce((sum, { units, grid }) => sum + units * positions(grid), 0);
      const decoded = source.generated ? 0 : bytesOfPhotoPixel * source.height * source.width;
      return copiesOfMaps * 4 * values + decoded + extraPerImage;
    }),
  );
  const fit = Math.floor(rest / 2 / perImage);
  const images = batch ?? Math.min(mostImages, wholeBlocks(fit));
  return { batch: images, sums: Math.max(rest / 3, rest - images * perImage) };
}
