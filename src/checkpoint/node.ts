// Checkpoint files on disk: opening one as a byte source, loading its tensors, and writing safetensors.
// The only file of this room that needs Node; the formats are elsewhere.

import { required } from '../lookup.ts';
import { bytesPerElement, sizeOf, toBytes, type Tensor } from '../graph/tensor.ts';
import type { TensorRef } from '../files/tensor-ref.ts';
import { openSource, type FileSource } from '../files/node/open-source.ts';
import { replaceFile } from '../files/node/replace-file.ts';
import { openCheckpoint } from './checkpoint.ts';
import { encodeSafetensorsHeader } from '../files/safetensors.ts';
import { stateDict } from './state-dict.ts';

/**
 * Opens a file for reading. Close it when the last tensor is loaded.
 * @throws UserError for a path that is missing, a folder, not a regular file, or not readable.
 */
export const openFile = (path: string): Promise<FileSource> => openSource(path, ' Give the path of a checkpoint file.');

/**
 * All tensors of the weights in a file of any format, in memory.
 * @throws UserError as `openFile` does, and for a file that is no checkpoint.
 */
export async function loadTensors(path: string): Promise<Map<string, Tensor>> {
  const source = await openFile(path);
  try {
    const loaded = new Map<string, Tensor>();
    for (const [name, ref] of stateDict(await openCheckpoint(source))) loaded.set(name, await ref.load());
    return loaded;
  } finally {
    await source.close();
  }
}

/**
 * Writes a safetensors file: beside the target, to the disk, then renamed, so that the target is whole or not there.
 * Tensors of another checkpoint are loaded one at a time.
 * @throws UserError naming the path and the reason; what was written is removed.
 */
export async function writeSafetensorsFile(
  path: string,
  tensors: ReadonlyMap<string, Tensor | TensorRef>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await replaceFile(path, chunksOf(tensors, metadata));
}

async function* chunksOf(
  tensors: ReadonlyMap<string, Tensor | TensorRef>,
  metadata: Readonly<Record<string, string>>,
): AsyncGenerator<Uint8Array> {
  const header = encodeSafetensorsHeader(tensors, metadata);
  yield header.bytes;
  for (const name of header.names) yield bytesOf(name, required(tensors, name, 'tensor'));
}

async function bytesOf(name: string, tensor: Tensor | TensorRef): Promise<Uint8Array> {
  const bytes = toBytes('load' in tensor ? await tensor.load() : tensor);
  const expected = sizeOf(tensor.shape) * bytesPerElement(tensor.dtype);
  if (bytes.length !== expected)
    throw new RangeError(`tensor ${name} has ${bytes.length} bytes instead of ${expected}`);
  return bytes;
}
