// What is here of a file that is being downloaded, and of which version of it: two files beside the one it becomes.
// It asks no network.

import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, rename, rm, type FileHandle } from 'node:fs/promises';
import Type from 'typebox';
import { readJson, type Read } from '../../../files/json.ts';
import { fileError } from '../../../files/node/system-error.ts';
import { freshFile } from '../../../files/node/fresh-file.ts';

/** They are sent as headers. */
const header = Type.Optional(Type.String({ pattern: '^[\\x20-\\x7e]+$' }));
const versionSchema = Type.Object({ url: Type.String(), etag: header, modified: header });

/** What a server says of the version of a file. */
export type Version = Read<typeof versionSchema>;

/** Files that are read or gone on with are our own: no links, which lead elsewhere. */
const noLink = constants.O_NOFOLLOW ?? 0;

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
  size(): Promise<number> {
    return ownSize(this.path);
  }

  /** How much may be kept, and the headers that ask for the rest of the same version. */
  async resumable(url: string): Promise<{ size: number; headers: Record<string, string>; validator?: string }> {
    const size = await this.size();
    const version = size > 0 ? await this.#version() : undefined;
    const validator = version?.etag ?? version?.modified;
    if (version?.url !== url || validator === undefined) return { size: 0, headers: {} };
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
    const opened = start > 0 ? open(this.path, constants.O_WRONLY | constants.O_APPEND | noLink) : this.#begin(version);
    const file = await opened.catch(failed);
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

  /** Feeds what is here to the hashes. */
  async hash(hashes: Record<string, Hash>, signal?: AbortSignal): Promise<void> {
    await hashFile(this.path, hashes, signal, noLink);
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

  /** The version last: bytes of no known version are not gone on with. */
  async #begin(version: Version): Promise<FileHandle> {
    await rm(this.versionPath, { force: true });
    const file = await freshFile(this.path);
    try {
      const beside = await freshFile(this.versionPath);
      await beside.writeFile(JSON.stringify(version)).finally(() => beside.close());
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async #version(): Promise<Version | undefined> {
    if ((await ownSize(this.versionPath)) === 0) return undefined;
    try {
      const file = await open(this.versionPath, constants.O_RDONLY | noLink);
      const read = readJson(versionSchema, await file.readFile().finally(() => file.close()));
      return read.problem === undefined ? read.value : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Size of a file that has no other name; 0 where there is none: what has two may be somebody else's, too. */
const ownSize = (path: string): Promise<number> =>
  lstat(path).then(
    (found) => (found.isFile() && found.nlink <= 1 ? found.size : 0),
    () => 0,
  );

export const digests = (): { sha256: Hash; md5: Hash } => ({ sha256: createHash('sha256'), md5: createHash('md5') });

/** Feeds a file to the hashes. @param flags of opening, besides that it is read. */
export async function hashFile(
  path: string,
  hashes: Record<string, Hash>,
  signal?: AbortSignal,
  flags = 0,
): Promise<void> {
  const file = await open(path, constants.O_RDONLY | flags);
  const chunks: AsyncIterable<Uint8Array> = file.createReadStream({ highWaterMark: 2 ** 20, signal });
  for await (const chunk of chunks) for (const hash of Object.values(hashes)) hash.update(chunk);
}
