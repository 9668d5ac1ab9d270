// Rosetta sets: units, one of each model, that choose each other. By an anchor (the paper's rule) or all by all.
// Units are numbers here; scores and controls come from the pairs.

import type { Direction } from './neighbours.ts';
import type { IndexedPair, PairJudge } from './pairs.ts';

/** Neighbours of every pair of models `i < j` of a zoo, by either order. */
export class ZooNeighbours {
  /** @param judges by `ZooNeighbours.key(i, j)`, `i < j`. */
  constructor(
    readonly models: number,
    readonly judges: ReadonlyMap<string, PairJudge>,
  ) {}

  static key = (i: number, j: number): string => `${i} ${j}`;

  /** Neighbours of the units of model `from` among the units of model `to`. */
  direction(from: number, to: number): Direction {
    const judge = this.#judge(Math.min(from, to), Math.max(from, to));
    return from < to ? judge.neighbours.forward : judge.neighbours.backward;
  }

  /** What is known of unit `u` of model `i` and unit `v` of model `j`. */
  judge(i: number, u: number, j: number, v: number): IndexedPair | undefined {
    return i < j ? this.#judge(i, j).judge(u, v) : this.#judge(j, i).judge(v, u);
  }

  #judge(i: number, j: number): PairJudge {
    const judge = this.judges.get(ZooNeighbours.key(i, j));
    if (!judge) throw new Error(`no neighbours of the models ${i} and ${j}`);
    return judge;
  }
}

/** A set: the unit of each model, in the order of the models. */
export interface IndexedSet {
  readonly units: readonly number[];
  /** The pairs that make it a set: the anchor's with every other unit, or all. */
  readonly pairs: readonly IndexedPair[];
}

/**
 * The paper's rule: a unit of the anchor model belongs to a set when, in every other model, its first choice has it
 * among its own `k` (5 in the paper) first choices.
 */
export function anchoredSets(zoo: ZooNeighbours, anchor: number, k: number): IndexedSet[] {
  const others = Array.from({ length: zoo.models }, (_, m) => m).filter((m) => m !== anchor);
  const sets: IndexedSet[] = [];
  const count = others.length ? zoo.direction(anchor, others[0]).units : 0;
  for (let u = 0; u < count; u++) {
    const units: number[] = [];
    units[anchor] = u;
    const complete = others.every((m) => {
      const v = zoo.direction(anchor, m).all.best(u);
      units[m] = v;
      return v >= 0 && zoo.direction(m, anchor).all.rank(v, u, k) >= 0;
    });
    if (complete) sets.push({ units, pairs: others.map((m) => zoo.judge(anchor, u, m, units[m])!) });
  }
  return sets;
}

/** Without an anchor: all ways to take one unit of each model so that all are pairwise among each other's `k` nearest. */
export function mutualSets(zoo: ZooNeighbours, k: number): IndexedSet[] {
  const mutual = (i: number, u: number, j: number, v: number): boolean =>
    zoo.direction(i, j).all.rank(u, v, k) >= 0 && zoo.direction(j, i).all.rank(v, u, k) >= 0;
  const sets: IndexedSet[] = [];
  const extend = (units: number[]): void => {
    const j = units.length;
    if (j === zoo.models) {
      const pairs = units.flatMap((u, i) => units.slice(i + 1).map((v, d) => zoo.judge(i, u, i + 1 + d, v)!));
      sets.push({ units: [...units], pairs });
      return;
    }
    const { all } = zoo.direction(0, j);
    for (let slot = 0; slot < Math.min(k, all.k); slot++) {
      const v = all.index[units[0] * all.k + slot];
      if (v >= 0 && units.every((u, i) => mutual(i, u, j, v))) extend([...units, v]);
    }
  };
  const first = zoo.models > 1 ? zoo.direction(0, 1).units : 0;
  for (let u = 0; u < first; u++) extend([u]);
  return sets;
}
