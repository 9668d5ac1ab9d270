// Sums of products of pairs of rows, against plain loops in float64.
// That the kernel is the one assembled from its source is tested by kernel.test.ts.

import { describe, expect, it, vi } from 'vitest';
import { PairSums } from '../../../src/mining/screening/pair-sums.ts';
import { Spans } from '../../../src/mining/screening/spans.ts';

/** Numbers in [0, 1). */
function stream(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Case {
  readonly positions: number;
  readonly images: number;
  readonly rows: readonly [number, number];
  readonly count: number;
}

/** Maps, pairs and an order of the images, all at random. */
function make({ positions, images, rows, count }: Case) {
  const next = stream(positions * 1000 + images);
  const matrix = (n: number) => Float32Array.from({ length: n * images * positions }, () => 4 * next() - 1);
  const row = (n: number) => Math.floor(next() * n);
  return {
    x: matrix(rows[0]),
    y: matrix(rows[1]),
    pairs: Int32Array.from({ length: 2 * count }, (_, i) => row(rows[i % 2])),
    permutation: Array.from({ length: images }, (_, j) => (j * 2 + 1) % images),
  };
}
const still = (images: number) => Array.from({ length: images }, (_, j) => j);

/** What the sums must be, and the products of the norms, by pair. */
function expected(
  { positions, images }: Case,
  { x, y, pairs }: { x: Float32Array; y: Float32Array; pairs: Int32Array },
  order: { x: readonly number[]; y: readonly number[] },
) {
  const at = (row: number, image: number) => (row * images + image) * positions;
  return Array.from({ length: pairs.length / 2 }, (_, i) => {
    let [sum, xx, yy] = [0, 0, 0];
    for (let j = 0; j < images; j++) {
      const [p, q] = [at(pairs[2 * i], order.x[j]), at(pairs[2 * i + 1], order.y[j])];
      for (let k = 0; k < positions; k++) {
        sum += x[p + k] * y[q + k];
        xx += x[p + k] ** 2;
        yy += y[q + k] ** 2;
      }
    }
    return { sum, norms: Math.sqrt(xx * yy) };
  });
}

/** The largest error, in units of the product of the norms; infinite where the numbers of sums differ. */
const error = (sums: Float64Array, truth: readonly { sum: number; norms: number }[]) =>
  sums.length === truth.length
    ? truth.reduce((most, { sum, norms }, i) => Math.max(most, Math.abs(sums[i] - sum) / norms), 0)
    : Infinity;

describe.each([1, 3, 16, 49, 196])('maps of %d positions', (positions) => {
  it.each([1, 2, 5, 33])('of %d images: both sums are those of loops, whichever side is permuted', async (images) => {
    const form = { positions, images, rows: [23, 31], count: 200 } as const;
    const data = make(form);
    const reordering = { images, permutation: data.permutation };
    const sums = await PairSums.create();
    sums.put('x', 23, data.x, reordering);
    sums.put('y', 31, data.y, reordering);
    for (const side of ['x', 'y'] as const) {
      const list = sums.list(data.pairs, true);
      list.add('x', 'y', side);
      const order = { x: still(images), y: still(images), [side]: data.permutation };
      expect(error(list.real(), expected(form, data, { x: still(images), y: still(images) }))).toBeLessThan(1e-6);
      expect(error(list.null(), expected(form, data, order))).toBeLessThan(1e-6);
    }
    const plain = sums.list(data.pairs, false);
    plain.add('x', 'y');
    expect(error(plain.real(), expected(form, data, { x: still(images), y: still(images) }))).toBeLessThan(1e-6);
    expect(plain.null()).toHaveLength(0);
  });
});

it('takes rows of several tiles and of more bytes than are copied at a time', async () => {
  const tiles = { positions: 7, images: 3, rows: [2500, 3333], count: 20_000 } as const;
  const wide = { positions: 4096, images: 33, rows: [2, 3], count: 6 } as const;
  for (const form of [tiles, wide]) {
    const data = make(form);
    const sums = await PairSums.create();
    const reordering = { images: form.images, permutation: data.permutation };
    sums.put('x', form.rows[0], data.x);
    sums.put('y', form.rows[1], data.y, reordering);
    const list = sums.list(data.pairs, true);
    list.add('x', 'y', 'y');
    const order = { x: still(form.images), y: still(form.images) };
    expect(error(list.real(), expected(form, data, order))).toBeLessThan(1e-6);
    expect(error(list.null(), expected(form, data, { ...order, y: data.permutation }))).toBeLessThan(1e-6);
  }
});

it('adds up batches of different sizes, by table, goes on from saved sums, and shares matrices between lists', async () => {
  const forms = [5, 2, 6].map((images) => ({ positions: 49, images, rows: [40, 50] as const, count: 300 }));
  const batches = forms.map(make);
  const { pairs } = batches[0];
  const sums = await PairSums.create();
  const list = sums.list(pairs, true, 2);
  const transposed = sums.list(
    pairs.map((_, i) => pairs[i ^ 1]),
    false,
  );
  const later = await PairSums.create();
  const resumed = later.list(pairs, true, 2);
  forms.forEach(({ images }, i) => {
    const { x, y, permutation } = batches[i];
    for (const at of [sums, later]) {
      at.put('x', 40, x);
      at.put('y', 50, y, { images, permutation });
    }
    if (i < 2) list.add('x', 'y', 'y', i % 2);
    transposed.add('y', 'x');
    if (i === 1) for (const table of [0, 1]) resumed.restore(list.real(table), list.null(table), table);
    if (i === 2) resumed.add('x', 'y', 'y', 0);
  });
  const truth = forms.map((form, i) => {
    const order = { x: still(form.images), y: still(form.images) };
    const data = { ...batches[i], pairs };
    return [expected(form, data, order), expected(form, data, { ...order, y: batches[i].permutation })];
  });
  const total = (which: 0 | 1, of: readonly number[]) =>
    Array.from({ length: 300 }, (_, i) => ({
      sum: of.reduce((sum, batch) => sum + truth[batch][which][i].sum, 0),
      norms: of.reduce((sum, batch) => sum + truth[batch][which][i].norms, 0),
    }));
  expect(error(list.real(0), total(0, [0]))).toBeLessThan(1e-6);
  expect(error(list.null(1), total(1, [1]))).toBeLessThan(1e-6);
  expect(error(resumed.real(0), total(0, [0, 2]))).toBeLessThan(1e-6);
  expect(error(resumed.null(0), total(1, [0, 2]))).toBeLessThan(1e-6);
  expect(resumed.real(1)).toEqual(list.real(1));
  expect(error(transposed.real(), total(0, [0, 1, 2]))).toBeLessThan(1e-6);
});

it('gives repeated pairs the same sums, and an empty list none', async () => {
  const sums = await PairSums.create();
  sums.put('x', 2, Float32Array.of(1, 2, 3, 4, 5, 6));
  sums.put('y', 1, Float32Array.of(1, 10, 100));
  const list = sums.list(Uint32Array.of(1, 0, 0, 0, 1, 0), false);
  const none = sums.list(new Int32Array(0), true);
  list.add('x', 'y');
  none.add('x', 'y', 'x');
  expect([...list.real()]).toEqual([654, 321, 654]);
  expect([...none.real(), ...none.null()]).toEqual([]);
});

it('the fill of a row takes nothing of the next one, infinite as it may be', async () => {
  const sums = await PairSums.create();
  sums.put('x', 2, Float32Array.of(1, Infinity), { images: 1, permutation: [0] });
  sums.put('y', 2, Float32Array.of(2, NaN));
  const list = sums.list(Int32Array.of(0, 0), true);
  list.add('x', 'y', 'x');
  expect([list.real()[0], list.null()[0]]).toEqual([2, 2]);
});

it('refuses rows, matrices and orders that are not there', async () => {
  const sums = await PairSums.create();
  sums.put('x', 2, new Float32Array(4));
  sums.put('y', 2, new Float32Array(8));
  const list = (...pairs: number[]) => sums.list(Int32Array.from(pairs), false);
  expect(() => list(0, 0).add('x', 'z')).toThrow('no matrix "z"');
  expect(() => list(0, 0).add('x', 'y')).toThrow('rows of 2 and 4 values');
  expect(() => list(0, 2).add('x', 'x')).toThrow('pairs of rows that x or x does not have');
  expect(() => list(0, -1)).toThrow('a row below 0');
  expect(() => list(0, 0).add('x', 'x', undefined, 1)).toThrow('no table 1');
  expect(() => sums.list(Int32Array.of(0, 0), true).add('x', 'x', 'x')).toThrow('x has no permuted copy');
  expect(() => sums.put('x', 1, new Float32Array(4), { images: 2, permutation: [0, 2] })).toThrow(
    'an order of 2 images',
  );
});

describe('the memory', () => {
  it('says how much is needed when there is too little', () => {
    const spans = new Spans();
    spans.take(2 ** 20);
    expect(() => spans.take(5 * 2 ** 30)).toThrow(/^the maps and sums of the candidates need 5\.0 GiB at once, and/);
  });

  it('takes again what was given back, joined with what is free beside it', () => {
    const spans = new Spans();
    const [a, b, c, d] = [1000, 2000, 3000, 2 ** 17].map((bytes) => spans.take(bytes));
    const size = spans.memory.buffer.byteLength;
    for (const span of [a, c, b]) spans.giveBack(span);
    expect(spans.take(a.bytes + b.bytes + c.bytes)).toEqual({ start: a.start, bytes: a.bytes + b.bytes + c.bytes });
    spans.giveBack(d);
    expect(spans.take(2 ** 17).start).toBe(d.start);
    expect(spans.memory.buffer.byteLength).toBe(size);
  });

  it('may be at addresses beyond 31 bits', async () => {
    const spans = new Spans();
    spans.take(2 ** 31 - 2 ** 17);
    const form = { positions: 49, images: 5, rows: [300, 200], count: 500 } as const;
    const data = make(form);
    const sums = await PairSums.create(spans);
    const list = sums.list(data.pairs, true);
    // 294 KB of each go over the border and lie behind it.
    sums.put('x', 300, data.x);
    sums.put('y', 200, data.y, { images: 5, permutation: data.permutation });
    list.add('x', 'y', 'y');
    expect(spans.memory.buffer.byteLength).toBeGreaterThan(2 ** 31 + 2 ** 18);
    const order = { x: still(5), y: still(5) };
    expect(error(list.real(), expected(form, data, order))).toBeLessThan(1e-6);
    expect(error(list.null(), expected(form, data, { ...order, y: data.permutation }))).toBeLessThan(1e-6);
  });

  it('of sums does not grow from batch to batch', async () => {
    const sums = await PairSums.create();
    const list = sums.list(Int32Array.of(0, 0), true);
    const put = (images: number) => {
      sums.put('x', 1000, new Float32Array(1000 * images * 49).fill(1), { images, permutation: still(images) });
      list.add('x', 'x', 'x');
    };
    put(5);
    const grow = vi.spyOn(WebAssembly.Memory.prototype, 'grow');
    for (const images of [4, 5, 3]) put(images);
    expect(grow).not.toHaveBeenCalled();
    grow.mockRestore();
    expect([list.real()[0], list.null()[0]]).toEqual([17 * 49, 17 * 49]);
    sums.drop('x');
    expect(() => list.add('x', 'x', 'x')).toThrow('no matrix "x"');
  });
});
