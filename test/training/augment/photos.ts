// Photos for the tests of augmentations: noise, and the small one that torchvision changed.
// It tests nothing.

import { readFileSync } from 'node:fs';
import { noise } from '../../images/pictures.ts';

/** A set of `n` photos of noise. */
export const photos = (n: number, height: number, width: number) => ({
  pixels: noise(width, height * n, 9),
  n,
  height,
  width,
});
export const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
export const asFloats = (bytes: Uint8Array): Float32Array => Float32Array.from(bytes, (byte) => byte / 255);

export const torchvision = JSON.parse(
  readFileSync(new URL('../../golden/augment/torchvision.json', import.meta.url), 'utf8'),
) as { height: number; width: number; pixels: number[]; cases: Record<string, number[]> };
export const goldenSet = { ...torchvision, pixels: Uint8Array.from(torchvision.pixels), n: 1 };
export const goldenNames = (start: string): string[] =>
  Object.keys(torchvision.cases).filter((name) => name.startsWith(start));
