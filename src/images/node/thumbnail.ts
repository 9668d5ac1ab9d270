// Small WebP pictures for reports.
// Pictures in full are encoded by encode.ts.

import { sharp } from './sharp.ts';

/**
 * Encodes `[height, width, 3]` bytes, no side longer than `longest`; images that are smaller keep every pixel.
 * @returns the file and its size.
 */
export async function thumbnail(
  rgb: Uint8Array,
  width: number,
  height: number,
  longest: number,
): Promise<{ bytes: Uint8Array; width: number; height: number }> {
  const small = width <= longest && height <= longest;
  const image = sharp(rgb, { raw: { width, height, channels: 3 } });
  if (!small) image.resize({ width: longest, height: longest, fit: 'inside' });
  const { data, info } = await image
    .webp(small ? { lossless: true } : { quality: 80 })
    .toBuffer({ resolveWithObject: true });
  return { bytes: data, width: info.width, height: info.height };
}
