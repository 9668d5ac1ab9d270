// The kernel that finds entries above a floor, against plain loops over all of them.

import { describe, expect, it } from 'vitest';
import { randomAt } from '../../../src/random.ts';
import { Reach } from '../../../src/mining/screening/reach.ts';

const random = (seed: number, length: number, scale = 1) =>
  Float32Array.from({ length }, (_, i) => scale * (randomAt(seed, i) - 0.5));

describe('entries that reach a floor', () => {
  it.each([
    [1, 3],
    [5, 4],
    [7, 130],
    [3, 257],
  ])('of %i rows and %i columns are those of a plain loop, in fours', async (rows, columns) => {
    const reach = await Reach.create();
    for (const two of [true, false]) {
      const [first, second] = [random(1, rows * columns), two ? random(2, rows * columns) : undefined];
      const terms = reach.load(rows, columns, first, second);
      const used = two ? [0, 1, 2] : [2];
      for (const t of used) {
        terms[t].gain.set(random(10 + t, columns, 2).map((value) => value + 1.5));
        terms[t].shift.set(random(20 + t, columns));
        terms[t].floor.set(random(30 + t, columns).map((value) => value + 1.3));
      }
      for (let i = 0; i < rows; i++) {
        const own = [0, 1, 2].map((t) => ({
          scale: 1 + 0.1 * t,
          mean: 0.2 * i,
          floor: used.includes(t) ? 0.9 + 0.05 * t : Infinity,
        }));
        const expected = new Set<number>();
        let hits = 0;
        for (let j = 0; j < columns; j++) {
          const [x, y] = [first[i * columns + j], second?.[i * columns + j] ?? 0];
          const sums = [x, y, x + y];
          const reached = used.some((t) => {
            const r = sums[t] * own[t].scale * terms[t].gain[j] - own[t].mean * terms[t].shift[j];
            return r >= Math.min(own[t].floor, terms[t].floor[j]);
          });
          if (reached) {
            expected.add(j - (j % 4));
            hits++;
          }
        }
        expect([...reach.row(i, own)].map((offset) => offset / 4)).toEqual([...expected]);
        if (columns > 100) expect(hits).toBeGreaterThan(0);
        if (columns > 100) expect(hits).toBeLessThan(columns);
      }
    }
  });

  it('are none where units never change, and all where nothing is held yet', async () => {
    const reach = await Reach.create();
    const terms = reach.load(1, 8, random(1, 8), random(2, 8));
    const row = (floor: number) => [0, 1, 2].map(() => ({ scale: 1, mean: 0, floor }));
    expect(reach.row(0, row(Infinity))).toHaveLength(0);
    for (const { gain, floor } of terms) {
      gain.fill(1);
      floor.fill(-Infinity);
    }
    expect([...reach.row(0, row(Infinity))]).toEqual([0, 16]);
  });
});
