// A folder or archive of photos as an image source: which photos are taken, and at which size they are decoded.
// It holds the set open until `close`.

import type { ImageSet } from '../image-set.ts';
import { chooseSamples } from '../sampling.ts';
import type { Size } from './decode.ts';
import { ImageLoader } from './loader.ts';
import { openImages } from './open.ts';
import { commonSize } from './size.ts';
import type { ImageSource } from '../source.ts';

export interface PhotoSourceOptions {
  /** How many photos; default all. Fewer than there are: a subset that `seed` chooses. */
  readonly samples?: number;
  readonly seed?: number;
  /** Size of the decoded images; default: that of the photos when all have one, else `fallback`. */
  readonly size?: Size;
  /** Size for photos of different sizes: the largest input among the models is a good one. */
  readonly fallback: Size;
  /** An unreadable photo ends the run instead of being reported and skipped. */
  readonly strict?: boolean;
}

export interface PhotoSource extends ImageSource {
  /** Numbers of the photos that were chosen, in bytewise order of their paths. */
  readonly samples: readonly number[];
  close(): Promise<void>;
}

/**
 * Opens photos for mining. Photos of another size than the chosen one are scaled to cover it and cropped at the centre.
 * @throws UserError as `openImages` does.
 */
export async function openPhotos(path: string, options: PhotoSourceOptions): Promise<PhotoSource> {
  const set = await openImages(path);
  try {
    return await photosOf(set, options);
  } catch (error) {
    await set.close();
    throw error;
  }
}

async function photosOf(set: ImageSet, options: PhotoSourceOptions): Promise<PhotoSource> {
  const samples = chooseSamples(set.names.length, options.samples, options.seed ?? 0);
  const { height, width } = options.size ?? (await commonSize(set, samples)) ?? options.fallback;
  const loader = new ImageLoader(set, { height, width, strict: options.strict });
  return {
    source: set.source,
    names: set.names,
    height,
    width,
    samples,
    unreadable: loader.unreadable,
    batches: (indices, size) => loader.batches(indices, size),
    close: () => set.close(),
  };
}
