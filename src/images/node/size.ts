// The size that the images of a set have in common, if there is one.
// It reads headers only: whether the pixels can be decoded, it does not tell.

import { availableParallelism } from 'node:os';
import { UserError } from '../../errors.ts';
import type { ImageSet } from '../image-set.ts';
import { inOrder } from '../in-order.ts';
import { imageSize, type Size } from './decode.ts';

/**
 * The size that all images at `indices` share, from their headers, read in parallel until two differ; undefined when
 * two differ or none can be read. Images without a readable header are left out of it.
 */
export async function commonSize(set: ImageSet, indices: readonly number[]): Promise<Size | undefined> {
  const parallel = availableParallelism();
  const sizeOf = async (index: number): Promise<Size | undefined> => {
    try {
      return await imageSize(await set.read(index));
    } catch (error) {
      if (error instanceof UserError) return undefined;
      throw error;
    }
  };
  let common: Size | undefined;
  for await (const size of inOrder(indices, sizeOf, { parallel, ahead: 4 * parallel })) {
    common ??= size;
    if (size && (size.height !== common?.height || size.width !== common.width)) return undefined;
  }
  return common;
}
