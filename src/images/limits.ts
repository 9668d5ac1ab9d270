// How much reading images may take: of one image, and of all that are read at the same time.
// It measures nothing: those who read say beforehand what they are about to take.

import { UserError } from '../errors.ts';

export interface ImageLimits {
  /** Pixels of one image; default 64 million. One with more counts as unreadable. */
  readonly maxPixels?: number;
  /**
   * Bytes that encoded and decoded images may take at the same time, the decoder's copies included; default 256 MiB.
   * An image that takes more by itself counts as unreadable.
   */
  readonly memory?: number;
}

export const imageDefaults = {
  /** What a file of a few bytes can claim takes half a gigabyte and less than a second at this size. */
  maxPixels: 64_000_000,
  memory: 2 ** 28,
  /** Encoded bytes of one image, where no memory is named. */
  maxBytes: 2 ** 28,
} as const;

/** Called with a number of bytes before they are taken; it may wait. @throws UserError when they are too many. */
export type Admit = (bytes: number) => void | Promise<void>;

/** @throws UserError for an image whose encoded bytes are more than any photo's. */
export function admitImage(bytes: number): void {
  const most = imageDefaults.maxBytes;
  if (bytes > most) throw new UserError(`its ${inMebibytes(bytes)} are more than the ${inMebibytes(most)} of an image`);
}

export const inMebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** Memory that several take parts of and give back; those who wait are served in their order. */
export class MemoryGate {
  readonly limit: number;
  #taken = 0;
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = [];

  /** @param limit bytes in all. */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Takes bytes, at most `limit`, as soon as so many are free. */
  async take(bytes: number): Promise<void> {
    if (!this.#waiting.length && this.tryTake(bytes)) return;
    await new Promise<void>((go) => this.#waiting.push({ bytes, go }));
  }

  /** Takes bytes when they are free now; otherwise nothing. */
  tryTake(bytes: number): boolean {
    if (this.#taken + bytes > this.limit) return false;
    this.#taken += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#taken -= bytes;
    for (let next = this.#waiting[0]; next && this.#taken + next.bytes <= this.limit; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#taken += next.bytes;
      next.go();
    }
  }
}
