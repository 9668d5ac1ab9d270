// A set of encoded images with names: what a folder, an archive and a single file look like once opened.
// It opens and decodes nothing.

import { UserError } from '../errors.ts';
import { imageExtensions } from './format.ts';
import { admitImage, type Admit } from './limits.ts';
import type { FileStamp } from './source.ts';

/** Images in a fixed order: image i is the same on every machine. */
export interface ImageSet {
  /** Base name of where the images come from, for humans; no absolute path. */
  readonly source: string;
  /** Paths inside the set, `/` between folders, in the order of their UTF-8 bytes. */
  readonly names: readonly string[];
  /**
   * Encoded bytes of image `index`; not to be written to. May be called many times at once.
   * @param admit called once with the number of bytes before they take memory; by default, it refuses over 256 MiB.
   * @throws UserError when this image cannot be read; RangeError when there is no such index; what `admit` throws.
   */
  read(index: number, admit?: Admit): Promise<Uint8Array>;
  /** Size and time of the file that image `index` is in, which may be an archive; undefined when it is gone. */
  stamp(index: number): Promise<FileStamp | undefined>;
  /** Frees files and memory. No image can be read afterwards. */
  close(): Promise<void>;
}

/** Reads one image, once `admit` has been told how many bytes that takes. */
export type ImageReader = (admit: Admit) => Promise<Uint8Array>;

/** Whether a name ends like that of an image, in upper or lower case. */
export const hasImageExtension = (name: string): boolean =>
  imageExtensions.some((extension) => name.toLowerCase().endsWith(extension));

/** Whether a path inside a set is that of an image, and neither hidden nor a by-product of macOS archives. */
export const isImageName = (name: string): boolean => hasImageExtension(name) && !name.split('/').some(isHidden);

/** Whether a file or folder name is hidden or `__MACOSX`; `.` and `..` are steps of a path, not names. */
export const isHidden = (part: string): boolean =>
  (part.startsWith('.') && part !== '.' && part !== '..') || part === '__MACOSX';

/** Compares two names by their UTF-8 bytes: below 0 when `a` comes first. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // UTF-8 orders by code point. Surrogates stand for those above 0xffff, though some 16-bit units are greater.
    const xSurrogate = (x & 0xf800) === 0xd800;
    return xSurrogate === ((y & 0xf800) === 0xd800) ? x - y : xSurrogate ? 1 : -1;
  }
  return a.length - b.length;
}

/**
 * The set over `entries`, from name to a function that reads that image.
 * @param stamp of the file of an image, by its name; default: not known.
 * @throws UserError when there are none.
 */
export function imageSetOf(
  source: string,
  entries: ReadonlyMap<string, ImageReader>,
  stamp: (name: string) => Promise<FileStamp | undefined> = () => Promise.resolve(undefined),
  close: () => Promise<void> = () => Promise.resolve(),
): ImageSet {
  if (entries.size === 0) {
    throw new UserError(`${source} contains no images: files ending in ${imageExtensions.join(', ')} are looked for`);
  }
  const sorted: (readonly [string, ImageReader])[] = [...entries].sort(([a], [b]) => compareNames(a, b));
  const names = sorted.map(([name]) => name);
  let open: typeof sorted | undefined = sorted;
  const entry = (index: number): readonly [string, ImageReader] => {
    if (!open) throw new Error(`the image set ${source} is closed`);
    if (!(index in open)) throw new RangeError(`${source} has ${names.length} images, no image ${index}`);
    return open[index];
  };
  return {
    source,
    names,
    async read(index, admit = admitImage) {
      return entry(index)[1](admit);
    },
    async stamp(index) {
      return stamp(entry(index)[0]);
    },
    async close() {
      if (!open) return;
      open = undefined;
      await close();
    },
  };
}
