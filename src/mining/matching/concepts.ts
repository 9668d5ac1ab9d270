// Concepts: Rosetta sets whose units correlate with each other's, by average-linkage clustering.
// How clusters merge is in linkage.ts.

import { miningDefaults } from '../defaults.ts';
import { averageLinkage } from './linkage.ts';

/**
 * Clusters items by similarity, in about quadratic time.
 * @param similarity `[n, n]`, symmetric, row-major: mean r between the units of two sets.
 * @param threshold two clusters merge while their mean similarity is at least this; 0.5 by default.
 * @param onProgress awaited every few items, with how many of the `n` have been dealt with; what it throws ends the work.
 * @returns for each cluster its items, the medoid (largest mean similarity to the others) first; larger clusters first.
 */
export async function clusterBySimilarity(
  similarity: Float32Array,
  n: number,
  threshold: number = miningDefaults.conceptThreshold,
  onProgress?: (done: number) => void | Promise<void>,
): Promise<number[][]> {
  const clusters: number[][] = [];
  let done = 0;
  await onProgress?.(done);
  for (const items of components(similarity, n, threshold)) {
    const within = (index: number) => onProgress?.(done + index);
    for (const cluster of await cut(similarity, n, items, threshold, within)) {
      clusters.push(medoidFirst(similarity, n, cluster));
    }
    done += items.length;
    await onProgress?.(done);
  }
  return clusters.sort((a, b) => b.length - a.length || a[0] - b[0]);
}

/**
 * Items connected by similarities of at least the threshold. A mean can only reach the threshold if one of its terms
 * does, so no cluster extends over two components.
 */
function components(similarity: Float32Array, n: number, threshold: number): number[][] {
  const seen = new Uint8Array(n);
  const out: number[][] = [];
  for (let start = 0; start < n; start++) {
    if (seen[start]) continue;
    const items = [start];
    seen[start] = 1;
    for (let at = 0; at < items.length; at++) {
      const row = items[at] * n;
      for (let j = 0; j < n; j++) {
        if (!seen[j] && similarity[row + j] >= threshold) {
          seen[j] = 1;
          items.push(j);
        }
      }
    }
    out.push(items.sort((a, b) => a - b));
  }
  return out;
}

async function cut(
  similarity: Float32Array,
  n: number,
  items: readonly number[],
  threshold: number,
  onMerge: (merges: number) => void | Promise<void>,
): Promise<number[][]> {
  if (items.length === 1) return [[items[0]]];
  const distances = new Float64Array((items.length * (items.length - 1)) / 2);
  let at = 0;
  items.forEach((item, i) => {
    for (let j = 0; j < i; j++) distances[at++] = 1 - similarity[item * n + items[j]];
  });
  const clusters = await averageLinkage(distances, items.length, 1 - threshold, onMerge);
  return clusters.map((cluster) => cluster.map((i) => items[i]));
}

function medoidFirst(similarity: Float32Array, n: number, items: number[]): number[] {
  const total = (i: number) => items.reduce((sum, j) => sum + (i === j ? 0 : similarity[i * n + j]), 0);
  const totals = items.map((item) => ({ item, sum: total(item) }));
  return totals.sort((a, b) => b.sum - a.sum || a.item - b.item).map(({ item }) => item);
}
