// What the targets stand on: golden files in memory, and reading a checkpoint to its end.
// It is no target.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bytesSource, networkPath, openCheckpoint, pickledModules, stateDict } from '../../../src/checkpoint/index.ts';

/** A file of test/golden. */
export const golden = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../../golden/${name}`, import.meta.url))));

/** A checkpoint of any format with all that is in it. */
export async function readCheckpoint(bytes: Uint8Array): Promise<void> {
  const checkpoint = await openCheckpoint(bytesSource('some.file', bytes));
  for (const ref of checkpoint.tensors.values()) await ref.load();
  stateDict(checkpoint);
  pickledModules(checkpoint, networkPath(checkpoint));
}
