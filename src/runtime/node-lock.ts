// A lock file that holds a folder for one process at a time.
// It knows nothing of what is done in the folder.

import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import { fileError } from './node-folder.ts';

/** Locks that this process holds: its own number in a file may be left over from another process that had it. */
const held = new Set<string>();

/**
 * Holds `folder`, which is made if need be, for this process while `work` runs.
 * @throws UserError when it is held already, by this or by another living process; or cannot be written to.
 */
export async function withFolderLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const lock = join(folder, '.lock');
  try {
    await mkdir(folder, { recursive: true });
    await take(lock, folder);
  } catch (error) {
    throw error instanceof UserError ? error : fileError('write to', folder, error);
  }
  held.add(lock);
  try {
    return await work();
  } finally {
    held.delete(lock);
    await rm(lock, { force: true });
  }
}

async function take(lock: string, folder: string): Promise<void> {
  for (;;) {
    try {
      const file = await open(lock, 'wx');
      await file.writeFile(String(process.pid));
      return await file.close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await holderOf(lock);
    if (holder === process.pid ? held.has(lock) : alive(holder)) {
      throw new UserError(
        `${folder} is being written by process ${holder}; wait for it (if there is no such process of this program, remove ${lock})`,
      );
    }
    // Moved aside rather than removed: of two processes that find it stale, one may have taken it anew meanwhile.
    const aside = `${lock}-${process.pid}-${Date.now()}`;
    const moved = await rename(lock, aside).then(
      () => true,
      () => false,
    );
    if (!moved) continue;
    const stillStale = (await holderOf(aside)) === holder;
    if (stillStale) await rm(aside, { force: true });
    else await rename(aside, lock);
  }
}

/** The process in a lock file; 0 when there is none. It is waited for: the file is made before it is filled. */
async function holderOf(lock: string): Promise<number> {
  for (let i = 0; i < 20; i++) {
    const text = await readFile(lock, 'utf8').catch(() => undefined);
    if (text === undefined) return 0;
    if (text) return Number(text) || 0;
    await sleep(25);
  }
  return 0;
}

/** Whether a process is alive; one of another user counts as alive. */
function alive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
