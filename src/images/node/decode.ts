// Encoded images (see format.ts) to RGB pixels and back, by sharp (libvips).
// It reads no files and keeps nothing between images.

import type { Metadata, Sharp } from 'sharp';
import { UserError } from '../../errors.ts';
import { formatNames, formatOf } from '../format.ts';
import { imageDefaults } from '../limits.ts';
import { toPlanar } from '../pixels.ts';
import { sharp } from './sharp.ts';

export interface Size {
  readonly height: number;
  readonly width: number;
}

/**
 * Runs a decoder on bytes that begin like a photo's; libvips would also render drawings and the like.
 * The reasons of failures are our own, since libvips collects those of all threads in one place and mixes them up.
 */
async function decoding<T>(bytes: Uint8Array, maxPixels: number, decode: (image: Sharp) => Promise<T>): Promise<T> {
  if (bytes.length === 0) throw new UserError('the file is empty');
  const format = formatOf(bytes);
  if (!format) throw new UserError(`the content is not ${formatNames}`);
  const tooLarge = `the image has more than ${maxPixels / 1e6} million pixels`;
  if (format.name === 'AVIF' && claimedPixels(bytes) > maxPixels) throw new UserError(tooLarge);
  try {
    return await decode(sharp(bytes, { limitInputPixels: maxPixels }));
  } catch (cause) {
    const large = cause instanceof Error && cause.message.includes('exceeds pixel limit');
    const reason = large ? tooLarge : `the ${format.name} data are broken or cut short`;
    throw new UserError(reason, { cause });
  }
}

/**
 * The most pixels that a part of an AVIF file says it has: libvips complains on standard error about sizes beyond its
 * range. In the box `ispe` (ISO/IEC 23008-12, 6.5.3) width and height follow version and flags.
 */
function claimedPixels(bytes: Uint8Array): number {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 2 ** 16));
  let most = 0;
  for (let at = head.indexOf('ispe'); at >= 0 && at + 16 <= head.length; at = head.indexOf('ispe', at + 4)) {
    most = Math.max(most, Math.max(1, head.readUInt32BE(at + 8)) * Math.max(1, head.readUInt32BE(at + 12)));
  }
  return most;
}

/** Height and width as shown (after the EXIF orientation), from the header alone. @throws UserError when unreadable. */
export async function imageSize(bytes: Uint8Array, maxPixels: number = imageDefaults.maxPixels): Promise<Size> {
  const { autoOrient } = await decoding(bytes, maxPixels, (image) => image.metadata());
  return { height: autoOrient.height, width: autoOrient.width };
}

/**
 * About how many bytes `decodePixels` takes for this image at most, from its header alone: the decoder's own, and those
 * of the result.
 * @param size as for `decodePixels`.
 * @throws UserError as `decodePixels` does for a header.
 */
export async function decodingBytes(
  bytes: Uint8Array,
  size?: Size,
  maxPixels: number = imageDefaults.maxPixels,
): Promise<number> {
  const header = await decoding(bytes, maxPixels, (image) => image.metadata());
  const pixels = header.width * header.height;
  // libvips hands out the result in memory that is copied once more.
  const result = 6 * (size ? size.height * size.width : pixels);
  const turning = size || (header.orientation ?? 1) === 1 ? 0 : 3 * pixels;
  return Math.ceil(2 ** 20 + storedBytes(header) * pixels + result + turning);
}

/** Bytes a pixel that the decoder holds of the stored image: of most formats all of it, of some a few rows. Measured. */
function storedBytes({ format, channels, depth, isProgressive, chromaSubsampling = '' }: Metadata): number {
  const sample = depth === 'uchar' || depth === 'char' ? 1 : depth === 'ushort' || depth === 'short' ? 2 : 8;
  switch (format) {
    case 'jpeg': {
      // All coefficients, of 16 bits, before the first row is complete.
      const components = chromaSubsampling.startsWith('4:2:0') ? 1.5 : channels;
      return isProgressive ? 2.2 * components : 0.5;
    }
    case 'png':
      return isProgressive ? 1.3 * channels * sample : 1.5;
    case 'webp':
      return 10;
    case 'tiff':
      // A file may store all of its rows as one strip.
      return 6 * channels * sample;
    default:
      return 24;
  }
}

/**
 * Interleaved 8-bit sRGB pixels [H,W,3]: EXIF orientation applied, colour profiles and CMYK converted, grey, palette
 * and 16-bit expanded or reduced, transparency laid on white, of an animation the first frame.
 *
 * With `size`, an image of just that size keeps its pixels; any other is scaled to cover the frame and cropped at its
 * centre: the usual evaluation of ImageNet classifiers, with crop ratio 1. libvips scales the stored values, as usual,
 * not linear light: by Lanczos-3 when shrinking, bicubic when enlarging, where it places the picture half a pixel of
 * the frame too far right and down.
 *
 * @param maxPixels default 64 million.
 * @throws UserError with the reason alone: empty, of no known format, broken, truncated, more than `maxPixels` pixels.
 */
export async function decodePixels(
  bytes: Uint8Array,
  size?: Size,
  maxPixels: number = imageDefaults.maxPixels,
): Promise<Size & { readonly pixels: Uint8Array }> {
  const { data, info } = await decoding(bytes, maxPixels, (image) => {
    image.autoOrient().flatten({ background: '#ffffff' }).toColourspace('srgb');
    // The fast way shrinks a JPEG or WebP to just above the frame while decoding, which shifts and aliases details.
    if (size) image.resize({ height: size.height, width: size.width, fit: 'cover', fastShrinkOnLoad: false });
    return image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  });
  return { pixels: data, height: info.height, width: info.width };
}

/** As `decodePixels`, but planar: `data` is [3,H,W] in [0,1], each value / 255. */
export async function decodeImage(
  bytes: Uint8Array,
  size?: Size,
  maxPixels?: number,
): Promise<Size & { readonly data: Float32Array }> {
  const { pixels, height, width } = await decodePixels(bytes, size, maxPixels);
  const data = new Float32Array(pixels.length);
  toPlanar(pixels, data);
  return { data, height, width };
}

export interface EncodeOptions {
  /** 1 to 100, default 80; PNG ignores it. */
  readonly quality?: number;
  /** WebP without loss; default false. PNG never loses, JPEG always does. */
  readonly lossless?: boolean;
}

/**
 * A file's bytes of interleaved 8-bit sRGB pixels [height, width, 3].
 * @throws RangeError when the number of bytes is not 3 * width * height.
 */
export async function encodeImage(
  data: Uint8Array,
  width: number,
  height: number,
  format: 'webp' | 'png' | 'jpeg',
  { quality = 80, lossless = false }: EncodeOptions = {},
): Promise<Uint8Array> {
  if (data.length !== 3 * width * height) {
    throw new RangeError(`${data.length} bytes are not an RGB image of ${width} x ${height}`);
  }
  const image = sharp(data, { raw: { width, height, channels: 3 } });
  if (format === 'png') return image.png().toBuffer();
  return (format === 'webp' ? image.webp({ quality, lossless }) : image.jpeg({ quality })).toBuffer();
}
