// A lock file that holds a folder for one process at a time.
// It knows nothing of what is done in the folder.

import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { link, lstat, mkdir, readdir, readFile, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../errors.ts';
import { errorCode, fileError } from './system-error.ts';
import { isAlive, numberIsTaken, ownMark, parseMark } from './process-mark.ts';
import { removeOrphanedPartials } from './replace-file.ts';

export interface LockOptions {
  /** Told what is waited for, and how long at most. */
  readonly onWait?: (message: string) => void;
  /**
   * Milliseconds without a sign of life after which a holder counts as dead that cannot be looked at from here (on
   * another machine, in another container); default 120,000. Clocks are not compared: the lock is watched for so long.
   */
  readonly quiet?: number;
  /** Milliseconds between two signs of life; default 5,000. */
  readonly beat?: number;
}

/** Locks of this process, by path, with their marks. */
const held = new Map<string, string>();

process.on('exit', () => {
  for (const [lock, text] of held) if (readQuietly(lock) === text) rmSync(lock, { force: true });
});

/**
 * Holds `folder`, which is made if need be, for this process while `work` runs.
 * @throws UserError when it is held already, by this or by another living process; or cannot be written to.
 */
export async function withFolderLock<T>(
  folder: string,
  work: () => Promise<T>,
  { onWait, quiet = 120_000, beat = 5000 }: LockOptions = {},
): Promise<T> {
  const lock = join(folder, '.lock');
  if (held.has(lock)) throw busy(folder, `process ${process.pid}`, lock);
  const text = JSON.stringify({ program: 'rosetta-neurons', ...ownMark() });
  // From before it is taken: a process that is stopped right then leaves none. A lock of another holder has another text.
  held.set(lock, text);
  let beating: NodeJS.Timeout | undefined;
  try {
    try {
      await mkdir(folder, { recursive: true });
      await take(lock, folder, text, { onWait, quiet });
      await sweep(folder);
    } catch (error) {
      throw fileError('write to', folder, error);
    }
    // A sign of life for those who cannot look at this process.
    beating = setInterval(() => void utimes(lock, new Date(), new Date()).catch(() => undefined), beat);
    beating.unref();
    return await work();
  } finally {
    clearInterval(beating);
    // Another one's, if it took this process for dead.
    if (readQuietly(lock) === text) await rm(lock, { force: true });
    held.delete(lock);
  }
}

type Waiting = Required<Pick<LockOptions, 'quiet'>> & Pick<LockOptions, 'onWait'>;

/** How often a lock may vanish between two looks at it. */
const attempts = 100;

async function take(lock: string, folder: string, text: string, waiting: Waiting): Promise<void> {
  for (let i = 0; i < attempts; i++) {
    if (created(lock, text)) return;
    const found = await read(lock);
    if (found === undefined) continue;
    await expectDead(found, lock, folder, waiting);
    await removeDead(lock, found);
  }
  throw new UserError(`${lock} keeps changing hands: other processes want ${folder} too; try again later`);
}

/** @throws UserError when the holder is alive, or the lock is none of ours. */
async function expectDead(found: string, lock: string, folder: string, { quiet, onWait }: Waiting): Promise<void> {
  const mark = parseMark(found);
  // Earlier versions wrote the number alone; a file system without links leaves an empty one for a moment.
  if (!mark && !/^\d*$/.test(found)) throw foreign(lock);
  const alive = mark ? isAlive(mark) : numberIsTaken(Number(found)) || undefined;
  if (alive === false) return;
  const who = mark ? `process ${mark.pid}${alive ? '' : ` on ${mark.host}`}` : `process ${found || 'unknown'}`;
  if (alive) throw busy(folder, who, lock);
  const seconds = Math.ceil(quiet / 1000);
  onWait?.(`${lock} is held by ${who}, which cannot be seen from here: waiting ${seconds} s for a sign of life`);
  const first = await timeOf(lock);
  const until = performance.now() + quiet;
  while (performance.now() < until) {
    await sleep(Math.min(250, quiet / 10));
    const now = await timeOf(lock);
    if (now === undefined || (await read(lock)) !== found) return;
    if (now !== first) throw busy(folder, who, lock);
  }
}

/** Removes a lock unless another process has replaced it meanwhile: what was taken away by mistake is put back. */
async function removeDead(lock: string, dead: string): Promise<void> {
  const aside = `${lock}-dead-${ownMark().id}`;
  try {
    await rename(lock, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  if (readQuietly(aside) !== dead) await link(aside, lock).catch(() => undefined);
  await rm(aside, { force: true });
}

/** Removes what killed processes have left: beside the lock, and half-written files. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (/^\.lock-(takeover$|(new|dead)-)/.test(name)) await rm(join(folder, name), { force: true });
  }
  await removeOrphanedPartials(folder);
}

/** Makes the lock with its text in it at once; false when there is one already. */
function created(lock: string, text: string): boolean {
  const aside = `${lock}-new-${ownMark().id}`;
  // All in one go: a signal in between would leave the one or the other.
  try {
    writeFileSync(aside, text, { flag: 'wx' });
    try {
      linkSync(aside, lock);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') throw error;
      // No hard links on this file system.
      writeFileSync(lock, text, { flag: 'wx' });
    }
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** The text of a lock, undefined when there is none. @throws UserError when it is not a file. */
async function read(lock: string): Promise<string | undefined> {
  try {
    if (!(await lstat(lock)).isFile()) throw foreign(lock);
    return await readFile(lock, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const timeOf = (lock: string): Promise<number | undefined> =>
  lstat(lock).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );

function readQuietly(lock: string): string | undefined {
  try {
    return readFileSync(lock, 'utf8');
  } catch {
    return undefined;
  }
}

const busy = (folder: string, who: string, lock: string): UserError =>
  new UserError(
    `${folder} is being written by ${who}; wait for it (if no such process of this program runs, remove ${lock})`,
  );

const foreign = (lock: string): UserError =>
  new UserError(`${lock} is not a lock of this program; remove it, or choose another folder`);
