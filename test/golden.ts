// Golden tensors for tests: numbers that the official implementations gave.

import { readFileSync } from 'node:fs';
import { openCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { bytesSource } from '../src/files/source.ts';
import { toFloat32 } from '../src/graph/tensor.ts';

export interface Golden {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Reads `test/golden/FOLDER/golden.safetensors`. */
export async function golden(folder: string): Promise<(name: string) => Golden> {
  const file = new URL(`./golden/${folder}/golden.safetensors`, import.meta.url);
  const { tensors } = await openCheckpoint(bytesSource(folder, readFileSync(file)));
  const loaded = new Map<string, Golden>();
  for (const [name, ref] of tensors) {
    const tensor = await ref.load();
    loaded.set(name, { shape: tensor.shape, data: toFloat32(tensor) });
  }
  return (name) => {
    const tensor = loaded.get(name);
    if (!tensor) throw new Error(`no golden tensor ${name} in ${folder}`);
    return tensor;
  };
}

/** Largest absolute difference; NaN anywhere, or unequal lengths, give Infinity. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}
