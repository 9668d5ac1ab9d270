// Byte strings kept for later: in memory up to a limit, the rest in a temporary file.
// Nothing outlives it: the file goes when it is closed, or with the process.

import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { readAt } from './file.ts';
import { reasonOf } from './system-error.ts';

export class Spool {
  readonly #memoryLimit: number;
  #held = 0;
  #file: { handle: FileHandle; folder: string; end: number } | undefined;

  /** @param memoryLimit bytes that are kept in memory. */
  constructor(memoryLimit: number) {
    this.#memoryLimit = memoryLimit;
  }

  /** Keeps `bytes`, one call after the other; the result reads them back. @throws UserError when the disk is full. */
  async add(bytes: Uint8Array): Promise<() => Promise<Uint8Array>> {
    if (this.#held + bytes.length <= this.#memoryLimit) {
      this.#held += bytes.length;
      return () => Promise.resolve(bytes);
    }
    try {
      this.#file ??= await temporaryFile();
      const { handle, end } = this.#file;
      for (let written = 0; written < bytes.length;) {
        written += (await handle.write(bytes, written, bytes.length - written, end + written)).bytesWritten;
      }
      this.#file.end += bytes.length;
      return () => readAt(handle, end, bytes.length);
    } catch (error) {
      const reason = reasonOf(error);
      throw new UserError(
        `cannot write a temporary file: ${reason}; name a folder with space in TMPDIR, or unpack first`,
      );
    }
  }

  async close(): Promise<void> {
    await this.#file?.handle.close();
    if (this.#file) await remove(this.#file.folder);
    this.#file = undefined;
  }
}

async function temporaryFile(): Promise<{ handle: FileHandle; folder: string; end: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'rosetta-images-'));
  const handle = await open(join(folder, 'spool'), 'w+', 0o600);
  // Where an open file can lose its name, it does so now: then not even a killed process leaves it behind.
  await remove(folder).catch(() => undefined);
  return { handle, folder, end: 0 };
}

const remove = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });
