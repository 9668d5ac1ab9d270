// From places in storages to tensors that can be loaded: bounds, then strides.
// It does not find the storages: the readers of the two file formats do.

import { UserError } from '../../errors.ts';
import { allocate, bytesPerElement, fromBytes, sizeOf, type Tensor, type TensorData } from '../../graph/tensor.ts';
import type { TensorRef } from '../../files/tensor-ref.ts';
import type { Checkpoint } from '../types.ts';
import { partOf, type ByteSource } from '../../files/source.ts';
import { namedTensors, type CheckpointTree, type TreeTensor } from '../tree.ts';

/** A tensor that repeats its storage (strides of 0) may be larger than the file: up to this many elements. */
const maxExpanded = 2 ** 26;
/** Bytes of the largest typed array everywhere. */
const maxArrayBytes = 2 ** 32 - 1;

/** Elements from the first to the last that a view touches, both included; 0 when it is empty. */
const spanOf = (shape: readonly number[], strides: readonly number[]): number =>
  shape.includes(0) ? 0 : shape.reduce((span, d, i) => span + (d - 1) * strides[i], 1);

const isContiguous = (shape: readonly number[], strides: readonly number[]): boolean => {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i];
  }
  return true;
};

/** Row-major copy of a strided view that begins at the first element of `data`. */
function gather<T extends TensorData>(data: T, out: T, shape: readonly number[], strides: readonly number[]): T {
  const last = shape.length - 1;
  const length = shape[last];
  const step = strides[last];
  const index = new Array<number>(last).fill(0);
  let from = 0;
  for (let to = 0; to < out.length; to += length) {
    for (let i = 0; i < length; i++) out[to + i] = data[from + i * step];
    for (let axis = last - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

/**
 * A torch checkpoint from its tree of objects.
 * @param storageOf the bytes of a storage by its key; undefined when the file has none of that name.
 * @throws UserError naming the tensor whose storage is missing, of another size than declared, or too small.
 */
export function torchCheckpoint(
  format: Checkpoint['format'],
  file: string,
  tree: CheckpointTree,
  storageOf: (key: string) => ByteSource | undefined,
): Checkpoint {
  const tensors = new Map<string, TensorRef>();
  for (const [name, place] of namedTensors(tree, file)) {
    const fail = (what: string): never => {
      throw new UserError(`${file}: tensor ${name} ${what}. The file is truncated or damaged: download it again.`);
    };
    const { storage } = place;
    const bytes = storageOf(storage.key) ?? fail(`is in storage ${storage.key}, which the file does not have`);
    const declared = storage.count * storage.elementBytes;
    if (bytes.size !== declared) {
      fail(`is in storage ${storage.key}, which has ${bytes.size} bytes instead of ${declared}`);
    }
    const size = bytesPerElement(place.dtype);
    const span = spanOf(place.shape, place.strides);
    if (span !== 0 && !((place.offset + span) * size <= storage.viewCount * storage.elementBytes)) {
      fail(
        `of shape [${place.shape.join(', ')}], strides [${place.strides.join(', ')}] and offset ${place.offset} ` +
          `does not fit into its storage of ${storage.viewCount} elements`,
      );
    }
    const start = span === 0 ? 0 : storage.viewStart * storage.elementBytes + place.offset * size;
    const data = partOf(bytes, start, span * size, bytes.name);
    tensors.set(name, { name, dtype: place.dtype, shape: place.shape, load: () => load(name, place, data) });
  }
  return { format, file, tensors, metadata: {}, tree };
}

async function load(name: string, place: TreeTensor, data: ByteSource): Promise<Tensor> {
  const { dtype, shape, strides } = place;
  const size = sizeOf(shape);
  if (size > Math.max(place.storage.count, maxExpanded) || data.size > maxArrayBytes) {
    throw new UserError(`${data.name}: tensor ${name} of shape [${shape.join(', ')}] is too large to be laid out.`);
  }
  const stored = fromBytes(dtype, await data.read(0, data.size));
  if (stored.length === 0 || isContiguous(shape, strides)) return { dtype, shape, data: stored };
  return { dtype, shape, data: gather(stored, allocate(dtype, size), shape, strides) };
}
