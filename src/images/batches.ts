// Batches of decoded images, laid out for a network in buffers that are used again.
// It does not decode: pixels come in one image at a time.

import { toPlanar } from './pixels.ts';
import type { ImageBatch } from './source.ts';

/** A decoded image of a set: interleaved RGB bytes [H,W,3]. */
export interface DecodedImage {
  readonly index: number;
  readonly pixels: Uint8Array;
}

/**
 * Groups images of `area` pixels each into batches, all of `batchSize` images but the last. Two buffers of
 * `capacity` images (default `batchSize`) take turns, because the first touch of fresh memory often costs more than
 * the conversion. So `data` lives until the next but one batch is asked for: batch k+1 may be fetched while batch k is
 * worked on, and asking for batch k+2 overwrites batch k.
 */
export async function* batched(
  images: AsyncIterable<DecodedImage>,
  area: number,
  batchSize: number,
  capacity = batchSize,
): AsyncGenerator<ImageBatch, void, undefined> {
  const length = 3 * area;
  const ring: Float32Array[] = [];
  let turn = 0;
  let indices: number[] = [];
  const batch = (): ImageBatch => ({ indices, data: ring[turn].subarray(0, indices.length * length) });

  for await (const { index, pixels } of images) {
    ring[turn] ??= new Float32Array(capacity * length);
    toPlanar(pixels, ring[turn], indices.length * length);
    indices.push(index);
    if (indices.length < batchSize) continue;
    yield batch();
    indices = [];
    turn = 1 - turn;
  }
  if (indices.length > 0) yield batch();
}
