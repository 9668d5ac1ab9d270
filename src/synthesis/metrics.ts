// How near two images are, in numbers for reports: pixels, structure, features of an encoder.
// Nothing here is optimised; terms of an objective are in terms/image.ts.

import { floats } from '../graph/tensor.ts';
import { ssim } from 'ssim.js';
import { GraphBuilder } from '../graph/builder.ts';
import type { Float32Tensor, Tensor } from '../graph/tensor.ts';
import { toInterleaved } from '../images/pixels.ts';
import type { Engine } from '../runtime/engine.ts';
import { runOnce } from '../runtime/run-once.ts';
import type { Encoder } from '../zoo/model.ts';
import { featureTargets, addFeatureDistance } from './terms/image.ts';
import { required } from '../lookup.ts';

export interface ImageMetrics {
  /** Mean squared error over all values; 0 at best, 1 at worst. */
  readonly mse: number;
  /** Peak signal-to-noise ratio in dB, for a peak of 1; Infinity for equal images. */
  readonly psnr: number;
  /** Structural similarity, at most 1. */
  readonly ssim: number;
}

/**
 * Metrics of two images of one size, planar `[3, height, width]`, RGB in [0, 1]. All are symmetric.
 *
 * SSIM is that of Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", IEEE TIP 2004, by ssim.js: its variant `fast`
 * on luma (0.299 R + 0.587 G + 0.114 B, in steps of 1/255), Gaussian windows of 11 x 11 with standard deviation 1.5 that lie wholly
 * inside, K1 = 0.01, K2 = 0.03, mean over all windows. The image keeps its size; the library's default, as the authors'
 * second program, would first shrink what has 384 pixels or more. Images of fewer than 11 pixels a side get the largest odd
 * window that fits.
 *
 * @throws RangeError when the lengths are not 3 * height * width.
 */
export function imageMetrics(a: Float32Array, b: Float32Array, height: number, width: number): ImageMetrics {
  for (const { length } of [a, b]) {
    if (length !== 3 * height * width)
      throw new RangeError(`${length} values are not an RGB image of ${width} x ${height}`);
  }
  const mse = a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length;
  const side = Math.min(11, height, width);
  const { mssim } = ssim(opaque(a, height, width), opaque(b, height, width), {
    ssim: 'fast',
    rgb2grayVersion: 'original',
    downsample: false,
    windowSize: side % 2 ? side : side - 1,
  });
  return { mse, psnr: mse === 0 ? Infinity : -10 * Math.log10(mse), ssim: mssim };
}

/** As a browser's ImageData. */
function opaque(planar: Float32Array, height: number, width: number): ImageData {
  const rgb = toInterleaved(planar);
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  for (let i = 0; i < height * width; i++) data.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  return { data, height, width, colorSpace: 'srgb' };
}

/**
 * Distances in the features of an encoder, row by row, see `addFeatureDistance`: 0 for equal images, 4 at most.
 * @param a and @param b `[n, 3, h, w]`, RGB in [0, 1]; either may be a single row, and their sizes may differ.
 * @returns `[n]`.
 */
export async function featureDistance(
  engine: Engine,
  encoder: Encoder,
  a: Float32Tensor,
  b: Float32Tensor,
): Promise<Float32Array> {
  // The rows of a target are broadcast, those of the images are not.
  const [images, others] = a.shape[0] < b.shape[0] ? [b, a] : [a, b];
  const targets = await featureTargets(engine, encoder, others);
  const graph = new GraphBuilder({ name: `distances in ${encoder.name}` });
  const feeds: Record<string, Tensor> = { images };
  const given = (layer: string) => {
    const target = required(targets, layer, 'layer');
    feeds[`target ${layer}`] = target;
    return graph.input(`target ${layer}`, target.shape);
  };
  const distance = addFeatureDistance(graph, encoder, graph.input('images', images.shape), given, 'encoder/');
  graph.output(graph.identity(distance), 'distances');
  const { distances } = await runOnce(engine, graph.build(), feeds);
  return floats(distances.data);
}
