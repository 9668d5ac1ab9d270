// Batches of images made of whole blocks of four, inside which the null pairs each image with its neighbour.
// So the null is the same whatever the batch size is.

import { int64, sizeOf, type Tensor } from '../../graph/tensor.ts';
import { sampleShape, type ImageSource } from '../../images/source.ts';

/** Images of a block; batch sizes are multiples of it. */
export const blockSize = 4;

/** Images of a batch of whole blocks: as many as fit into `batch`, one block at least. */
export const wholeBlocks = (batch: number): number => Math.max(blockSize, batch - (batch % blockSize));

export interface BlockBatch {
  readonly count: number;
  readonly indices: readonly number[];
  /** `[count, ...shape of a sample]`. Valid until the batch after the next one is asked for. */
  readonly samples: Tensor;
  /** `[count]`: for each image the one whose maps stand in for its own under the null. */
  readonly permutation: Tensor;
}

/**
 * Batches of up to `size` images (a multiple of four). A single image that would be left over at the end joins the
 * block before it, together with which it makes the last batch, so that no image is ever paired with itself
 * (unless there is only one).
 */
export async function* blockBatches(
  source: ImageSource,
  indices: readonly number[],
  size: number,
): AsyncGenerator<BlockBatch> {
  const shape = sampleShape(source);
  const imageLength = sizeOf(shape);
  const buffers = [0, 1, 2].map(() => new Float32Array((size + 1) * imageLength));
  let turn = 0;
  let held: { indices: number[]; data: Float32Array } = { indices: [], data: buffers[0] };

  const emit = (count: number): BlockBatch => {
    const batch: BlockBatch = {
      count,
      indices: held.indices.slice(0, count),
      samples: {
        dtype: 'float32',
        shape: [count, ...shape],
        data: held.data.subarray(0, count * imageLength),
      },
      permutation: int64(derangement(count)),
    };
    turn = (turn + 1) % buffers.length;
    const rest = held.data.subarray(count * imageLength, held.indices.length * imageLength);
    buffers[turn].set(rest);
    held = { indices: held.indices.slice(count), data: buffers[turn] };
    return batch;
  };

  for await (const block of source.batches(indices, blockSize)) {
    // Only when the block after a full batch is known can the batch go: that block may be a single image.
    if (held.indices.length === size) {
      const single = block.indices.length === 1;
      if (!single) yield emit(size);
      else if (size > blockSize) yield emit(size - blockSize);
    }
    held.data.set(block.data.subarray(0, block.indices.length * imageLength), held.indices.length * imageLength);
    held.indices.push(...block.indices);
  }
  if (held.indices.length) yield emit(held.indices.length);
}

/** Sizes of the blocks that images are cut into; the last block takes a single leftover. */
export function blockSizes(images: number): number[] {
  const sizes: number[] = [];
  for (let rest = images; rest > 0;) {
    const size = rest === blockSize + 1 ? rest : Math.min(blockSize, rest);
    sizes.push(size);
    rest -= size;
  }
  return sizes;
}

/** Each position's neighbour in its block, cyclically. */
export function derangement(count: number): number[] {
  const out: number[] = [];
  for (const size of blockSizes(count)) {
    const start = out.length;
    for (let i = 0; i < size; i++) out.push(start + ((i + 1) % size));
  }
  return out;
}

/** Batches without a null, of exactly `size` images; what remains at the end is left out, unless it is all there is. */
export async function* plainBatches(
  source: ImageSource,
  samples: readonly number[],
  size: number,
): AsyncGenerator<BlockBatch> {
  const shape = sampleShape(source);
  const length = sizeOf(shape);
  let first = true;
  for await (const { indices, data } of source.batches(samples, size)) {
    if (indices.length < size && !first) return;
    first = false;
    yield {
      count: indices.length,
      indices,
      samples: {
        dtype: 'float32',
        shape: [indices.length, ...shape],
        data: data.slice(0, indices.length * length),
      },
      permutation: { dtype: 'int64', shape: [0], data: new BigInt64Array(0) },
    };
  }
}
