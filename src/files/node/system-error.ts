// What the system's errors about files mean, in words: one table for the whole program.
// It decides nothing: what is no error of the system is passed on as it is.

import { UserError } from '../../errors.ts';

interface Meaning {
  readonly reason: string;
  /** What may help who wanted to write. */
  readonly remedy?: string;
}

const elsewhere = 'choose another folder';
const denied: Meaning = { reason: 'permission denied', remedy: 'choose a folder that you may write to' };

const meanings: Readonly<Record<string, Meaning>> = {
  EACCES: denied,
  EPERM: denied,
  EBUSY: { reason: 'it is in use' },
  EDQUOT: { reason: 'the disk quota is used up', remedy: `free some space, or ${elsewhere}` },
  EEXIST: { reason: 'something of this name exists' },
  EFBIG: { reason: 'it would be larger than files may be here', remedy: elsewhere },
  EINVAL: { reason: 'the system refuses this name' },
  EIO: { reason: 'the disk reports an error', remedy: elsewhere },
  EISDIR: { reason: 'it is a folder' },
  ELOOP: { reason: 'a symbolic link that leads to itself' },
  EMFILE: { reason: 'too many files are open; raise the limit (ulimit -n)' },
  ENAMETOOLONG: { reason: 'the name is too long', remedy: 'choose a shorter one' },
  ENFILE: { reason: 'too many files are open on this machine; close other programs' },
  ENODEV: { reason: 'there is no such device' },
  ENOENT: { reason: 'no such file or folder' },
  ENOMEM: { reason: 'the system has no memory left' },
  ENOSPC: { reason: 'no space left on the device', remedy: `free some space, or ${elsewhere}` },
  ENOTDIR: { reason: 'a part of the path is a file, not a folder', remedy: 'choose another path' },
  ENOTEMPTY: { reason: 'the folder is not empty' },
  ENXIO: { reason: 'there is no such device' },
  EROFS: { reason: 'the file system is read-only', remedy: elsewhere },
  ESTALE: { reason: 'the network file system no longer has it' },
  ETXTBSY: { reason: 'it is being run' },
  EXDEV: { reason: 'it lies on another file system' },
};

/** The code of an error of Node or of the system, such as `ENOENT`; undefined for other errors. */
export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** Whether a call of the system failed, and not the program. */
export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error && errorCode(error) !== undefined;

/** Why a call of the system failed, in words and without the path. @throws any other error as it is, since it is a defect. */
export function reasonOf(error: unknown): string {
  if (!isSystemError(error)) throw error;
  return meanings[error.code ?? '']?.reason ?? `the system says ${error.code}`;
}

/**
 * What a failed file operation means for its user.
 * @param action e.g. `read`, `write to`. @returns a UserError for an error of the system; any other error as it is, since it
 *   is a defect, which must not pass for a trouble with the file.
 */
export function fileError(action: string, path: string, error: unknown): unknown {
  if (!isSystemError(error)) return error;
  const remedy = action === 'read' ? undefined : meanings[error.code ?? '']?.remedy;
  return new UserError(`cannot ${action} ${path}: ${reasonOf(error)}${remedy ? `; ${remedy}` : ''}`);
}
