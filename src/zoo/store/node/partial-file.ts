// What is here of a file that is being downloaded, and of which version of it: two files beside the one it becomes.
// It asks no network.

import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { fileError } from '../../../files/node/folder.ts';

/** What a server says of the version of a file. */
export interface Version {
  readonly url: string;
  readonly etag?: string;
  readonly modified?: string;
}

export class PartialFile {
  readonly path: string;
  /** The version, as JSON. */
  readonly versionPath: string;

  /** @param target the file that it becomes; it lies beside. */
  constructor(target: string) {
    this.path = `${target}.partial`;
    this.versionPath = `${target}.partial.json`;
  }

  /** Bytes that are here; 0 when there is no such file. */
  async size(): Promise<number> {
    return stat(this.path).then(
      (found) => found.size,
      () => 0,
    );
  }

  /** How much may be kept, and the headers that ask for the rest of the same version. */
  async resumable(url: string): Promise<{ size: number; headers: Record<string, string>; validator?: string }> {
    const size = await this.size();
    const version = parseVersion(await readFile(this.versionPath, 'utf8').catch(() => ''));
    const validator = version.etag ?? version.modified;
    if (size === 0 || version.url !== url || validator === undefined) return { size: 0, headers: {} };
    return { size, headers: { range: `bytes=${size}-`, 'if-range': validator }, validator };
  }

  /**
   * Opens it for appending at `start`, which is its size, or 0 to begin anew.
   * @throws UserError, also from the writer, naming the file and the reason, such as a full disk.
   */
  async open(start: number, version: Version) {
    const failed = (error: unknown): never => {
      throw fileError('write', this.path, error);
    };
    const file = await open(this.path, start > 0 ? 'a' : 'w').catch(failed);
    if (start === 0) {
      await writeFile(this.versionPath, JSON.stringify(version)).catch(async (error: unknown) => {
        await file.close();
        return failed(error);
      });
    }
    return {
      write: (chunk: Uint8Array): Promise<void> => file.writeFile(chunk).catch(failed),
      /** To the disk, then closed. */
      close: async (): Promise<void> => {
        await file
          .sync()
          .catch(failed)
          .finally(() => file.close());
      },
    };
  }

  /** Gives it its name. */
  async become(target: string): Promise<void> {
    try {
      await rename(this.path, target);
      await rm(this.versionPath, { force: true });
    } catch (error) {
      throw fileError('write', target, error);
    }
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
    await rm(this.versionPath, { force: true });
  }
}

function parseVersion(text: string): Partial<Version> {
  try {
    return JSON.parse(text) as Partial<Version>;
  } catch {
    return {};
  }
}

export const digests = (): { sha256: Hash; md5: Hash } => ({ sha256: createHash('sha256'), md5: createHash('md5') });

export async function hashFile(path: string, hashes: Record<string, Hash>, signal?: AbortSignal): Promise<void> {
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, signal }))
    for (const hash of Object.values(hashes)) hash.update(chunk as Uint8Array);
}
