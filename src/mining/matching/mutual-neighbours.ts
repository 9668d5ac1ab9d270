// Mutual nearest neighbours of two models, each with what the controls say of it.
// Indices here are unit numbers; names are given by the caller.

import { qValues } from './controls.ts';
import type { Histogram, Pair } from '../run/dictionary.ts';
import { companions, type Direction, type Neighbours } from '../correlation/neighbours.ts';
import { present } from '../../lookup.ts';

/** A pair by the numbers of its units. */
export interface IndexedPair extends Omit<Pair, 'a' | 'b'> {
  readonly a: number;
  readonly b: number;
}

const orNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** Judges pairs of units of two models by the neighbours and the controls; q-values are computed once. */
export class PairJudge {
  readonly #q: readonly [Float64Array, Float64Array];

  /** @param k how near a unit must be in a half of the images to count as chosen by it. */
  constructor(
    readonly neighbours: Neighbours,
    readonly k: number,
  ) {
    this.#q = [qValues(neighbours.forward), qValues(neighbours.backward)];
  }

  /** What is known of a pair, or undefined when neither unit is among the kept neighbours of the other. */
  judge(a: number, b: number): IndexedPair | undefined {
    const { forward, backward } = this.neighbours;
    const rank = forward.all.rank(a, b);
    const top = rank >= 0 ? forward.all : backward.all;
    const slot = rank >= 0 ? a * forward.all.k + rank : b * backward.all.k + backward.all.rank(b, a);
    if (rank < 0 && backward.all.rank(b, a) < 0) return undefined;
    const r = top.r[slot];
    const rNull = top.extra[companions.rNull][slot];
    const chosenBy = ([0, 1] as const).filter(
      (half) => forward.halves[half].rank(a, b, this.k) >= 0 && backward.halves[half].rank(b, a, this.k) >= 0,
    );
    // A pair that one half chose is judged by the other.
    const heldOut = chosenBy.map((half) => top.extra[half ? companions.half0 : companions.half1][slot]);
    return {
      a,
      b,
      r,
      rNull: orNull(rNull),
      excess: orNull(r - rNull),
      q: orNull(Math.max(this.#q[0][a], this.#q[1][b])),
      rHeldOut: heldOut.length ? orNull(heldOut.reduce((sum, value) => sum + value, 0) / heldOut.length) : null,
      replications: ([0, 1, 2] as const)[chosenBy.length],
    };
  }

  /** All pairs of units that are among each other's `k` nearest, best first. */
  mutualPairs(): IndexedPair[] {
    const { forward, backward } = this.neighbours;
    const pairs: IndexedPair[] = [];
    for (let a = 0; a < forward.units; a++) {
      for (let i = 0; i < Math.min(this.k, forward.all.k); i++) {
        const b = forward.all.index[a * forward.all.k + i];
        if (b >= 0 && backward.all.rank(b, a, this.k) >= 0) pairs.push(present(this.judge(a, b), 'pair'));
      }
    }
    return pairs.sort((x, y) => y.r - x.r || x.a - y.a || x.b - y.b);
  }
}

/** Best r of every unit in both directions, and under the null, in equal bins over [-1, 1]. */
export function bestHistogram(neighbours: Neighbours, bins = 80): Histogram {
  const count = (values: (direction: Direction) => Iterable<number>): number[] => {
    const out = new Array<number>(bins).fill(0);
    for (const direction of [neighbours.forward, neighbours.backward]) {
      for (const r of values(direction)) {
        if (Number.isFinite(r)) out[Math.min(bins - 1, Math.max(0, Math.floor(((r + 1) / 2) * bins)))]++;
      }
    }
    return out;
  };
  const best = count(({ all, units }) => Array.from({ length: units }, (_, u) => all.r[u * all.k]));
  const nullBest = count(({ nullBest: values }) => values);
  return { bins, best, nullBest: nullBest.some((n) => n > 0) ? nullBest : [] };
}
