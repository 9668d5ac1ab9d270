import { describe, expect, it } from 'vitest';
import { fillNormal, philox, randomAt, type Words4 } from '../src/random.ts';

describe('philox', () => {
  // Known-answer vectors of Random123 for philox4x32, 10 rounds.
  const vectors: [Words4, [number, number], Words4][] = [
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ];
  it.each(vectors)('gives the known answer for counter %j', (counter, key, answer) => {
    expect(philox(counter, key)).toEqual(answer);
  });
});

describe('randomAt', () => {
  it('agrees with arbitrary-precision integers, also for numbers of more than 32 bits', () => {
    // From an implementation in Python integers.
    expect(randomAt(0, 0)).toBe(0.39904647231489565);
    expect(randomAt(0, 1)).toBe(0.9722412032044762);
    expect(randomAt(1, 0)).toBe(0.8902591757080309);
    expect(randomAt(42, 7, 3)).toBe(0.3969566129965354);
    expect(randomAt(2 ** 40 + 5, 2 ** 33 + 1, 2 ** 35)).toBe(0.6167651178659659);
    expect(randomAt(-1, 0)).toBe(0.447822034978262);
  });

  it.each([
    ['the counter', (i: number) => randomAt(7, i)],
    ['the seed', (i: number) => randomAt(i, 7)],
    ['the stream', (i: number) => randomAt(7, 7, i)],
  ])('is equidistributed along %s, singly and in pairs', (_, at) => {
    const draws = 100_000;
    const single = new Float64Array(100);
    const pairs = new Float64Array(100);
    let inside = 0;
    for (let i = 0; i < draws; i++) {
      const value = at(i);
      if (value >= 0 && value < 1) inside++;
      single[Math.floor(value * 100)]++;
      pairs[Math.floor(value * 10) * 10 + Math.floor(at(i + 1) * 10)]++;
    }
    expect(inside).toBe(draws);
    // Chi-square with 99 degrees of freedom: 148 is exceeded with probability 0.001.
    const chiSquare = (counts: Float64Array): number =>
      counts.reduce((sum, count) => sum + (count - draws / 100) ** 2 / (draws / 100), 0);
    expect(chiSquare(single)).toBeLessThan(148);
    expect(chiSquare(pairs)).toBeLessThan(148);
  });
});

describe('fillNormal', () => {
  it('is a normal distribution of the standard deviation asked for', () => {
    const n = 400_001;
    const x = fillNormal(new Float32Array(n), 3, 5, 2);
    const moment = (power: number) => x.reduce((sum, value) => sum + (value / 3) ** power, 0) / n;
    // Four standard errors of each moment: their variances are 1, 2, 15 and 96 over n.
    expect(Math.abs(moment(1))).toBeLessThan(4 * Math.sqrt(1 / n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(moment(3))).toBeLessThan(4 * Math.sqrt(15 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / n));
    // Neighbours come from one pair of uniform numbers.
    const products = x.slice(1).reduce((sum, value, i) => sum + (value * x[i]) / 9, 0) / n;
    expect(Math.abs(products)).toBeLessThan(4 / Math.sqrt(n));
  });

  it('is the same however long the array is, and another for another seed or stream', () => {
    const long = fillNormal(new Float32Array(9), 1, 1, 1);
    expect(fillNormal(new Float32Array(5), 1, 1, 1)).toEqual(long.slice(0, 5));
    expect(fillNormal(new Float32Array(9), 1, 2, 1)).not.toEqual(long);
    expect(fillNormal(new Float32Array(9), 1, 1, 2)).not.toEqual(long);
  });

  it('is that of Philox and of Box and Muller', () => {
    const [a, b] = philox([0, 0, 2, 0], [5, 0]);
    const radius = Math.sqrt(-2 * Math.log((a + 0.5) / 2 ** 32));
    const x = fillNormal(new Float32Array(2), 1, 5, 2);
    expect(x[0]).toBeCloseTo(radius * Math.cos((2 * Math.PI * b) / 2 ** 32), 6);
    expect(x[1]).toBeCloseTo(radius * Math.sin((2 * Math.PI * b) / 2 ** 32), 6);
  });
});
