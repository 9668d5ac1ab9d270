// Brings one file from the network: resumes what was cut, checks what arrives, and only a whole file gets the name.
// It knows no models; how one request goes is in request.ts.

import { mkdir, statfs } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../../errors.ts';
import { fileError } from '../../../files/node/system-error.ts';
import type { LongWork, Progress } from '../../../progress.ts';
import { ask, PassingError, type Answer } from './request.ts';
import { digests, PartialFile, type Version } from './partial-file.ts';
import { Connections } from './proxy.ts';

/** The stage is the name of the file; done is what is on disk, and the total Infinity where the server does not tell. */
export interface DownloadProgress extends Progress {
  readonly unit: 'bytes';
}

export interface DownloadOptions extends LongWork<DownloadProgress> {
  /** What is published of the file; digests in lower-case hexadecimal, whole or their beginning. */
  readonly expected?: { readonly bytes?: number; readonly sha256?: string; readonly md5?: string };
  /** Told when a trouble that may pass is waited for. */
  readonly note?: (text: string) => void;
  /**
   * Seconds that the server may take to answer, and then for each `stall * leastRate` bytes, before the connection
   * counts as dead; default 30.
   */
  readonly stall?: number;
  /** Bytes per second; default 1024. */
  readonly leastRate?: number;
  /** How often in a row a download is tried again whose last attempt brought less than 32 KiB; default 4. */
  readonly retries?: number;
  /** Seconds before the first new attempt, doubled for each further one; default 1. */
  readonly backoff?: number;
}

const longestWait = 60;
/** Bytes that an attempt has to bring, so that many attempts may follow. */
const progressBytes = 2 ** 15;

/**
 * Downloads `url` to the file `target`, whose folder is made. What has arrived is kept in `TARGET.partial`, so that the
 * same call goes on after a failure or an abort, provided that the server names a version (ETag, Last-Modified).
 * Two calls for one target at once are for the caller to prevent.
 * @throws UserError saying what failed and what to do; the signal's reason when aborted.
 */
export async function download(url: string, target: string, options: DownloadOptions = {}) {
  const { signal, note, retries = 4, backoff = 1 } = options;
  await mkdir(dirname(target), { recursive: true }).catch((error: unknown) => {
    throw fileError('write to', dirname(target), error);
  });
  const connections = new Connections();
  const transfer = new Transfer(url, target, options, connections);
  try {
    for (let failures = 0; ;) {
      const before = transfer.furthest;
      try {
        return await transfer.run();
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof PassingError)) throw error;
        failures = transfer.furthest - before >= progressBytes ? 1 : failures + 1;
        if (failures > retries || (error.unreachable && transfer.received === 0))
          throw new UserError(`${url} cannot be downloaded: ${error.message}. Rerun the same command to resume`);
        const wait = Math.min(longestWait, Math.max(error.wait, backoff * 2 ** (failures - 1)));
        note?.(`${basename(target)}: ${error.message}; trying again in ${wait} s`);
        await sleep(wait * 1000, undefined, { signal }).catch(() => signal?.throwIfAborted());
      }
    }
  } finally {
    await connections.destroy();
  }
}

class Transfer {
  /** Bytes that arrived over the network, in all attempts. */
  received = 0;
  /** How far any attempt came: one that starts over and breaks at the same place is no progress. */
  furthest = 0;
  readonly #partial: PartialFile;
  readonly #url: string;
  readonly #target: string;
  readonly #options: DownloadOptions;
  readonly #connections: Connections;
  /** Digests of the first `hashed` bytes. */
  #digests = digests();
  #hashed = 0;

  constructor(url: string, target: string, options: DownloadOptions, connections: Connections) {
    this.#url = url;
    this.#target = target;
    this.#options = options;
    this.#connections = connections;
    this.#partial = new PartialFile(target);
  }

