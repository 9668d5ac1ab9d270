// Reading files, whole or in part, with errors that say why in words.
// It knows no format.

import { readFile, type FileHandle } from 'node:fs/promises';
import { UserError } from '../../errors.ts';

/** A function that reads a whole file, or throws a UserError with the reason alone. */
export const fileReader = (path: string) => (): Promise<Uint8Array> => readFile(path).catch(giveReason);

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

const codes: Record<string, string> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'a symbolic link that leads to itself',
  ENOSPC: 'no space left on the device',
};

/** Why something failed: for errors of the file system in words, and without the path. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall && code) return codes[code] ?? code;
  return error.message;
}
