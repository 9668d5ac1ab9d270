// Finds the few entries of a tile of estimates that may enter a list, in WebAssembly: it sees every pair of units of a zoo.
// It computes in float32 what decides who is looked at closely; the lists are kept elsewhere.

import { kernel } from './kernel.ts';
import { Spans, type Span } from './spans.ts';

type Kernel = Record<'reach', (...parameters: number[]) => number>;

/** What a row or a column adds to the estimates of a table: r = sum * scale * gain - mean * shift. */
export interface RowTerms {
  readonly scale: number;
  readonly mean: number;
  readonly floor: number;
}

/** Of the columns of a tile, `[columns]` each. */
export interface ColumnTerms {
  readonly gain: Float32Array;
  readonly shift: Float32Array;
  /** What an estimate must reach; kept up to date by those who keep the lists. */
  readonly floor: Float32Array;
}

export class Reach {
  readonly #spans: Spans;
  readonly #kernel: Kernel;
  #sums: Span = { start: 0, bytes: 0 };
  #terms: Span = { start: 0, bytes: 0 };
  #hits: Span = { start: 0, bytes: 0 };
  #row: Span;
  #width = 0;
  #rows = 0;

  private constructor(spans: Spans, loops: Kernel) {
    this.#spans = spans;
    this.#kernel = loops;
    this.#row = spans.take(64);
  }

  static async create(): Promise<Reach> {
    const spans = new Spans();
    const bytes = Uint8Array.from(atob(kernel), (character) => character.charCodeAt(0));
    const { instance } = await WebAssembly.instantiate(bytes, { env: { memory: spans.memory } });
    return new Reach(spans, instance.exports as Kernel);
  }

  /**
   * Takes a tile in.
   * @param first, second `[rows, columns]`: sums of products of each half; without a second one, only the first table counts.
   * @returns terms of the three tables, of the first half, the second and both, to be filled in: gains of 0, floors of infinity.
   */
  load(rows: number, columns: number, first: Float32Array, second: Float32Array | undefined): ColumnTerms[] {
    this.#width = 16 * Math.ceil(columns / 4);
    this.#rows = rows;
    const fit = (span: Span, bytes: number): Span => {
      if (span.bytes >= bytes) return span;
      if (span.bytes) this.#spans.giveBack(span);
      return this.#spans.take(bytes);
    };
    this.#sums = fit(this.#sums, 2 * rows * this.#width);
    this.#terms = fit(this.#terms, 9 * this.#width);
    this.#hits = fit(this.#hits, this.#width);
    const padded = this.#width / 4;
    const all = this.#spans.floats(this.#sums, 2 * rows * padded);
    [first, second].forEach((data, half) => {
      const base = half * rows * padded;
      if (!data) all.fill(0, base, base + rows * padded);
      else if (padded === columns) all.set(data, base);
      else for (let i = 0; i < rows; i++) all.set(data.subarray(i * columns, (i + 1) * columns), base + i * padded);
    });
    const terms = this.#spans.floats(this.#terms, 9 * padded);
    return [0, 1, 2].map((table) => {
      const [gain, shift, floor] = [0, 1, 2].map((term) => {
        const start = (3 * table + term) * padded;
        return terms.subarray(start, start + padded);
      });
      gain.fill(0);
      shift.fill(0);
      floor.fill(Infinity);
      return { gain, shift, floor };
    });
  }

  /** The first columns of fours of which one reaches its floor or the row's, in one of the three tables. */
  row(i: number, terms: readonly RowTerms[]): Uint32Array {
    const { start } = this.#row;
    const values = this.#spans.floats(this.#row, 9);
    terms.forEach(({ scale, mean, floor }, table) => values.set([scale, mean, floor], 3 * table));
    const half = this.#rows * this.#width;
    const first = this.#sums.start + i * this.#width;
    const end = this.#kernel.reach(first, first + half, this.#width, this.#terms.start, start, this.#hits.start);
    // Offsets in bytes.
    return this.#spans.integers(this.#hits, (end - this.#hits.start) / 4);
  }
}
