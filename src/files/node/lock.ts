// A lock file that holds a folder for one process at a time.
// It knows nothing of what is done in the folder.

import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../errors.ts';
import { fileError } from './folder.ts';

/** Locks of this process. With them known, its own number in a file is left over from a process that had it before. */
const held = new Set<string>();

/** Milliseconds after which a takeover, which takes no time, counts as dead. */
const longestTakeover = 10_000;

/**
 * Holds `folder`, which is made if need be, for this process while `work` runs.
 * @throws UserError when it is held already, by this or by another living process; or cannot be written to.
 */
export async function withFolderLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const lock = join(folder, '.lock');
  if (held.has(lock)) throw busy(folder, process.pid, lock);
  held.add(lock);
  try {
    try {
      await mkdir(folder, { recursive: true });
      await take(lock, folder);
    } catch (error) {
      throw error instanceof UserError ? error : fileError('write to', folder, error);
    }
    try {
      return await work();
    } finally {
      await rm(lock, { force: true });
    }
  } finally {
    held.delete(lock);
  }
}

async function take(lock: string, folder: string): Promise<void> {
  while (!(await created(lock))) {
    const text = await content(lock);
    if (text === undefined) continue;
    const holder = Number(text) || 0;
    if (holder !== process.pid && alive(holder)) throw busy(folder, holder, lock);
    if (await takenOver(lock, text)) return;
    await sleep(25);
  }
}

/**
 * Puts this process into a lock of a dead one. Only one process at a time may: without that, one could take away the
 * lock that another has just taken over.
 */
async function takenOver(lock: string, dead: string): Promise<boolean> {
  const takeover = `${lock}-takeover`;
  if (!(await created(takeover))) {
    const since = await stat(takeover).then(
      ({ mtimeMs }) => mtimeMs,
      () => Infinity,
    );
    if (Date.now() - since > longestTakeover) await rm(takeover, { force: true });
    return false;
  }
  if ((await content(lock)) === dead) {
    await rename(takeover, lock);
    return true;
  }
  await rm(takeover, { force: true });
  return false;
}

/** Makes a file with the number of this process; false when it is there already. */
async function created(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** The text of a file, undefined when there is none. It is waited for: the file is made before it is filled. */
async function content(path: string): Promise<string | undefined> {
  for (let i = 0; i < 20; i++) {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text !== '') return text;
    await sleep(25);
  }
  return '';
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

const busy = (folder: string, holder: number, lock: string): UserError =>
  new UserError(
    `${folder} is being written by process ${holder}; wait for it (if there is no such process of this program, remove ${lock})`,
  );
