// A directory on disk as a `Folder`: files are written beside, synced, then renamed.
// It knows nothing of what the files hold.

import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { UserError } from '../../errors.ts';
import type { Folder } from '../folder.ts';
import { errorCode, fileError } from './system-error.ts';
import { replaceFile } from './replace-file.ts';

/** The folder at `path`, made when first written to. Failures are `UserError`s that name the file. */
export function nodeFolder(path: string): Folder {
  const resolve = (name: string): string => {
    const inside = normalize(name);
    if (inside.startsWith('..') || inside.startsWith('/'))
      throw new UserError(`"${name}" lies outside the folder ${path}`);
    return join(path, inside);
  };
  return {
    async read(name) {
      try {
        return await readFile(resolve(name));
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return undefined;
        throw fileError('read', resolve(name), error);
      }
    },
    async write(name, chunks) {
      const target = resolve(name);
      await mkdir(dirname(target), { recursive: true }).catch((error: unknown) => {
        throw fileError('write', target, error);
      });
      await replaceFile(target, chunks);
    },
    async remove(name) {
      await rm(resolve(name), { recursive: true, force: true }).catch((error: unknown) => {
        throw fileError('remove', resolve(name), error);
      });
    },
  };
}
