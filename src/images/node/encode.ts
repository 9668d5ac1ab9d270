// Planar float images as files: PNG, and animated WebP that loops.
// Encoding of bytes as they are is in decode.ts; small pictures of reports are in thumbnail.ts.

import { encodeImage } from './decode.ts';
import { enlarge, toInterleaved } from '../pixels.ts';
import { sharp } from './sharp.ts';

/**
 * A PNG file of a planar image `[3, height, width]`, RGB in [0, 1], every pixel kept; values outside are clamped.
 * @throws RangeError when the length is not 3 * height * width.
 */
export const encodePng = (rgb: Float32Array, height: number, width: number): Promise<Uint8Array> =>
  encodeImage(toInterleaved(rgb), width, height, 'png');

export interface AnimationOptions {
  readonly height: number;
  readonly width: number;
  /** How long each frame is shown; the last one for at least 1500 ms. */
  readonly delayMs: number;
  /** Smaller images are enlarged by the largest whole factor that keeps them within so many pixels; default 256. */
  readonly size?: number;
}

/** The result of a search is at the end: it is held long enough to be looked at. */
const lastMs = 1500;

/**
 * An animated WebP that loops for ever. Enlarged pixels (nearest neighbour) stay exact, others are encoded at quality 85.
 * Equal frames in a row may become one that is shown for longer.
 * @param frames planar images `[3, height, width]`, RGB in [0, 1].
 * @throws RangeError for no frames, or one of another size.
 */
export async function encodeAnimation(
  frames: readonly Float32Array[],
  { height, width, delayMs, size = 256 }: AnimationOptions,
): Promise<Uint8Array> {
  if (frames.length === 0) throw new RangeError('an animation needs at least one frame');
  const wrong = frames.find(({ length }) => length !== 3 * height * width);
  if (wrong) throw new RangeError(`${wrong.length} values are not an RGB image of ${width} x ${height}`);
  const factor = Math.max(1, Math.floor(size / Math.max(height, width)));
  const page = { height: height * factor, width: width * factor };
  const bytes = 3 * page.height * page.width;
  const pages = new Uint8Array(frames.length * bytes);
  frames.forEach((frame, i) => pages.set(enlarge(toInterleaved(frame), height, width, factor), i * bytes));
  return sharp(pages, {
    raw: { width: page.width, height: page.height * frames.length, channels: 3, pageHeight: page.height },
    limitInputPixels: false,
  })
    .webp({
      ...(factor > 1 ? { lossless: true } : { quality: 85 }),
      loop: 0,
      delay: frames.map((_, i) => (i === frames.length - 1 ? Math.max(lastMs, delayMs) : delayMs)),
    })
    .toBuffer();
}
