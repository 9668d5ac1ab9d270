// Which pairs of units are looked at again, by the screen's estimates: whatever may be among a unit's nearest, real or
// under the null, within a margin. It computes no scores.

import type { Deviations, Extent } from './deviation.ts';
import { tables, type List, type Table } from './lists.ts';
import type { Screened } from './screen.ts';

export interface CandidateOptions {
  /** Nearest that must be right: over all images, and over a half. */
  readonly k: number;
  readonly kHalf: number;
  /** Nearest that are looked at again in any case, over all images. */
  readonly keep: number;
  /** Deviations that an estimate may be off. */
  readonly margin: number;
}

/** What is known of a unit's best beyond the candidates. */
export interface Rest {
  /** `[units]`: the best estimate under the null among those that are no candidates, -Infinity for none. */
  readonly null: Float32Array;
  /** `[units]`: 1 where all that may be among the unit's nearest within the margin are candidates. */
  readonly sure: Uint8Array;
}

export interface Candidates {
  /** `[count, 2]`: units of the first model and of the second, ascending. */
  readonly pairs: Int32Array;
  readonly forward: Rest;
  readonly backward: Rest;
}

/** Deviations by which those beyond a full list may be larger under the null than the last of it. */
const nullMargin = 2;

const extents: Readonly<Record<Table, Extent>> = { real: 'all', half0: 0, half1: 1, null: 'all', null0: 0, null1: 1 };

export function chooseCandidates(
  { forward, backward }: Screened,
  units: readonly [number, number],
  deviations: Deviations,
  options: CandidateOptions,
): Candidates {
  const keys: number[] = [];
  const directions = [
    { lists: forward, own: units[0], others: units[1], pair: (u: number, v: number) => [u, v] as const },
    { lists: backward, own: units[1], others: units[0], pair: (u: number, v: number) => [v, u] as const },
  ].map(({ pair, ...direction }) => ({
    ...direction,
    key: (u: number, v: number) => pair(u, v)[0] * units[1] + pair(u, v)[1],
    deviation: (u: number, v: number, extent: Extent) => deviations.of(...pair(u, v), extent),
    rest: emptyRest(direction.own),
    /** 1 for units that may be in a pair: one of their nearest may have them among its own. */
    paired: new Uint8Array(direction.own),
  }));
  type DirectionOf = (typeof directions)[number];
  const take = (direction: DirectionOf, table: Table, onChosen?: (u: number, v: number) => void) => {
    const { lists, own, others, rest } = direction;
    const list = lists[table];
    for (let u = 0; u < own; u++) {
      // Halves decide whether a pair replicates, and nothing else.
      if ((table === 'half0' || table === 'half1') && !direction.paired[u]) continue;
      const deviation = (v: number) => direction.deviation(u, v, extents[table]);
      const { chosen, left } = within(list, u, table, options, deviation);
      for (const v of chosen) {
        keys.push(direction.key(u, v));
        onChosen?.(u, v);
      }
      const full = list.top.k < others && chosen.length === list.top.k;
      if (table === 'real') rest.sure[u] = full ? 0 : 1;
      // Not so of the halves: their difference counts, and what is raised differs less.
      if (table === 'null')
        rest.null[u] = full ? list.top.threshold(u) + nullMargin * deviation(chosen[chosen.length - 1]) : left;
    }
  };
  const [first, second] = directions;
  take(first, 'real');
  const known = Float64Array.from(keys).sort();
  take(second, 'real', (v, u) => {
    if (holds(known, second.key(v, u))) first.paired[u] = second.paired[v] = 1;
  });
  for (const table of tables.filter((name) => name !== 'real'))
    for (const direction of directions) take(direction, table);

  const sorted = Float64Array.from(keys).sort();
  const pairs: number[] = [];
  let last = -1;
  for (const key of sorted) {
    if (key === last) continue;
    last = key;
    pairs.push(Math.floor(key / units[1]), key % units[1]);
  }
  return { pairs: Int32Array.from(pairs), forward: first.rest, backward: second.rest };
}

/** Whether an ascending list has a value. */
function holds(list: Float64Array, value: number): boolean {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1;
    else high = middle;
  }
  return list[low] === value;
}

const emptyRest = (units: number): Rest => ({
  null: new Float32Array(units).fill(-Infinity),
  sure: new Uint8Array(units).fill(1),
});

/** Of a unit's list: those within the margin of the nearest that must be right, and the best estimate of the others. */
function within(
  { top }: List,
  unit: number,
  table: Table,
  { k, kHalf, keep, margin }: CandidateOptions,
  deviation: (candidate: number) => number,
): { chosen: number[]; left: number } {
  const nearest = table === 'real' ? k : table === 'half0' || table === 'half1' ? kHalf : 1;
  const always = table === 'real' ? Math.max(keep, nearest) : nearest;
  const first = unit * top.k;
  let bound = Infinity;
  for (let i = 0; i < Math.min(nearest, top.k); i++) {
    const v = top.index[first + i];
    if (v < 0) break;
    bound = Math.min(bound, top.r[first + i] - margin * deviation(v));
  }
  const chosen: number[] = [];
  let left = -Infinity;
  for (let i = 0; i < top.k; i++) {
    const v = top.index[first + i];
    if (v < 0) break;
    const r = top.r[first + i];
    if (i < always || r + margin * deviation(v) >= bound) chosen.push(v);
    else left = Math.max(left, r);
  }
  return { chosen, left };
}
