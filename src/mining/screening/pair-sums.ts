// Sums of products of rows for lists of pairs of rows, real and under the null, in WebAssembly.
// The loops themselves are in kernel.wat; which pairs there are, and what the sums mean, is decided elsewhere.

import { required } from '../../lookup.ts';
import { kernel } from './kernel.ts';
import { Spans, type Span } from './spans.ts';

/** Bytes of a row that are multiplied at a time, at most, those of a tile of rows staying in the cache. */
const sliceBytes = 448;
/** Rows of y in a tile, as a power of two: 2,048 slices take 0.9 MB. More rows read x less often. */
const tileBits = 11;
/** Bytes of rows that are copied at a time. */
const stageBytes = 2 ** 18;

/** The exports of kernel.wat: what each does, and its parameters, is told there. */
type Kernel = Record<'pack' | 'reorder' | 'add' | 'addBoth', (...parameters: number[]) => void>;

/** The images of a matrix in another order. */
export interface Reordering {
  readonly images: number;
  /** `[images]`: for each place the image that comes there. */
  readonly permutation: readonly number[];
}

/** Slices one after the other: `[slices, rows, floats of the slice]`, the last one filled up with zeros to four. */
interface Matrix {
  readonly rows: number;
  /** Floats of a row. */
  readonly width: number;
  readonly plain: Span;
  readonly permuted?: Span;
}

interface Shared {
  readonly spans: Spans;
  readonly kernel: Kernel;
  readonly matrices: ReadonlyMap<string, Matrix>;
}

/** Matrices and lists of pairs of their rows, in a WebAssembly memory of their own of up to 4 GiB. */
export class PairSums {
  readonly #spans: Spans;
  readonly #kernel: Kernel;
  readonly #matrices = new Map<string, Matrix>();

  private constructor(spans: Spans, loops: Kernel) {
    this.#spans = spans;
    this.#kernel = loops;
  }

  /** @param spans the memory, of which parts may be taken already. */
  static async create(spans = new Spans()): Promise<PairSums> {
    const bytes = Uint8Array.from(atob(kernel), (character) => character.charCodeAt(0));
    const { instance } = await WebAssembly.instantiate(bytes, { env: { memory: spans.memory } });
    return new PairSums(spans, instance.exports as Kernel);
  }

  /**
   * Copies a matrix, in place of the last one of this name.
   * @param data `[rows, width]`; for a reordering the width is images times positions, an image's positions together.
   * @param reordering makes the permuted copy, too, that the null takes.
   * @throws UserError when the memory has no room for it.
   */
  put(name: string, rows: number, data: Float32Array, reordering?: Reordering): void {
    const width = rows ? data.length / rows : 0;
    if (!Number.isInteger(width)) throw new Error(`Internal error: ${data.length} values in ${rows} rows`);
    if (reordering) check(reordering, width);
    const old = this.#matrices.get(name);
    const bytes = rows * paddedBytes(width);
    const fit = (span: Span | undefined): Span => {
      if (span && span.bytes >= bytes) return span;
      if (span) this.#spans.giveBack(span);
      return this.#spans.take(bytes);
    };
    // Taken out meanwhile: a span that was given back must not be found when there is no room for another.
    this.#matrices.delete(name);
    const plain = fit(old?.plain);
    let permuted: Span | undefined;
    if (reordering) permuted = fit(old?.permuted);
    else if (old?.permuted) this.#spans.giveBack(old.permuted);
    this.#copy(data, { rows, width, plain, ...(permuted && { permuted }) }, reordering);
    this.#matrices.set(name, { rows, width, plain, ...(permuted && { permuted }) });
  }

