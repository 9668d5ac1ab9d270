// The size that the images of a set have in common, if there is one.
// It reads headers only: whether the pixels can be decoded, it does not tell.

import { availableParallelism } from 'node:os';
import { UserError } from '../../errors.ts';
import type { ImageSet } from '../image-set.ts';
import { inOrder } from '../in-order.ts';
import { imageDefaults, inMebibytes, MemoryGate, type ImageLimits } from '../limits.ts';
import { imageSize, type Size } from './decode.ts';

/**
 * The size that all images at `indices` share, from their headers, read in parallel until two differ; undefined when
 * two differ or none can be read. Images without a readable header are left out of it.
 */
export async function commonSize(
  set: ImageSet,
  indices: readonly number[],
  { maxPixels, memory = imageDefaults.memory }: ImageLimits = {},
): Promise<Size | undefined> {
  const parallel = availableParallelism();
  const gate = new MemoryGate(memory);
  const sizeOf = async (index: number): Promise<Size | undefined> => {
    let taken = 0;
    const admit = async (bytes: number): Promise<void> => {
      if (bytes > memory) throw new UserError(`its ${inMebibytes(bytes)} are more than images may take`);
      await gate.take(bytes);
      taken = bytes;
    };
    try {
      return await imageSize(await set.read(index, admit), maxPixels);
    } catch (error) {
      if (error instanceof UserError) return undefined;
      throw error;
    } finally {
      gate.give(taken);
    }
  };
  let common: Size | undefined;
  for await (const size of inOrder(indices, sizeOf, { parallel, ahead: 4 * parallel })) {
    common ??= size;
    if (size && (size.height !== common?.height || size.width !== common.width)) return undefined;
  }
  return common;
}
