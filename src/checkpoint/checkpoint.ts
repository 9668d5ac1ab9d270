// A checkpoint: the named tensors of a file of weights, whatever its format, each read when it is asked for.
// It says nothing about the network that the tensors belong to.

import type { DType, Tensor } from '../graph/tensor.ts';
import { recognise } from './recognise.ts';
import { readSafetensors } from './safetensors.ts';
import type { ByteSource } from './source.ts';
import { readTorchLegacy } from './torch-legacy.ts';
import { readTorchZip } from './torch-zip.ts';
import type { CheckpointTree } from './tree.ts';

export { stateDict } from './state-dict.ts';

/** A tensor in a file. */
export interface TensorRef {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Reads the data, contiguous, into memory of its own. @throws UserError when the file cannot be read there. */
  load(): Promise<Tensor>;
}

export interface Checkpoint {
  /** `torch-zip` also stands for TorchScript archives. */
  readonly format: 'safetensors' | 'torch-zip' | 'torch-legacy';
  readonly file: string;
  /**
   * In file order. The name of a tensor inside nested torch objects is its key path joined with '.', e.g.
   * `state_dict.module.conv1.weight`; lists count from 0.
   */
  readonly tensors: ReadonlyMap<string, TensorRef>;
  /** The `__metadata__` of a safetensors file; empty for torch files. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * All objects of a torch file as inert plain data, with tensors as leaves that only know their place.
   * Of a safetensors file: a Map of the tensors whose types this project does not have.
   */
  readonly tree: CheckpointTree;
}

/**
 * Opens a checkpoint. The format is recognised by content, never by name. Nothing in the file is executed, and
 * no tensor is read yet; the source must stay open until the last `load()`.
 * @throws UserError saying what the file is instead, or how it is damaged.
 */
export async function openCheckpoint(source: ByteSource): Promise<Checkpoint> {
  switch (await recognise(source)) {
    case 'safetensors':
      return readSafetensors(source);
    case 'torch-zip':
      return readTorchZip(source);
    case 'torch-legacy':
      return readTorchLegacy(source);
  }
}
