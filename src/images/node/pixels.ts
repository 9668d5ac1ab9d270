// A whole set of labelled photos, decoded once into memory: what a training run reads again and again.
// It labels by folders only, and changes no pixel beyond fitting photos to the size.

import { required } from '../../lookup.ts';
import { constants } from 'node:buffer';
import { basename, dirname } from 'node:path/posix';
import { UserError } from '../../errors.ts';
import { compareNames, type ImageSet } from '../image-set.ts';
import type { ImageLimits } from '../limits.ts';
import type { LongWork } from '../../progress.ts';
import type { Size } from './decode.ts';
import { ImageLoader } from './loader.ts';
import { openImages } from './open.ts';
import type { Unreadable } from '../source.ts';

export interface LabelledPixels extends Size {
  /** `[n, 3, height, width]`, RGB, 0 to 255. */
  readonly pixels: Uint8Array;
  readonly n: number;
  /** Of each photo, its class as an index into `classes`. */
  readonly labels: Int32Array;
  /** Names of the folders that hold photos, in the order of their UTF-8 bytes. */
  readonly classes: readonly string[];
  /** Of each photo, its path inside the set, in the order of their UTF-8 bytes. */
  readonly names: readonly string[];
  /** Photos that are left out, because they cannot be read. */
  readonly unreadable: readonly Unreadable[];
}

export interface PixelsOptions extends LongWork, ImageLimits {
  /** Photos of another size are scaled to cover this and cropped at the centre. */
  readonly size: Size;
  /** Throw at the first photo that cannot be read, instead of leaving it out. Default false. */
  readonly strict?: boolean;
}

/** Any photo of the usual number of pixels fits, beside pixels that may take as much again. */
const mostDecoding = 2 ** 30;

/** Node 20 has no longer arrays than 4 GiB. */
const limit = Math.min(8 * 2 ** 30, constants.MAX_LENGTH);

/**
 * Decodes all photos of a folder or archive. The class of a photo is the name of the folder that holds it, wherever
 * that folder is; photos at the top are of a class named like the folder or archive.
 * @throws UserError as `openImages` does; when the pixels exceed 8 GiB (4 in Node 20); at an unreadable photo with
 * `strict`, or when none can be read; the signal's reason when aborted.
 */
export async function loadPixels(path: string, options: PixelsOptions): Promise<LabelledPixels> {
  const set = await openImages(path);
  try {
    return await pixelsOf(set, options);
  } finally {
    await set.close();
  }
}

async function pixelsOf(set: ImageSet, options: PixelsOptions): Promise<LabelledPixels> {
  const { size, strict, maxPixels, memory = mostDecoding, onProgress, signal } = options;
  const { height, width } = size;
  const length = 3 * height * width;
  const total = set.names.length;
  if (total * length > limit) {
    const needed = `${total} photos of ${height}x${width} pixels take ${(total * length) / 2 ** 30} GiB`;
    throw new UserError(`${set.source}: ${needed}, more than ${limit / 2 ** 30}; give a smaller size, or fewer photos`);
  }
  const loader = new ImageLoader(set, { height, width, strict, maxPixels, memory });
  const pixels = new Uint8Array(total * length);
  const names: string[] = [];
  const all = set.names.map((_, i) => i);
  for await (const { indices, data } of loader.batches(all, Math.max(1, Math.min(256, Math.floor(2 ** 22 / length))))) {
    const from = names.length * length;
    // Each float is a byte / 255: rounding gives that byte.
    for (let i = 0; i < data.length; i++) pixels[from + i] = data[i] * 255 + 0.5;
    for (const index of indices) names.push(set.names[index]);
    signal?.throwIfAborted();
    await onProgress?.({ stage: 'photos', done: names.length + loader.unreadable.length, total, unit: 'photos' });
  }
  const { unreadable } = loader;
  if (names.length === 0) {
    throw new UserError(`no photo of ${set.source} can be read: ${unreadable[0].name}: ${unreadable[0].reason}`);
  }
  const folders = names.map((name) => (name.includes('/') ? basename(dirname(name)) : set.source));
  const classes = [...new Set(folders)].sort(compareNames);
  const numbers = new Map(classes.map((name, i) => [name, i]));
  const labels = Int32Array.from(folders, (folder) => required(numbers, folder, 'folder'));
  const n = names.length;
  return { pixels: pixels.subarray(0, n * length), n, height, width, labels, classes, names, unreadable };
}
