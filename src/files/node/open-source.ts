// A file as a source of bytes.
// It knows no format.

import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { UserError } from '../../errors.ts';
import { checkRange, type ByteSource } from '../source.ts';
import { errorCode, reasonOf } from './system-error.ts';

export type FileSource = ByteSource & { close(): Promise<void> };

const maxReadBytes = 2 ** 30; // one read(2) moves less than 2 GiB

/**
 * Opens a file for reading; close it in the end.
 * @param advice what messages about a wrong path end with, e.g. which file is to be given.
 * @throws UserError for a path that is missing, a folder, not a regular file, or not readable.
 */
export async function openSource(path: string, advice = ''): Promise<FileSource> {
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const elsewhere = ['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '');
    throw new UserError(`${path} cannot be opened: ${reasonOf(error)}.${elsewhere ? advice : ''}`);
  }
  const stat = await handle.stat().catch(async (error: unknown) => {
    await handle.close();
    throw new UserError(`${path} cannot be read: ${reasonOf(error)}.`);
  });
  if (!stat.isFile()) {
    await handle.close();
    const what = stat.isDirectory() ? 'it is a folder' : 'it is not a regular file';
    throw new UserError(`${path} cannot be read: ${what}.${advice}`);
  }
  const source = { name: path, size: stat.size };
  return {
    ...source,
    close: () => handle.close(),
    async read(offset, length) {
      checkRange(source, offset, length);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length;) {
        const part = Math.min(length - done, maxReadBytes);
        const { bytesRead } = await handle.read(bytes, done, part, offset + done).catch((error: unknown) => {
          throw new UserError(`${path} cannot be read: ${reasonOf(error)}.`);
        });
        if (bytesRead === 0) throw new UserError(`${path} became shorter while it was read. Download it again.`);
        done += bytesRead;
      }
      return bytes;
    },
  };
}
