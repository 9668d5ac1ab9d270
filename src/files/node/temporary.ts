// Temporary folders that do not outlive their process: one that exits removes its own, one that was killed leaves them to
// the next that makes one. What is put into them is the caller's.

import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { numberIsTaken, placeName } from './process-mark.ts';

/** Of processes whose numbers can be compared with ours; the number follows. */
const prefix = `rosetta-${placeName}-`;

/** Makes a folder for `work`, and removes it when that has ended or the process exits. */
export async function withTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  await sweep();
  const folder = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    return await work(folder);
  } finally {
    process.off('exit', remove);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes what processes have left that are no more. */
async function sweep(): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => []);
  for (const name of names) {
    const pid = name.startsWith(prefix) && /^(\d+)-/.exec(name.slice(prefix.length))?.[1];
    // Another user's cannot be removed from here.
    if (pid && !numberIsTaken(Number(pid)))
      await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined);
  }
}
