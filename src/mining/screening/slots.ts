// Where the images of a run go in a sketch: each has a slot, and images that the null pairs are neighbours in it, too.
// It knows counts and numbers, no maps.

import { blockSize, blockSizes } from '../correlation/blocks.ts';
import type { Half } from '../correlation/moments.ts';

/** The slots of one half of one part: `blocks` times four, and five for a last block that is not of four images. */
interface HalfSlots {
  readonly part: number;
  readonly half: Half;
  readonly first: number;
  readonly blocks: number;
}

/** An image's place in a sketch, and the block whose random signs it shares. */
export interface Place {
  readonly slot: number;
  readonly block: number;
}

/** Slots after those of whole blocks: the last block has up to five images. */
const irregular = blockSize + 1;

export class Slots {
  readonly #halves: readonly HalfSlots[];
  readonly count: number;
  /** The first slot of the second half. */
  readonly split: number;
  /** Whether several blocks share slots. */
  readonly folded: boolean;

  /**
   * @param images by part and half, at most.
   * @param most slots, roughly: where there are more images, whole blocks share slots and add up in them.
   */
  constructor(images: readonly (readonly number[])[], most: number) {
    const total = images.flat().reduce((sum, count) => sum + count, 0);
    const halves: HalfSlots[] = [];
    let first = 0;
    let split = 0;
    let folded = false;
    for (const half of [0, 1] as const) {
      images.forEach((counts, part) => {
        const count = counts[half] ?? 0;
        if (!count) return;
        const whole = Math.ceil(count / blockSize);
        const blocks = Math.max(1, Math.min(whole, Math.floor((most * count) / total / blockSize)));
        folded ||= blocks < whole;
        halves.push({ part, half, first, blocks });
        first += blocks * blockSize + irregular;
      });
      if (half === 0) split = first;
    }
    this.#halves = halves;
    this.count = first;
    this.split = split;
    this.folded = folded;
  }

  /** Slots of a half, of all parts together. */
  of(half: Half): number {
    return half ? this.count - this.split : this.split;
  }

  /** Slots of a half of a part, among those of the half; empty where there are none. */
  range(part: number, half: Half): { readonly from: number; readonly to: number } {
    const found = this.#halves.find((entry) => entry.part === part && entry.half === half);
    if (!found) return { from: 0, to: 0 };
    const from = found.first - (half ? this.split : 0);
    return { from, to: from + found.blocks * blockSize + irregular };
  }

  /** Places of a batch. @param start images of this half of this part before it: whole blocks. */
  places(part: number, half: Half, start: number, images: number): Place[] {
    const { first, blocks } = this.#half(part, half);
    const places: Place[] = [];
    let block = start / blockSize;
    for (const size of blockSizes(images)) {
      const base = size === blockSize ? (block % blocks) * blockSize : blocks * blockSize;
      for (let i = 0; i < size; i++) places.push({ slot: first + base + i, block });
      block++;
    }
    return places;
  }

  /**
   * By half and slot of the half, the one that stands in for it under the null, as `derangement` pairs images.
   * @param images by part and half, that were read.
   */
  partners(images: readonly (readonly number[])[]): [number[], number[]] {
    const partner = Array.from({ length: this.count }, (_, slot) => slot);
    for (const { part, half, first, blocks } of this.#halves) {
      for (let slot = 0; slot < blocks * blockSize; slot++) {
        partner[first + slot] = first + slot - (slot % blockSize) + (((slot % blockSize) + 1) % blockSize);
      }
      const last = blockSizes(images[part][half]).at(-1) ?? 0;
      if (last === blockSize) continue;
      const start = first + blocks * blockSize;
      for (let i = 0; i < last; i++) partner[start + i] = start + ((i + 1) % last);
    }
    return [partner.slice(0, this.split), partner.slice(this.split).map((slot) => slot - this.split)];
  }

  #half(part: number, half: Half): HalfSlots {
    const found = this.#halves.find((entry) => entry.part === part && entry.half === half);
    if (!found) throw new Error(`no slots for half ${half} of part ${part}`);
    return found;
  }
}
