// Encoded images (JPEG, PNG, WebP) to RGB pixels and back, by sharp (libvips).
// It reads no files and keeps nothing between images.

import sharp, { type Sharp } from 'sharp';
import { UserError } from '../../errors.ts';
import { toPlanar } from '../pixels.ts';

// No image is decoded twice, and images are decoded side by side: one thread each is the fastest.
sharp.cache(false);
sharp.concurrency(1);

/** Of one image: what a file of a few bytes can claim takes half a gigabyte and less than a second at this size. */
const maxPixels = 64_000_000;

export interface Size {
  readonly height: number;
  readonly width: number;
}

/**
 * Runs a decoder on bytes that begin like a JPEG, PNG or WebP; libvips would also render drawings and the like.
 * The reasons of failures are our own, since libvips collects those of all threads in one place and mixes them up.
 */
async function decoding<T>(bytes: Uint8Array, decode: (image: Sharp) => Promise<T>): Promise<T> {
  if (bytes.length === 0) throw new UserError('the file is empty');
  const start = String.fromCharCode(...bytes.subarray(0, 12));
  const format = /^\xff\xd8\xff/.test(start) ? 'JPEG' : /^\x89PNG/.test(start) ? 'PNG' : 'WebP';
  if (format === 'WebP' && !/^RIFF[^]{4}WEBP/.test(start)) throw new UserError('the content is not JPEG, PNG or WebP');
  try {
    return await decode(sharp(bytes, { limitInputPixels: maxPixels }));
  } catch (cause) {
    const large = cause instanceof Error && cause.message.includes('exceeds pixel limit');
    const reason = large
      ? `the image has more than ${maxPixels / 1e6} million pixels`
      : `the ${format} data are broken or cut short`;
    throw new UserError(reason, { cause });
  }
}

/** Height and width as shown (after the EXIF orientation), from the header alone. @throws UserError when unreadable. */
export async function imageSize(bytes: Uint8Array): Promise<Size> {
  const { autoOrient } = await decoding(bytes, (image) => image.metadata());
  return { height: autoOrient.height, width: autoOrient.width };
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
 * @throws UserError with the reason alone: empty, not JPEG, PNG or WebP, broken, truncated, more than 64 million pixels.
 */
export async function decodePixels(bytes: Uint8Array, size?: Size): Promise<Size & { readonly pixels: Uint8Array }> {
  const { data, info } = await decoding(bytes, (image) => {
    image.autoOrient().flatten({ background: '#ffffff' }).toColourspace('srgb');
    // The fast way shrinks a JPEG or WebP to just above the frame while decoding, which shifts and aliases details.
    if (size) image.resize({ height: size.height, width: size.width, fit: 'cover', fastShrinkOnLoad: false });
    return image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  });
  return { pixels: data, height: info.height, width: info.width };
}

/** As `decodePixels`, but planar: `data` is [3,H,W] in [0,1], each value / 255. */
export async function decodeImage(bytes: Uint8Array, size?: Size): Promise<Size & { readonly data: Float32Array }> {
  const { pixels, height, width } = await decodePixels(bytes, size);
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
