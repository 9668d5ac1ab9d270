// What an augmentation works on: one photo as floats, and the random numbers that are this photo's own.
// It holds one photo at a time; batches are in augment.ts.

import { philox, type Words4 } from '../../random.ts';

/** One photo, planar RGB in [0, 1], in one of two buffers that take turns and are used for every photo. */
export class Canvas {
  height = 0;
  width = 0;
  /** The photo: `[3, height, width]`, at the start of a buffer that may be longer. */
  data = new Float32Array(0);
  #spare = new Float32Array(0);

  /** Takes bytes `[3, height, width]` that begin at `offset`. */
  load(pixels: Uint8Array, offset: number, height: number, width: number): void {
    const data = this.spare(height, width);
    const length = 3 * height * width;
    for (let i = 0; i < length; i++) data[i] = pixels[offset + i] / 255;
    this.swap(height, width);
  }

  /** The other buffer, of at least `[3, height, width]`, with anything in it. */
  spare(height: number, width: number): Float32Array<ArrayBuffer> {
    const length = 3 * height * width;
    if (this.#spare.length < length) this.#spare = new Float32Array(length);
    return this.#spare;
  }

  /** What was written into the other buffer is the photo now. */
  swap(height: number, width: number): void {
    [this.data, this.#spare] = [this.#spare, this.data];
    this.height = height;
    this.width = width;
  }
}

/** Keeps these numbers apart from `randomAt`, whose streams are numbers of 53 bits and end below this. */
const tag = 0x61750000;

/**
 * Uniform random numbers, a pure function of (seed, step, position in the batch, view, entry of the list, how many were
 * taken before): what one entry takes moves no number of another.
 */
export class Draws {
  #key: readonly [number, number] = [0, 0];
  #words: Words4 = [0, 0, 0, 0];
  #step = 0;
  #position = 0;
  #view = 0;
  #entry = 0;
  #taken = 0;

  /** `seed` below 2^53, `step` and `position` below 2^32, `view` below 2^16. */
  photo(seed: number, step: number, position: number, view: number): void {
    this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
    this.#step = step;
    this.#position = position;
    this.#view = view;
  }

  /** Begins the numbers of an entry, below 2^16. */
  entry(entry: number): void {
    this.#entry = entry;
    this.#taken = 0;
  }

  /** In [0, 1), a multiple of 2^-32. */
  next(): number {
    const word = this.#taken % 4;
    if (word === 0) {
      const block = this.#entry * 2 ** 16 + this.#taken / 4;
      this.#words = philox([block, this.#position, this.#step, tag + this.#view], this.#key);
    }
    this.#taken++;
    return this.#words[word] * 2 ** -32;
  }

  /** In [low, high). */
  within([low, high]: readonly [number, number]): number {
    return low + this.next() * (high - low);
  }

  /** A whole number in [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }
}

/** Changes the photo on the canvas in place. */
export type Operation = (canvas: Canvas, draws: Draws) => void;

/** `index`, mirrored at 0 and `size` - 1 (without repeating them) as often as needed. */
export function mirrored(index: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const within = ((index % period) + period) % period;
  return within < size ? within : period - within;
}
