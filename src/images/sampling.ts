// Which images are used, and in which order: seeded subsets and permutations.
// It knows numbers only, not what they number.

import { UserError } from '../errors.ts';
import { randomAt } from '../random.ts';

/** Keeps permutations apart from whatever else is drawn with the same seed. */
const permutationStream = 0x7065726d;

/** The first `length` elements of the seeded permutation of `indices` (Fisher-Yates): the same for every length. */
function permuted(indices: readonly number[], length: number, seed: number): number[] {
  if (!Number.isSafeInteger(seed)) throw new UserError(`the seed must be a whole number, not ${seed}`);
  const all = [...indices];
  for (let i = 0; i < length; i++) {
    const j = i + Math.floor(randomAt(seed, i, permutationStream) * (all.length - i));
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all.slice(0, length);
}

/** `indices` in a random order that `seed` (a whole number) determines. */
export const shuffled = (indices: readonly number[], seed: number): number[] => permuted(indices, indices.length, seed);

/**
 * Which of `count` images are used, in increasing order: all of them when `samples` is undefined or at least `count`,
 * otherwise a random subset without replacement, a pure function of (count, samples, seed). With one seed, the subset
 * of a smaller number is part of that of a larger number.
 * @throws UserError when `samples` is not a whole number of at least 1, or `seed` not a whole number.
 */
export function chooseSamples(count: number, samples: number | undefined, seed: number): number[] {
  if (samples !== undefined && !(Number.isInteger(samples) && samples >= 1)) {
    throw new UserError(`the number of samples must be a whole number of at least 1, not ${samples}`);
  }
  const all = Array.from({ length: count }, (_, i) => i);
  if (samples === undefined || samples >= count) return all;
  return permuted(all, samples, seed).sort((a, b) => a - b);
}
