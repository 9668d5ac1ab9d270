// Agglomerative clustering by average linkage: the two nearest clusters merge, again and again, up to a distance.
// It knows no similarities and no sets.

/** Means of equal distances differ by rounding, which is not to decide whether they are within a limit. */
const rounding = 1e-12;

/**
 * Merges the nearest two clusters while the mean distance between their items is at most `limit`. Of several that are
 * equally near, the latest made comes first, then the one with the lowest item.
 *
 * Each cluster remembers its nearest one among those before it in that order. When that is merged with another it
 * becomes a bound only: by average linkage no distance falls below the smaller of those that it is made of. It is looked
 * up again when it is the least of all, which is rare: the time is about quadratic (D. Müllner, "Modern hierarchical,
 * agglomerative clustering algorithms", 2011, calls this the generic algorithm).
 * @param distances of items i > j at `i * (i - 1) / 2 + j`; overwritten.
 * @param afterMerge awaited after each merge, with the number of merges so far.
 * @returns the items of each cluster.
 */
export async function averageLinkage(
  distances: Float64Array,
  n: number,
  limit: number,
  afterMerge: (merges: number) => void | Promise<void>,
): Promise<number[][]> {
  const place = (i: number, j: number) => (i > j ? (i * (i - 1)) / 2 + j : (j * (j - 1)) / 2 + i);
  // A cluster has the number of one of its items.
  const items = Array.from({ length: n }, (_, i) => [i]);
  const active = items.map((_, i) => i);
  const rank = Int32Array.from(active);
  const nearest = new Int32Array(n);
  const bound = new Float64Array(n);
  const exact = new Uint8Array(n);

  const lookUp = (i: number) => {
    let [best, least] = [-1, Infinity];
    for (const j of active) {
      if (rank[j] >= rank[i]) continue;
      const distance = distances[place(i, j)];
      if (distance < least || (distance === least && (best < 0 || rank[j] < rank[best]))) [best, least] = [j, distance];
    }
    nearest[i] = best;
    bound[i] = least;
    exact[i] = 1;
  };
  const least = () => {
    let best = active[0];
    for (const i of active) {
      if (bound[i] < bound[best] || (bound[i] === bound[best] && rank[i] < rank[best])) best = i;
    }
    return best;
  };
  active.forEach(lookUp);

  for (let merges = 1; active.length > 1;) {
    const a = least();
    if (!(bound[a] <= limit + rounding)) break;
    if (!exact[a]) {
      lookUp(a);
      continue;
    }
    const b = nearest[a];
    active.splice(active.indexOf(b), 1);
    const ofA = items[a].length / (items[a].length + items[b].length);
    const ofB = items[b].length / (items[a].length + items[b].length);
    items[a] = [...items[a], ...items[b]];
    rank[a] = -merges;
    bound[a] = Infinity;
    exact[a] = 1;
    for (const k of active) {
      if (k === a) continue;
      const distance = ofA * distances[place(k, a)] + ofB * distances[place(k, b)];
      distances[place(k, a)] = distance;
      if (distance <= bound[k]) {
        nearest[k] = a;
        bound[k] = distance;
        exact[k] = 1;
      } else if (nearest[k] === a || nearest[k] === b) exact[k] = 0;
    }
    await afterMerge(merges++);
  }
  return active.map((i) => items[i]);
}
