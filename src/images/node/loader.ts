// Images of a set as batches for a network, decoded ahead and in parallel while the network computes.
// It does not choose or order the images, and knows nothing of models.

import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { UserError } from '../../errors.ts';
import { batched, type DecodedImage } from '../batches.ts';
import type { ImageSet } from '../image-set.ts';
import { imageDefaults, inMebibytes, MemoryGate, type ImageLimits } from '../limits.ts';
import { inOrder } from '../in-order.ts';
import { decodePixels, decodingBytes, type Size } from './decode.ts';
import type { ImageBatch, ImageSource, Prints, Unreadable } from '../source.ts';

const nothing = new Uint8Array(0);

/** 64 bits of SHA-256; 0 stands for none. */
const digestOf = (bytes: Uint8Array): bigint => createHash('sha256').update(bytes).digest().readBigInt64LE() || 1n;

/** Of an image that is not what it was when it was read before: it is not skipped, for what was made of it is wrong. */
class ChangedError extends UserError {}

export interface LoaderOptions extends Size, ImageLimits {
  /** Throw at the first image that cannot be read, instead of reporting and skipping it. Default false. */
  readonly strict?: boolean;
  /**
   * Images that are decoded at the same time; default, the number of cores. Node runs at most UV_THREADPOOL_SIZE
   * (default 4) of them at once, whatever this says.
   */
  readonly parallel?: number;
}

/**
 * Decodes images of a set into batches of [n,3,height,width] (see `decodePixels` for how they are fitted).
 *
 *     const loader = new ImageLoader(set, { height: 224, width: 224 });
 *     for await (const { indices, data } of loader.batches(chosen, 32)) ...
 *     loader.unreadable; // what was skipped
 */
export class ImageLoader implements ImageSource {
  readonly source: string;
  readonly names: readonly string[];
  readonly height: number;
  readonly width: number;
  /** Images skipped so far, each once, in the order in which they were asked for. */
  readonly unreadable: Unreadable[] = [];
  readonly prints: Prints;
  readonly #set: ImageSet;
  readonly #strict: boolean;
  readonly #parallel: number;
  readonly #maxPixels: number;
  readonly #gate: MemoryGate;
  readonly #reported = new Set<number>();

  constructor(set: ImageSet, options: LoaderOptions) {
    const { height, width, strict = false, parallel = availableParallelism() } = options;
    this.source = set.source;
    this.names = set.names;
    this.height = height;
    this.width = width;
    this.#set = set;
    this.#strict = strict;
    this.#parallel = parallel;
    this.#maxPixels = options.maxPixels ?? imageDefaults.maxPixels;
    this.#gate = new MemoryGate(options.memory ?? imageDefaults.memory);
    this.prints = {
      digests: new BigInt64Array(set.names.length),
      stamps: new Float64Array(2 * set.names.length),
      stamp: (index) => set.stamp(index),
      digest: (index) => set.read(index).then(digestOf, noneIfUnreadable),
    };
  }

  /**
   * The readable ones of `indices`, in their order, `batchSize` at a time: only the last batch may be smaller. Which
   * images are skipped depends on the images alone. Up to two batches are decoded ahead. `data` is valid until the
   * next but one batch is asked for. The iteration may be left early; it ends when the decoding that runs has ended,
   * after which the set may be closed.
   * @throws UserError at an unreadable image with `strict`; RangeError when `batchSize` is not a positive integer.
   */
  async *batches(indices: readonly number[], batchSize: number): AsyncGenerator<ImageBatch, void, undefined> {
    if (!(Number.isInteger(batchSize) && batchSize >= 1)) {
      throw new RangeError(`the batch size must be a positive integer, not ${batchSize}`);
    }
    const ahead = Math.max(2 * batchSize, this.#parallel);
    const area = this.height * this.width;
    yield* batched(this.#readable(indices, ahead), area, batchSize, Math.min(batchSize, indices.length));
  }

  async *#readable(indices: readonly number[], ahead: number): AsyncGenerator<DecodedImage> {
    const attempts = inOrder(indices, (index) => this.#attempt(index), { parallel: this.#parallel, ahead });
    for await (const attempt of attempts) {
      if ('pixels' in attempt) {
        yield attempt;
        continue;
      }
      const { index, reason } = attempt;
      const name = this.names[index];
      if (!this.#reported.has(index)) this.unreadable.push({ name, reason });
      this.#reported.add(index);
      if (this.#strict) {
        const remedy = 'mend or remove it, or allow unreadable images to be skipped';
        throw new UserError(`${name} of ${this.source} cannot be read: ${reason}; ${remedy}`);
      }
    }
  }

  async #attempt(index: number): Promise<DecodedImage | { index: number; reason: string }> {
    const gate = this.#gate;
    let taken = 0;
    const take = async (bytes: number): Promise<void> => {
      if (bytes > gate.limit) {
        const most = `the ${inMebibytes(gate.limit)} that images may take`;
        throw new UserError(`decoding it takes ${inMebibytes(bytes)}, more than ${most}; raise --memory or shrink it`);
      }
      await gate.take(bytes);
      taken = bytes;
    };
    try {
      await this.#stamp(index);
      let encoded = 0;
      // The decoder makes a copy of its own.
      let bytes = await this.#set.read(index, (length) => take((encoded = 2 * length)));
      this.#expectSame(index, digestOf(bytes));
      const decoding = await decodingBytes(bytes, this, this.#maxPixels);
      if (gate.tryTake(decoding)) {
        taken += decoding;
      } else {
        // What waits holds nothing, lest all wait for each other: it is read again.
        bytes = nothing;
        gate.give(taken);
        taken = 0;
        await take(encoded + decoding);
        bytes = await this.#set.read(index, () => {});
        this.#expectSame(index, digestOf(bytes));
      }
      const { pixels } = await decodePixels(bytes, this, this.#maxPixels);
      return { index, pixels };
    } catch (error) {
      if (error instanceof UserError && !(error instanceof ChangedError)) return { index, reason: error.message };
      throw error;
    } finally {
      gate.give(taken);
    }
  }
  async #stamp(index: number): Promise<void> {
    const { digests, stamps } = this.prints;
    if (digests[index]) return;
    const { size, time } = (await this.prints.stamp(index)) ?? { size: 0, time: 0 };
    stamps.set([size, time], 2 * index);
  }

  #expectSame(index: number, digest: bigint): void {
    const { digests } = this.prints;
    if (digests[index] && digests[index] !== digest)
      throw new ChangedError(`${this.names[index]} of ${this.source} has changed since it was first read; start again`);
    digests[index] = digest;
  }
}

function noneIfUnreadable(error: unknown): bigint {
  if (error instanceof UserError) return 0n;
  throw error;
}
