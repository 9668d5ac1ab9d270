import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { chooseSamples, shuffled } from '../../src/images/sampling.ts';

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

describe('chooseSamples', () => {
  it('takes all, in order, when as many or more are asked for', () => {
    expect(chooseSamples(4, undefined, 1)).toEqual([0, 1, 2, 3]);
    expect(chooseSamples(4, 4, 1)).toEqual([0, 1, 2, 3]);
    expect(chooseSamples(4, 9, 1)).toEqual([0, 1, 2, 3]);
  });

  it('gives the subset that Python integers give', () => {
    expect(chooseSamples(100, 5, 7)).toEqual([8, 64, 66, 72, 78]);
  });

  it('is increasing, without replacement, and grows by adding', () => {
    const few = chooseSamples(1000, 100, 3);
    const more = new Set(chooseSamples(1000, 101, 3));
    expect(new Set(few).size).toBe(100);
    expect(few).toEqual([...few].sort((a, b) => a - b));
    expect(more.size).toBe(101);
    expect(few.every((index) => more.has(index))).toBe(true);
  });

  it('takes every image equally often over the seeds', () => {
    const counts = new Float64Array(10);
    for (let seed = 0; seed < 20_000; seed++) for (const index of chooseSamples(10, 3, seed)) counts[index]++;
    // Binomial: 6000 expected, standard deviation 65; five of them.
    for (const count of counts) expect(Math.abs(count - 6000)).toBeLessThan(325);
  });

  it('refuses what is not a number of samples', () => {
    for (const samples of [0, -1, 1.5, NaN]) expect(() => chooseSamples(10, samples, 0)).toThrow(UserError);
    expect(() => chooseSamples(10, 5, 0.5)).toThrow(UserError);
  });
});

describe('shuffled', () => {
  it('gives the permutation that Python integers give, and leaves its input alone', () => {
    const indices = range(10);
    expect(shuffled(indices, 1)).toEqual([2, 4, 3, 5, 6, 9, 8, 0, 1, 7]);
    expect(indices).toEqual(range(10));
  });

  it('makes all 24 permutations of four equally often', () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 24_000; seed++) {
      const key = shuffled([0, 1, 2, 3], seed).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // Chi-square with 23 degrees of freedom: 49.7 is exceeded with probability 0.001.
    expect([...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(49.7);
  });
});