  /** One attempt, from where the partial file ends. */
  async run(): Promise<{ bytes: number; sha256: string }> {
    const { signal, stall = 30, leastRate = 1024 } = this.#options;
    signal?.throwIfAborted();
    const { size, headers, validator } = await this.#partial.resumable(this.#url);
    const answer = await ask(this.#url, { connections: this.#connections, headers, stall, leastRate, signal });
    const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(answer.header('content-range') ?? '');
    if (answer.status === 416) {
      answer.discard();
      if (size > 0 && Number(range?.[2]) === size) return this.#finish(size);
      if (size === 0)
        throw new UserError(`${this.#url} answers with status 416 instead of the file; try another --mirror`);
      await this.#partial.remove();
      return this.run();
    }
    // A part may begin elsewhere than was asked, or be of another version; then the whole file is asked for.
    const versions = [answer.header('etag'), answer.header('last-modified')];
    const other = validator !== undefined && versions.some(Boolean) && !versions.includes(validator);
    if (answer.status === 206 && (other || Number(range?.[1]) !== size)) {
      answer.discard();
      if (size === 0) throw new UserError(`${this.#url} sends a part that was not asked for; try another --mirror`);
      await this.#partial.remove();
      return this.run();
    }
    const start = answer.status === 206 ? size : 0;
    const total = totalOf(answer, range?.[2]);
    this.#refusePage(answer);
    this.#refuseSize(total);
    await this.#refuseFullDisk(total === undefined ? undefined : total - start);
    const end = await this.#receive(answer, start, total);
    if (end === 0) {
      await this.#partial.remove();
      if (total === undefined) throw new PassingError('the connection ended before the first byte');
      throw new UserError(`${this.#url} is an empty file; try another --mirror`);
    }
    const { bytes = total } = this.#options.expected ?? {};
    if (bytes !== undefined && end < bytes)
      throw new PassingError(`the connection ended after ${end} of ${bytes} bytes`);
    return this.#finish(end);
  }

  /** Appends the body to the partial file; returns its size then. */
  async #receive(answer: Answer, start: number, total: number | undefined): Promise<number> {
    if (start !== this.#hashed) {
      this.#digests = digests();
      if (start > 0) await this.#partial.hash(this.#digests, this.#options.signal);
    }
    this.#hashed = start;
    const { onProgress } = this.#options;
    const progress = { stage: basename(this.#target), total: total ?? Infinity, unit: 'bytes' } as const;
    const writer = await this.#partial.open(start, versionOf(this.#url, answer));
    try {
      await onProgress?.({ ...progress, done: start });
      for await (const chunk of answer.body) {
        if (this.#hashed === 0) await this.#refuseMarkup(chunk);
        await this.#refuseLonger(this.#hashed + chunk.length);
        await writer.write(chunk);
        for (const hash of Object.values(this.#digests)) hash.update(chunk);
        this.#hashed += chunk.length;
        this.received += chunk.length;
        this.furthest = Math.max(this.furthest, this.#hashed);
        await onProgress?.({ ...progress, done: this.#hashed });
      }
    } finally {
      answer.discard();
      await writer.close();
    }
    return this.#hashed;
  }

  /** Checks the whole partial file and gives it its name. */
  async #finish(size: number): Promise<{ bytes: number; sha256: string }> {
    if (this.#hashed !== size) {
      this.#digests = digests();
      await this.#partial.hash(this.#digests, this.#options.signal);
    }
    const sha256 = this.#digests.sha256.digest('hex');
    const found = { sha256, md5: this.#digests.md5.digest('hex') };
    for (const kind of ['sha256', 'md5'] as const) {
      const published = this.#options.expected?.[kind];
      if (published === undefined || found[kind].startsWith(published)) continue;
      await this.#partial.remove();
      throw new UserError(
        `what ${this.#url} sent is not the published file: its ${kind.toUpperCase()} is ${found[kind]}, ${published} was expected. It was removed; try again, or another --mirror`,
      );
    }
    await this.#partial.become(this.#target);
    return { bytes: size, sha256 };
  }

  #refusePage(answer: Answer): void {
    if (/^text\/html\b/i.test(answer.header('content-type') ?? '')) throw this.#page();
  }

  /** Weights are binary, configurations are JSON: neither begins as markup does. */
  async #refuseMarkup(chunk: Uint8Array): Promise<void> {
    if (!/^\s*<[!?a-z]/i.test(Buffer.from(chunk.subarray(0, 64)).toString('latin1'))) return;
    await this.#partial.remove();
    throw this.#page();
  }

  #page(): UserError {
    return new UserError(
      `${this.#url} answers with a web page instead of the file (a login of the network, or the file has moved). Open it in a browser; then try again, or register the file with "rosetta zoo add"`,
    );
  }

  #refuseSize(bytes: number | undefined): void {
    const published = this.#options.expected?.bytes;
    if (bytes === undefined || published === undefined || bytes === published) return;
    throw new UserError(
      `${this.#url} is not the published file: it has ${bytes} bytes, ${published} were expected. Try another --mirror`,
    );
  }

  /** A body of untold length ends at the latest where it cannot be the published file any more. */
  async #refuseLonger(bytes: number): Promise<void> {
    if (bytes <= (this.#options.expected?.bytes ?? Infinity)) return;
    await this.#partial.remove();
    throw new UserError(`${this.#url} is not the published file: it is longer. Try another --mirror`);
  }

  async #refuseFullDisk(needed: number | undefined): Promise<void> {
    const folder = dirname(this.#target);
    // Where the system does not tell, writing will.
    const disk = await statfs(folder).catch(() => undefined);
    if (needed === undefined || !disk || needed <= disk.bavail * disk.bsize) return;
    const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
    throw new UserError(
      `${this.#target} needs ${mib(needed)} more, the disk has ${mib(disk.bavail * disk.bsize)} free; free some space, or choose another folder with --cache`,
    );
  }
}

function totalOf(answer: Answer, inRange: string | undefined): number | undefined {
  if (answer.encoded) return undefined;
  const text = answer.status === 206 ? inRange : answer.header('content-length');
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** A weak ETag does not stand for the same bytes; encoded bytes are not those on disk. */
function versionOf(url: string, answer: Answer): Version {
  if (answer.encoded) return { url };
  const etag = answer.header('etag');
  return { url, etag: etag?.startsWith('"') ? etag : undefined, modified: answer.header('last-modified') };
}
