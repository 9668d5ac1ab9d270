import { describe, expect, it } from 'vitest';
import { philox, randomAt, type Words4 } from '../src/random.ts';

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
