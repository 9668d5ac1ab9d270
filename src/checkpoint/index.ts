// Public entry: open checkpoints and read their tensors, in Node and in browsers.
// Files on disk are in checkpoint/node.

export {
  networkPath,
  openCheckpoint,
  pickledModules,
  stateDict,
  type Checkpoint,
  type TensorRef,
} from './checkpoint.ts';
export { type PickledModule, type Plain } from './modules.ts';
export { encodeSafetensorsHeader, readSafetensorsBytes, safetensorsChunks } from '../files/safetensors.ts';
export { bytesSource, type ByteSource } from '../files/source.ts';
export {
  type CheckpointTree,
  type TreeBytes,
  type TreeGlobal,
  type TreeObject,
  type TreeStorage,
  type TreeTensor,
} from './tree.ts';
