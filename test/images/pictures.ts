// Synthetic pictures and folders for the tests of images/.
// It tests nothing.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { onTestFinished } from 'vitest';

/** Noise without any structure that a codec could favour: interleaved RGB bytes. */
export function noise(width: number, height: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: 3 * width * height }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 16;
  });
}

/** Interleaved RGB bytes of a function of the pixel. */
export function draw(width: number, height: number, colour: (x: number, y: number) => number[]): Uint8Array {
  const pixels = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) pixels.set(colour(x, y), 3 * (y * width + x));
  return pixels;
}

/** A sharp pipeline over raw pixels with 1 to 4 channels. */
export const raw = (pixels: Uint8Array | Uint16Array, width: number, height: number): Sharp =>
  sharp(pixels, { raw: { width, height, channels: (pixels.length / width / height) as 1 | 2 | 3 | 4 } });

export const png = (pixels: Uint8Array, width: number, height: number): Promise<Buffer> =>
  raw(pixels, width, height).png().toBuffer();

export const webp = (pixels: Uint8Array, width: number, height: number): Promise<Buffer> =>
  raw(pixels, width, height).webp({ lossless: true }).toBuffer();

/** Planar [3,H,W] values in [0,1] of interleaved bytes, written without the code under test. */
export function planar(pixels: Uint8Array): Float32Array {
  const area = pixels.length / 3;
  return Float32Array.from(pixels, (_, i) => pixels[3 * (i % area) + Math.floor(i / area)] / 255);
}

/** Largest difference; NaN lengths do not compare: an error. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} and ${b.length} values`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}

/** A folder that goes with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'images-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files below a folder, making the folders in between. */
export async function writeFiles(folder: string, files: Record<string, Uint8Array | string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}
