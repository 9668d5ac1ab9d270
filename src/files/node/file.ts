// Reading files, whole or in part, with errors that say why in words.
// It knows no format.

import { open, stat, type FileHandle } from 'node:fs/promises';
import { UserError } from '../../errors.ts';
import { reasonOf } from './system-error.ts';

/**
 * A function that reads a whole file, or throws a UserError with the reason alone. `admit` is told the file's size before
 * memory is taken for it; what it throws is passed on.
 * @param path as bytes where it need not be UTF-8.
 */
export const fileReader =
  (path: string | Buffer) =>
  async (admit: (bytes: number) => void | Promise<void>): Promise<Uint8Array> => {
    const file = await open(path).catch(giveReason);
    try {
      const { size } = await file.stat().catch(giveReason);
      await admit(size);
      return await readAt(file, 0, size);
    } finally {
      await file.close();
    }
  };

/** Size in bytes and time of the last change in milliseconds of a file; undefined when it cannot be looked at. */
export async function stampOf(path: string | Buffer): Promise<{ size: number; time: number } | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && { size: found.size, time: found.mtimeMs };
}

/** Bytes [offset, offset + length) of a file. @throws UserError with the reason alone; also when the file ends before. */
export async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled).catch(giveReason);
    if (bytesRead === 0) throw new UserError('the file ends before its data');
    filled += bytesRead;
  }
  return bytes;
}

function giveReason(error: unknown): never {
  throw new UserError(reasonOf(error));
}
