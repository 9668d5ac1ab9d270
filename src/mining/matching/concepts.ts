// Concepts: Rosetta sets whose units correlate with each other's, by average-linkage clustering.
// The clustering itself is a library's.

import { agnes } from 'ml-hclust';
import { miningDefaults } from '../defaults.ts';

/**
 * Clusters items by similarity.
 * @param similarity `[n, n]`, symmetric, row-major: mean r between the units of two sets.
 * @param threshold two clusters merge while their mean similarity is at least this; 0.5 by default.
 * @returns for each cluster its items, the medoid (largest mean similarity to the others) first; larger clusters first.
 */
export function clusterBySimilarity(
  similarity: Float32Array,
  n: number,
  threshold: number = miningDefaults.conceptThreshold,
): number[][] {
  const clusters = components(similarity, n, threshold).flatMap((items) => cut(similarity, n, items, threshold));
  return clusters.map((items) => medoidFirst(similarity, n, items)).sort((a, b) => b.length - a.length || a[0] - b[0]);
}

/**
 * Items connected by similarities of at least the threshold. A mean can only reach the threshold if one of its terms
 * does, so no cluster extends over two components; the library's cubic time is then spent on small pieces.
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

function cut(similarity: Float32Array, n: number, items: readonly number[], threshold: number): number[][] {
  if (items.length === 1) return [[items[0]]];
  const distances = items.map((i) => items.map((j) => (i === j ? 0 : 1 - similarity[i * n + j])));
  const tree = agnes(distances, { method: 'average', isDistanceMatrix: true });
  return tree.cut(1 - threshold).map((cluster) => cluster.indices().map((i) => items[i]));
}

function medoidFirst(similarity: Float32Array, n: number, items: number[]): number[] {
  const total = (i: number) => items.reduce((sum, j) => sum + (i === j ? 0 : similarity[i * n + j]), 0);
  const totals = items.map((item) => ({ item, sum: total(item) }));
  return totals.sort((a, b) => b.sum - a.sum || a.item - b.item).map(({ item }) => item);
}