  /** Forgets a matrix. */
  drop(name: string): void {
    const { plain, permuted } = required(this.#matrices, name, 'matrix');
    this.#matrices.delete(name);
    this.#spans.giveBack(plain);
    if (permuted) this.#spans.giveBack(permuted);
  }

  /**
   * A list of pairs, with sums of zero.
   * @param pairs `[count, 2]`: (row of x, row of y), in any order.
   * @param withNull also sums with the images of one side permuted.
   * @param tables how many sums each pair has, such as one for each half of the images; default 1.
   * @throws UserError when the memory has no room for it.
   */
  list(pairs: Int32Array | Uint32Array, withNull: boolean, tables = 1): PairList {
    return new PairList(
      { spans: this.#spans, kernel: this.#kernel, matrices: this.#matrices },
      pairs,
      withNull,
      tables,
    );
  }

  #copy(data: Float32Array, { rows, width, plain, permuted }: Matrix, reordering?: Reordering): void {
    if (!width) return;
    const atOnce = Math.max(1, Math.min(rows, Math.floor(stageBytes / 4 / width)));
    const stage = this.#spans.take(4 * width * atOnce + 16);
    const other = reordering && { ...reordering, stage: this.#spans.take(stage.bytes) };
    const order = other && this.#spans.take(4 * other.images);
    if (order) this.#spans.integers(order, other.images).set(other.permutation);
    for (let row = 0; row < rows; row += atOnce) {
      const count = Math.min(atOnce, rows - row);
      this.#spans.floats(stage, count * width).set(data.subarray(row * width, (row + count) * width));
      this.#pack(stage, plain, { rows, width, row, count });
      if (!other || !order || !permuted) continue;
      const { start } = other.stage;
      const bytes = (4 * width) / other.images;
      this.#kernel.reorder(stage.start, start, start + 4 * width * count, order.start, other.images, bytes);
      this.#pack(other.stage, permuted, { rows, width, row, count });
    }
    for (const span of [stage, other?.stage, order]) if (span) this.#spans.giveBack(span);
  }

  #pack(from: Span, to: Span, at: { rows: number; width: number; row: number; count: number }): void {
    const { rows, width, row, count } = at;
    for (const { offset, length } of slices(width)) {
      const start = to.start + rows * offset + row * length;
      const kept = Math.min(4, width - (offset + length - 16) / 4);
      this.#kernel.pack(from.start + offset, 4 * width, start, start + count * length, length, kept);
    }
  }
}

/** A list of pairs of rows and their sums. */
export class PairList {
  readonly count: number;
  readonly #shared: Shared;
  readonly #withNull: boolean;
  readonly #tables: number;
  /** `[count, 2]` by tile of y, then x. */
  readonly #pairs: Span;
  /** `[tables, count]`, or `[tables, count, 2]` with the null. */
  readonly #sums: Span;
  /** `[count]`: the number, as given, of each pair in the order of the tiles. */
  readonly #order: Uint32Array;
  /** `[tiles + 1]`: where each tile's pairs start. */
  readonly #tiles: Uint32Array;
  /** The rows that x and y must have at least. */
  readonly #rows: readonly [number, number];

