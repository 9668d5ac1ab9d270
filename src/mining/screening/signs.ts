// The random part of a count sketch: for each block of images a bucket and a sign for every position of a grid.
// Pure functions of seed, block and grid; what is added into the buckets is `sketch.ts`'s.

import { philox } from '../../random.ts';
import { positions, type Grid } from '../correlation/grid.ts';

/** Keeps sketches apart from whatever else is drawn with the same seed. */
const stream = 0x736b6368;

export interface Buckets {
  /** `[positions]`: the bucket of each. Every bucket has as many as every other, or one fewer. */
  readonly bucket: Int32Array;
  /** `[positions]`: +1 or -1. */
  readonly sign: Int8Array;
}

/**
 * A random dealing of a grid's positions into `width` buckets. With as many buckets as positions nothing is lost.
 * Source: Charikar, Chen, Farach-Colton, "Finding frequent items in data streams", 2002 (count sketch).
 * @param key tells blocks of images apart.
 */
export function dealt(seed: number, key: number, grid: Grid, width: number): Buckets {
  const count = positions(grid);
  const words = new Uint32Array(4 * Math.ceil(count / 2));
  for (let i = 0; i < words.length; i += 4) {
    words.set(
      philox([i >>> 2, key >>> 0, (grid.height << 16) | grid.width, stream], [seed >>> 0, Math.floor(seed / 2 ** 32)]),
      i,
    );
  }
  const order = Int32Array.from({ length: count }, (_, i) => i);
  const sign = new Int8Array(count);
  const bucket = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor((words[2 * i] / 2 ** 32) * (count - i));
    [order[i], order[j]] = [order[j], order[i]];
    bucket[order[i]] = i % width;
    sign[i] = words[2 * i + 1] & 1 ? 1 : -1;
  }
  return { bucket, sign };
}
