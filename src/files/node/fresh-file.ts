// A file that is written anew, whatever has its name: what is overwritten is never the target of a link.
// It knows nothing of what is written.

import { open, rm, type FileHandle } from 'node:fs/promises';

/** Opens a new file for writing; a file or link of this name is removed before. */
export async function freshFile(path: string): Promise<FileHandle> {
  await rm(path, { force: true });
  return open(path, 'wx');
}
