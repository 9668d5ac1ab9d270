// What a match must survive: p-values against the null of permuted images, and Benjamini-Hochberg q-values.
// Replication in the halves is read off the neighbours themselves, in `mutual-neighbours.ts`.

import type { Direction } from '../correlation/neighbours.ts';

/**
 * q-value of each unit's best match in one direction, `[units]`; NaN for units without neighbours.
 *
 * The statistic is the excess d(u) = max_v r(u, v) - max_v r0(u, v), r0 being the scores when each image's maps meet
 * another image's: what two units share on *every* image (borders, vignettes) is in both terms and cancels. If images
 * did not matter, d(u) would be a difference of two draws of one distribution; such differences are at hand, between
 * the nulls of the two halves of the images, of either sign. They come from half the images each and so are wider than
 * the differences they stand for: the p-values err on the safe side. With U units the smallest p is 1 / (2U + 1).
 */
export function qValues(direction: Direction): Float64Array {
  const { units, all, nullBest, nullHalves } = direction;
  const differences: number[] = [];
  for (let u = 0; u < units; u++) {
    const difference = nullHalves[0][u] - nullHalves[1][u];
    if (Number.isFinite(difference)) differences.push(difference, -difference);
  }
  const sorted = Float64Array.from(differences).sort();
  const p = new Float64Array(units).fill(NaN);
  for (let u = 0; u < units; u++) {
    const excess = all.r[u * all.k] - nullBest[u];
    if (Number.isFinite(excess)) p[u] = (1 + sorted.length - lowerBound(sorted, excess)) / (1 + sorted.length);
  }
  return benjaminiHochberg(p);
}

/** Index of the first element that is not below `value`. */
function lowerBound(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Benjamini-Hochberg q-values: the smallest false discovery rate at which each hypothesis is rejected.
 * NaN entries take no part and stay NaN.
 * Source: Benjamini and Hochberg, "Controlling the false discovery rate", 1995.
 */
export function benjaminiHochberg(p: Float64Array): Float64Array {
  const order = Array.from(p.keys())
    .filter((i) => !Number.isNaN(p[i]))
    .sort((i, j) => p[i] - p[j]);
  const q = new Float64Array(p.length).fill(NaN);
  let smallest = 1;
  for (let rank = order.length; rank > 0; rank--) {
    const i = order[rank - 1];
    smallest = Math.min(smallest, (p[i] * order.length) / rank);
    q[i] = smallest;
  }
  return q;
}
