// Opens a checkpoint: the named tensors of a file of weights, whatever its format.
// It says nothing about the network that the tensors belong to.

import { recognise } from './recognise.ts';
import type { ByteSource } from '../files/source.ts';
import { safetensorsCheckpoint } from './safetensors.ts';
import { readStyleganPickle } from './stylegan-pickle.ts';
import { readTorchLegacy } from './torch/legacy.ts';
import { readTorchZip } from './torch/zip.ts';
import type { Checkpoint } from './types.ts';

export { pickledModules } from './modules.ts';
export { networkPath, stateDict } from './state-dict.ts';
export type { TensorRef } from '../files/tensor-ref.ts';
export type { Checkpoint } from './types.ts';

/**
 * Opens a checkpoint. The format is recognised by content, never by name. Nothing in the file is executed, and
 * tensors are read when they are loaded: the source must stay open until the last `load()`.
 * @throws UserError saying what the file is instead, or how it is damaged.
 */
export async function openCheckpoint(source: ByteSource): Promise<Checkpoint> {
  switch (await recognise(source)) {
    case 'safetensors':
      return safetensorsCheckpoint(source);
    case 'torch-zip':
      return readTorchZip(source);
    case 'torch-legacy':
      return readTorchLegacy(source);
    case 'stylegan-pickle':
      return readStyleganPickle(source);
  }
}
