// A folder or archive of photos as an image source: which photos are taken, and at which size they are decoded.
// It holds the set open until `close`.

import { UserError } from '../../errors.ts';
import type { ImageSet } from '../image-set.ts';
import { chooseSamples } from '../sampling.ts';
import { imageDefaults, type ImageLimits } from '../limits.ts';
import { imageSize, type Size } from './decode.ts';
import { ImageLoader } from './loader.ts';
import { openImages } from './open.ts';
import { commonSize } from './size.ts';
import type { ImageSource } from '../source.ts';

export interface PhotoSourceOptions extends ImageLimits {
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
  readonly memory: number;
  close(): Promise<void>;
}

/**
 * Opens photos for mining. Photos of another size than the chosen one are scaled to cover it and cropped at the centre.
 * @throws UserError as `openImages` does.
 */
export async function openPhotos(path: string, options: PhotoSourceOptions): Promise<PhotoSource> {
  return photosOf(await lookForPhotos(path, options), options);
}

/**
 * The first half of `openPhotos`, cheap: opens the photos and reads the header of the first. What is missing is told
 * before models are loaded.
 * @throws UserError as `openImages` does; when none of the photos has a header that can be read.
 */
export async function lookForPhotos(path: string, limits: ImageLimits = {}): Promise<ImageSet> {
  const { maxPixels, memory = imageDefaults.memory } = limits;
  const set = await openImages(path, { kept: memory / 8, maxBytes: Math.min(imageDefaults.maxBytes, memory / 2) });
  try {
    let first = '';
    for (const [i, name] of set.names.entries()) {
      try {
        await imageSize(await set.read(i), maxPixels);
        return set;
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        first ||= `${name}: ${error.message}`;
      }
    }
    throw new UserError(`no photo of ${set.source} can be read: ${first}`);
  } catch (error) {
    await set.close();
    throw error;
  }
}

/** The second half of `openPhotos`, which closes the set when it fails. */
export async function photosOf(set: ImageSet, options: PhotoSourceOptions): Promise<PhotoSource> {
  try {
    return await chosen(set, options);
  } catch (error) {
    await set.close();
    throw error;
  }
}

async function chosen(set: ImageSet, options: PhotoSourceOptions): Promise<PhotoSource> {
  const { maxPixels, memory = imageDefaults.memory } = options;
  // An eighth is that of the archive: see above.
  const limits = { maxPixels, memory: memory - memory / 8 };
  const samples = chooseSamples(set.names.length, options.samples, options.seed ?? 0);
  const { height, width } = options.size ?? (await commonSize(set, samples, limits)) ?? options.fallback;
  const loader = new ImageLoader(set, { height, width, strict: options.strict, ...limits });
  return {
    source: set.source,
    names: set.names,
    height,
    width,
    samples,
    memory,
    unreadable: loader.unreadable,
    prints: loader.prints,
    batches: (indices, size) => loader.batches(indices, size),
    close: () => set.close(),
  };
}
