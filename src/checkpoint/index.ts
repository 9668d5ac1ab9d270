// Public entry: open checkpoints and read their tensors, in Node and in browsers.
// Files on disk are in checkpoint/node.

export { openCheckpoint, stateDict, type Checkpoint, type TensorRef } from './checkpoint.ts';
export { encodeSafetensorsHeader, readSafetensorsBytes, safetensorsChunks } from './safetensors.ts';
export { bytesSource, type ByteSource } from './source.ts';
export { type CheckpointTree, type TreeGlobal, type TreeObject, type TreeStorage, type TreeTensor } from './tree.ts';
