// A safetensors file as a checkpoint.
// The format itself is read in files/safetensors.ts.

import { readSafetensors } from '../files/safetensors.ts';
import type { ByteSource } from '../files/source.ts';
import type { CheckpointTree } from './tree.ts';
import type { Checkpoint } from './types.ts';

/** Opens a safetensors file as a checkpoint. @throws UserError as `readSafetensors`. */
export async function safetensorsCheckpoint(source: ByteSource): Promise<Checkpoint> {
  const { others, ...opened } = await readSafetensors(source);
  const tree = new Map<CheckpointTree, CheckpointTree>();
  for (const [name, { dtype, shape }] of others) {
    tree.set(name, new Map<CheckpointTree, CheckpointTree>([['dtype', dtype], ['shape', [...shape]]])); // prettier-ignore
  }
  return { format: 'safetensors', ...opened, tree };
}
