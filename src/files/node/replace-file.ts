// A file that appears only when it is complete: written beside, synced, then renamed.
// It knows nothing of what is written.

import { readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Chunks } from '../folder.ts';
import { freshFile } from './fresh-file.ts';
import { isRunning, ownStart, placeName } from './process-mark.ts';
import { fileError } from './system-error.ts';

/**
 * Of a file that a process is writing, or was when it was killed: where it runs, its number, its start, which of its files.
 * A graph's weights may stand beside it.
 */
const partialName = /\.rosetta-partial-(?:([0-9a-f]{8})-(\d+)-(\d*)-)?\d+(?:\.data)?$/;

let partials = 0;

/** A name beside `path` for what is not complete, or needed for a moment only; no other write has it. */
export const partialPath = (path: string): string =>
  `${path}.rosetta-partial-${placeName}-${process.pid}-${ownStart}-${partials++}`;

/**
 * Writes chunks one after another; a file of this name stays until all are there.
 * @throws UserError when the system does not let it, and what the chunks throw; nothing is left of what was written.
 */
export async function replaceFile(path: string, chunks: Chunks): Promise<void> {
  const partial = partialPath(path);
  await removeDeadPartials(dirname(path));
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

/** Undefined where that cannot be told from here. */
function writerLives(name: string): boolean | undefined {
  const [, place, pid, start = ''] = partialName.exec(name) ?? [];
  return place === placeName ? isRunning(Number(pid), start) : undefined;
}

const looked = new Set<string>();

/** Removes what processes that are provably dead have left half-written in a folder; each is looked at once. */
export async function removeDeadPartials(folder: string): Promise<void> {
  const path = resolve(folder);
  if (looked.has(path)) return;
  looked.add(path);
  await removePartials(folder, (alive) => alive === false);
}

/** Removes what is half-written in a folder that this process holds, unless its writer is provably alive. */
export const removeOrphanedPartials = (folder: string): Promise<void> =>
  removePartials(folder, (alive) => alive !== true);

async function removePartials(folder: string, goes: (alive: boolean | undefined) => boolean): Promise<void> {
  // A folder that is not there, or whose files are another user's, is no reason not to work.
  for (const name of await readdir(folder).catch(() => [])) {
    if (isPartial(name) && goes(writerLives(name)))
      await rm(join(folder, name), { force: true }).catch(() => undefined);
  }
}
