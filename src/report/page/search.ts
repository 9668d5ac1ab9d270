// Which concepts or pairs the reader asked for, in which order. Pure: data in, indices out.
// It knows no elements and no addresses.

import { bySignificanceThenR, significance } from './standing.ts';
import type { PairColumns, Report } from './data.ts';

type Params = Readonly<Record<string, string>>;

/** The limits that a reader can set, by the names that they have in the address. */
export const limitNames = ['r', 'excess', 'heldOut', 'q'] as const;
type Limit = (typeof limitNames)[number];

/** A test of the four numbers against the limits in `params`. A missing number fails a limit on it. */
function limits(params: Params): (value: (name: Limit) => number | null) => boolean {
  const set = limitNames
    .map((name) => ({ name, limit: Number.parseFloat(params[name] ?? '') }))
    .filter(({ limit }) => !Number.isNaN(limit));
  return (value) =>
    set.every(({ name, limit }) => {
      const number = value(name);
      if (number === null) return false;
      return name === 'q' ? number <= limit : number >= limit;
    });
}

const words = (params: Params): string[] => (params.text ?? '').toLowerCase().split(/\s+/).filter(Boolean);

/**
 * Concepts that match, in order, as indices. Every word must be in the concept's id, or in the name of a unit of one of
 * its sets; model and layer mean that some set has a unit of them; limits are on the medoid set.
 */
export function findConcepts(report: Report, params: Params): number[] {
  const { concepts, sets } = report.packed;
  const within = limits(params);
  const wanted = words(params).map((word) => ({ word, units: report.units.matching(word) }));
  const range = params.model ? (report.units.range(params.model, params.layer || undefined) ?? [0, 0]) : null;
  const has = (concept: number, test: (unit: number) => boolean) =>
    concepts[concept].sets.some((set) => sets[set].units.some(test));

  const found = concepts
    .map((_, index) => index)
    .filter(
      (index) =>
        within((name) => report.medoid(concepts[index])[name]) &&
        (!range || has(index, (unit) => unit >= range[0] && unit < range[1])) &&
        wanted.every(
          ({ word, units }) =>
            concepts[index].id.toLowerCase().includes(word) || has(index, (unit) => units[unit] === 1),
        ),
    );

  const { sort } = params;
  if (!sort) {
    const medoid = (index: number) => report.medoid(concepts[index]);
    return found.sort((a, b) => bySignificanceThenR(medoid(a), medoid(b)) || a - b);
  }
  const key = (index: number): number => {
    const medoid = report.medoid(concepts[index]);
    if (sort === 'size') return -concepts[index].sets.length;
    if (sort === 'q') return medoid.q ?? Infinity;
    if (sort === 'excess') return -(medoid.excess ?? -Infinity);
    if (sort === 'heldOut') return -(medoid.heldOut ?? -Infinity);
    return -medoid.r;
  };
  const keyed = found.map((index) => ({ index, key: key(index) }));
  return keyed.sort((a, b) => compare(a.key, b.key) || a.index - b.index).map(({ index }) => index);
}

/** Ascending, also of infinities; NaN last. */
function compare(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Which pairs are counted: all of them, those with q < 0.01, or those that both halves of the images choose as well. */
export function chosen(columns: PairColumns, row: number, only: string): boolean {
  if (only !== 'significant' && only !== 'replicated') return true;
  return columns.q[row] < significance && (only === 'significant' || columns.replications[row] === 2);
}

export const pairSorts = ['a', 'b', 'r', 'rNull', 'excess', 'heldOut', 'q', 'replications'] as const;
export type PairSort = (typeof pairSorts)[number];

/** The direction in which a column is sorted first: names and q upwards, what is better when large downwards. */
export const firstDirection = (sort: PairSort): 'up' | 'down' =>
  sort === 'a' || sort === 'b' || sort === 'q' ? 'up' : 'down';

/** Rows of a pair list that match, in order. `layerA` and `layerB` are layers of its first and second model. */
export function findPairs(report: Report, index: number, columns: PairColumns, params: Params): Uint32Array {
  const [modelA, modelB] = report.packed.pairs[index].models.map((model) => report.packed.models[model].name);
  const rangeA = params.layerA ? (report.units.range(modelA, params.layerA) ?? [0, 0]) : [0, Infinity];
  const rangeB = params.layerB ? (report.units.range(modelB, params.layerB) ?? [0, 0]) : [0, Infinity];
  const within = limits(params);
  const wanted = words(params).map((word) => report.units.matching(word));
  const { a, b } = columns;

  const rows = new Uint32Array(columns.rows);
  let count = 0;
  for (let row = 0; row < columns.rows; row++) {
    if (a[row] < rangeA[0] || a[row] >= rangeA[1] || b[row] < rangeB[0] || b[row] >= rangeB[1]) continue;
    if (!chosen(columns, row, params.only ?? '') || !within((name) => columns[name][row])) continue;
    if (wanted.every((units) => units[a[row]] === 1 || units[b[row]] === 1)) rows[count++] = row;
  }

  const sort = pairSorts.find((name) => name === params.sort) ?? 'r';
  const values = columns[sort];
  const sign = (params.direction || firstDirection(sort)) === 'up' ? 1 : -1;
  return rows.subarray(0, count).sort((x, y) => {
    const [left, right] = [values[x], values[y]];
    // Missing values stay last in both directions.
    if (Number.isNaN(left) || Number.isNaN(right)) return compare(left, right) || x - y;
    return sign * compare(left, right) || x - y;
  });
}
