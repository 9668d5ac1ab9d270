// A file that appears only when it is complete: written beside, synced, then renamed.
// It knows nothing of what is written.

import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { freshFile } from './fresh-file.ts';
import { fileError } from './system-error.ts';

type Chunks = Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>;

/** Of a file that a process is writing, or was when it was killed. */
const partialName = /\.rosetta-partial-\d+$/;

/**
 * Writes chunks one after another; a file of this name stays until all are there.
 * @throws UserError when the system does not let it, and what the chunks throw; nothing is left of what was written.
 */
export async function replaceFile(path: string, chunks: Chunks): Promise<void> {
  const partial = `${path}.rosetta-partial-${process.pid}`;
  try {
    const file = await freshFile(partial);
    try {
      for await (const chunk of chunks) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined); // it may never have been made
    throw fileError('write', path, error);
  }
}

/** Whether a name is that of a file that is not complete. */
export const isPartial = (name: string): boolean => partialName.test(name);

/** Removes what killed processes have left half-written in a folder. Nothing else may be writing into it. */
export async function removePartials(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (isPartial(name)) await rm(join(folder, name), { force: true });
}
