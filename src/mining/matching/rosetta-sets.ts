// Rosetta sets: units of several models, one each, that choose each other. By an anchor (the paper's rule) or all by all.
// Units are numbers here; scores and controls come from the pairs.

import type { Direction } from '../correlation/neighbours.ts';
import type { IndexedPair, PairJudge } from './mutual-neighbours.ts';
import { present } from '../../lookup.ts';

/**
 * Neighbours of pairs of models of a zoo, by either order. Two generators make different images and are not compared: they
 * meet
 * in what encoders see of both.
 */
export class ZooNeighbours {
  /** @param judges by `ZooNeighbours.key(i, j)`, `i < j`. */
  constructor(
    readonly models: number,
    readonly judges: ReadonlyMap<string, PairJudge>,
  ) {}

  static key = (i: number, j: number): string => `${i} ${j}`;

  /** Whether the two models have been correlated with each other. */
  has(i: number, j: number): boolean {
    return this.judges.has(ZooNeighbours.key(Math.min(i, j), Math.max(i, j)));
  }

  /** The models that are correlated with `m`, in their order. */
  correlatedWith(m: number): number[] {
    return Array.from({ length: this.models }, (_, i) => i).filter((i) => i !== m && this.has(m, i));
  }

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

/** A set: by model, its unit, or undefined where it has none. */
export interface IndexedSet {
  readonly units: readonly (number | undefined)[];
  /** The pairs that make it a set: the anchor's with every other unit, or all. */
  readonly pairs: readonly IndexedPair[];
}

/**
 * The paper's rule: a unit of the anchor model belongs to a set when, in every model that the anchor is correlated with,
 * its first choice has it among its own `k` (5 in the paper) first choices. The set has units of these models only: a
 * generator's has none of another generator. There are none when the anchor is correlated with no model.
 */
export function anchoredSets(zoo: ZooNeighbours, anchor: number, k: number): IndexedSet[] {
  const others = zoo.correlatedWith(anchor);
  const sets: IndexedSet[] = [];
  const count = others.length ? zoo.direction(anchor, others[0]).units : 0;
  for (let u = 0; u < count; u++) {
    const choices = others.map((m) => zoo.direction(anchor, m).all.best(u));
    const complete = others.every(
      (m, i) => choices[i] >= 0 && zoo.direction(m, anchor).all.rank(choices[i], u, k) >= 0,
    );
    if (!complete) continue;
    const units = new Array<number | undefined>(zoo.models).fill(undefined);
    units[anchor] = u;
    others.forEach((m, i) => (units[m] = choices[i]));
    sets.push({ units, pairs: others.map((m, i) => present(zoo.judge(anchor, u, m, choices[i]), 'pair')) });
  }
  return sets;
}

/**
 * Without an anchor: all ways to take one unit of each model so that all that are correlated with each other are
 * pairwise among each other's `k` nearest. There are none unless some model is correlated with every other.
 */
export function mutualSets(zoo: ZooNeighbours, k: number): IndexedSet[] {
  const others = Array.from({ length: zoo.models }, (_, m) => zoo.correlatedWith(m));
  const root = others.findIndex(({ length }) => length > 0 && length === zoo.models - 1);
  if (root < 0) return [];
  const order = [root, ...others[root]];
  const mutual = (i: number, u: number, j: number, v: number): boolean =>
    !zoo.has(i, j) || (zoo.direction(i, j).all.rank(u, v, k) >= 0 && zoo.direction(j, i).all.rank(v, u, k) >= 0);
  const sets: IndexedSet[] = [];
  const extend = (units: readonly number[], chosen: readonly number[]): void => {
    if (chosen.length === order.length) {
      sets.push({ units, pairs: knownPairs(zoo, units) });
      return;
    }
    const j = order[chosen.length];
    const { all } = zoo.direction(root, j);
    for (let slot = 0; slot < Math.min(k, all.k); slot++) {
      const v = all.index[units[root] * all.k + slot];
      if (v < 0 || !chosen.every((i) => mutual(i, units[i], j, v))) continue;
      const more = [...units];
      more[j] = v;
      extend(more, [...chosen, j]);
    }
  };
  const first = zoo.direction(root, order[1]).units;
  for (let u = 0; u < first; u++) {
    const units: number[] = [];
    units[root] = u;
    extend(units, [root]);
  }
  return sets;
}

function knownPairs(zoo: ZooNeighbours, units: readonly number[]): IndexedPair[] {
  return units.flatMap((u, i) =>
    units.flatMap((v, j) => (j > i && zoo.has(i, j) ? [present(zoo.judge(i, u, j, v), 'pair')] : [])),
  );
}