  constructor(shared: Shared, pairs: Int32Array | Uint32Array, withNull: boolean, tables: number) {
    this.#shared = shared;
    this.count = pairs.length / 2;
    this.#withNull = withNull;
    this.#tables = tables;
    const { order, tiles, rows } = tiled(pairs);
    this.#order = order;
    this.#tiles = tiles;
    this.#rows = rows;
    const { spans } = shared;
    this.#pairs = spans.take(8 * this.count);
    this.#sums = spans.take(tables * this.#tableBytes);
    const sorted = spans.integers(this.#pairs, 2 * this.count);
    for (let i = 0; i < order.length; i++) {
      sorted[2 * i] = pairs[2 * order[i]];
      sorted[2 * i + 1] = pairs[2 * order[i] + 1];
    }
    spans.doubles(this.#sums, this.#sums.bytes / 8).fill(0);
  }

  /**
   * Adds the products of rows of x and y: `<x[a], y[b]>` to the real sum of (a, b); to that of the null the same with
   * the permuted copy of one side. Products of up to 112 values are added in float32, and these in float64.
   * @param x, y names of matrices of the same width.
   * @param permuted the side of the null; none: only the real sums grow.
   */
  add(x: string, y: string, permuted?: 'x' | 'y', table = 0): void {
    if (!this.count) return;
    const { kernel: loops, matrices } = this.#shared;
    const [left, right] = [required(matrices, x, 'matrix'), required(matrices, y, 'matrix')];
    if (left.width !== right.width) throw new Error(`Internal error: rows of ${left.width} and ${right.width} values`);
    if (left.rows < this.#rows[0] || right.rows < this.#rows[1])
      throw new Error(`Internal error: pairs of rows that ${x} or ${y} does not have`);
    if (this.#withNull !== (permuted !== undefined))
      throw new Error('Internal error: the null is added to lists that have it, and to these always');
    const [side, other] = permuted === 'x' ? [right, left] : [left, right];
    const copy = permuted && other.permuted;
    if (permuted && !copy) throw new Error(`Internal error: ${permuted === 'x' ? x : y} has no permuted copy`);
    const sums = this.#start(table);
    const each = this.#withNull ? 16 : 8;
    for (let tile = 0; tile + 1 < this.#tiles.length; tile++) {
      const [from, to] = [this.#tiles[tile], this.#tiles[tile + 1]];
      if (from === to) continue;
      const [pair, end, sum] = [this.#pairs.start + 8 * from, this.#pairs.start + 8 * to, sums + each * from];
      for (const { offset, length } of slices(left.width)) {
        const [p, q] = [side.plain.start + side.rows * offset, other.plain.start + other.rows * offset];
        if (copy) {
          const shared = permuted === 'x' ? 4 : 0;
          loops.addBoth(pair, end, sum, p, q, copy.start + other.rows * offset, shared, length);
        } else loops.add(pair, end, sum, p, q, length);
      }
    }
  }

  /** Float64 `[count]`: the sums so far, in the order that the pairs were given in; a copy. */
  real(table = 0): Float64Array {
    return this.#read(table, 0);
  }

  /** The same under the null; empty for a list without it. */
  null(table = 0): Float64Array {
    return this.#withNull ? this.#read(table, 1) : new Float64Array(0);
  }

  /** Sets the sums to those that `real` and `null` gave. */
  restore(real: Float64Array, nullSums: Float64Array, table = 0): void {
    if (real.length !== this.count || nullSums.length !== (this.#withNull ? this.count : 0))
      throw new Error(`Internal error: sums of ${real.length} pairs for ${this.count}`);
    const sums = this.#table(table);
    const step = this.#withNull ? 2 : 1;
    this.#order.forEach((pair, i) => {
      sums[step * i] = real[pair];
      if (this.#withNull) sums[step * i + 1] = nullSums[pair];
    });
  }

  /** Gives its memory back. The list must not be used any more. */
  drop(): void {
    this.#shared.spans.giveBack(this.#pairs);
    this.#shared.spans.giveBack(this.#sums);
  }

  get #tableBytes(): number {
    return (this.#withNull ? 16 : 8) * this.count;
  }

  #start(table: number): number {
    if (!(table >= 0 && table < this.#tables)) throw new Error(`Internal error: no table ${table} of sums`);
    return this.#sums.start + table * this.#tableBytes;
  }

  #table(table: number): Float64Array {
    return this.#shared.spans.doubles({ start: this.#start(table), bytes: this.#tableBytes }, this.#tableBytes / 8);
  }

  #read(table: number, which: 0 | 1): Float64Array {
    const sums = this.#table(table);
    const step = this.#withNull ? 2 : 1;
    const out = new Float64Array(this.count);
    for (let i = 0; i < out.length; i++) out[this.#order[i]] = sums[step * i + which];
    return out;
  }
}

/** Bytes of a row with the zeros that fill it up. */
const paddedBytes = (width: number): number => 16 * Math.ceil(width / 4);

/** Where the slices of a row start, and their lengths, in bytes: whole cache lines, but for the last one. */
function* slices(width: number): Generator<{ offset: number; length: number }> {
  const bytes = paddedBytes(width);
  const each = 64 * Math.ceil(bytes / Math.ceil(bytes / sliceBytes) / 64);
  for (let offset = 0; offset < bytes; offset += each) yield { offset, length: Math.min(each, bytes - offset) };
}

function check({ images, permutation }: Reordering, width: number): void {
  if (!(images > 0) || width % images) throw new Error(`Internal error: ${width} values do not make ${images} images`);
  if (permutation.length !== images || permutation.some((image) => !(image >= 0 && image < images)))
    throw new Error(`Internal error: an order of ${permutation.length} images for ${images}`);
}

/** The pairs by tile of y, then by x, and the rows that they need. */
function tiled(pairs: Int32Array | Uint32Array) {
  const count = pairs.length / 2;
  const [given, x, y] = [new Uint32Array(count), new Uint32Array(count), new Uint32Array(count)];
  let rows: readonly [number, number] = [0, 0];
  for (let i = 0; i < count; i++) {
    const [a, b] = [pairs[2 * i], pairs[2 * i + 1]];
    if (a < 0 || b < 0) throw new Error('Internal error: a pair of a row below 0');
    if (a >= rows[0] || b >= rows[1]) rows = [Math.max(rows[0], a + 1), Math.max(rows[1], b + 1)];
    given[i] = i;
    x[i] = a;
    y[i] = b >>> tileBits;
  }
  const byX = counted(given, x, rows[0]).order;
  const { order, starts } = counted(byX, y, Math.ceil(rows[1] / 2 ** tileBits));
  return { order, tiles: starts, rows };
}

/** A stable counting sort of numbers by their keys, which are below a limit; and where each key starts. */
function counted(numbers: Uint32Array, keys: Uint32Array, limit: number) {
  const starts = new Uint32Array(limit + 1);
  for (let i = 0; i < keys.length; i++) starts[keys[i] + 1]++;
  for (let key = 0; key < limit; key++) starts[key + 1] += starts[key];
  const next = starts.slice();
  const order = new Uint32Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) order[next[keys[numbers[i]]]++] = numbers[i];
  return { order, starts };
}
