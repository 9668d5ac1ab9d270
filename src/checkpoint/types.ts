// What an opened checkpoint is: named tensors, each read when it is asked for, and the objects around them.
// It opens nothing: that is checkpoint.ts.

import type { TensorRef } from '../files/tensor-ref.ts';
import type { CheckpointTree } from './tree.ts';

export interface Checkpoint {
  /**
   * `torch-zip` also stands for TorchScript archives, `stylegan-pickle` for any Python pickle with torch tensors in it
   * that torch.save did not write.
   */
  readonly format: 'safetensors' | 'torch-zip' | 'torch-legacy' | 'stylegan-pickle';
  readonly file: string;
  /**
   * In file order. The name of a tensor inside nested torch objects is its key path joined with '.', e.g.
   * `state_dict.module.conv1.weight`; lists count from 0. A pickled module's tensors, buffers that its state_dict
   * leaves out included, have the names of its state_dict.
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
