// How alike Rosetta sets are: the mean r between the units of two of them, gathered from score tables one after another,
// so that no two tables need be there at a time. It clusters nothing.

import { turns } from '../../progress.ts';
import { present } from '../../lookup.ts';

/** By model, the unit of a set, or undefined where it has none. */
export type Members = readonly (number | undefined)[];

/** Bytes of what is gathered and, at the end, of the matrix beside it; clustering takes no more. */
export const bytesOfSimilarities = (sets: number): number => 8 * sets ** 2;

export class Similarities {
  /** Of sets s < t at `t * (t - 1) / 2 + s`: the sum over the tables so far. */
  #sums: Float64Array;
  /** By model and set: the unit, -1 for none. */
  readonly #units: readonly Int32Array[];
  /** Models of the tables so far, r of the units that each set has of them. */
  readonly #tables: { readonly a: number; readonly b: number; readonly r: Float32Array }[] = [];

  constructor(
    readonly members: readonly Members[],
    models: number,
  ) {
    const n = members.length;
    this.#sums = new Float64Array((n * (n - 1)) / 2);
    this.#units = Array.from({ length: models }, (_, m) => Int32Array.from(members, (units) => units[m] ?? -1));
  }

  /**
   * Takes in the table of two models, or of a model with itself; each once.
   * @param scores r by unit of `a` <= `b` and unit of `b`, `columns` of these.
   */
  async add(a: number, b: number, scores: Float32Array, columns: number, signal?: AbortSignal): Promise<void> {
    const sums = this.#sums;
    const [ofA, ofB] = [this.#units[a], this.#units[b]];
    const n = ofA.length;
    this.#tables.push({
      a,
      b,
      r: Float32Array.from(ofA, (u, s) => (u < 0 || ofB[s] < 0 ? NaN : scores[u * columns + ofB[s]])),
    });
    const turn = turns();
    for (let s = 0; s < n; s++) {
      const row = ofA[s] * columns;
      if (row < 0) continue;
      // The set with the unit of `a` may be the later one, or the earlier one: the same when it is a model with itself.
      const start = (s * (s - 1)) / 2;
      for (let t = 0; t < s; t++) if (ofB[t] >= 0) sums[start + t] += scores[row + ofB[t]];
      if (a !== b) {
        for (let t = s + 1; t < n; t++) if (ofB[t] >= 0) sums[(t * (t - 1)) / 2 + s] += scores[row + ofB[t]];
      }
      await turn();
      signal?.throwIfAborted();
    }
  }

  /** r between every two units of a set, row by row above the diagonal; null where there is no table of their models. */
  within(set: number): (number | null)[] {
    const models = this.#modelsOf(set);
    return models.flatMap((a, i) =>
      models.slice(i + 1).map((b) => {
        const table = this.#tables.find((entry) => entry.a === a && entry.b === b);
        return table ? Number(table.r[set].toFixed(6)) : null;
      }),
    );
  }

  /**
   * Mean r over the pairs of units of two sets of whose models there are tables, `[sets, sets]`. Every set has an
   * encoder's unit, so there are some. Two anchors may choose the same units: these sets are 1 alike.
   * It is the last that is asked for: what was gathered is given up.
   */
  matrix(): Float32Array {
    const n = this.members.length;
    const sums = this.#sums;
    this.#sums = new Float64Array(0);
    const out = new Float32Array(n * n).fill(1);
    const numbers = numbered(this.members.map((units) => units.join()));
    const patterns = numbered(this.members.map((_, s) => this.#modelsOf(s).join()));
    const first = [...new Set(patterns)].map((pattern) => patterns.indexOf(pattern));
    const counts = first.map((s) => first.map((t) => this.#tablesBetween(s, t)));
    for (let t = 0, at = 0; t < n; t++) {
      const row = counts[patterns[t]];
      for (let s = 0; s < t; s++, at++) {
        if (numbers[s] !== numbers[t]) out[t * n + s] = out[s * n + t] = sums[at] / row[patterns[s]];
      }
    }
    return out;
  }

  #modelsOf = (set: number): number[] => [...this.#units.keys()].filter((m) => this.#units[m][set] >= 0);

  #tablesBetween(s: number, t: number): number {
    const [ofS, ofT] = [new Set(this.#modelsOf(s)), new Set(this.#modelsOf(t))];
    const count = (a: number, b: number) => (ofS.has(a) && ofT.has(b) ? 1 : 0);
    return this.#tables.reduce((sum, { a, b }) => sum + count(a, b) + (a === b ? 0 : count(b, a)), 0);
  }
}

/** Equal texts get equal numbers, from 0 in the order in which they come. */
function numbered(texts: readonly string[]): Int32Array {
  const numbers = new Map<string, number>();
  for (const text of texts) if (!numbers.has(text)) numbers.set(text, numbers.size);
  return Int32Array.from(texts, (text) => present(numbers.get(text), 'number'));
}
