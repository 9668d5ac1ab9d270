// Whether two dictionaries are the same, but for rounding and the time of their making.

import { expect } from 'vitest';
import type { Dictionary } from '../../src/mining/run/dictionary.ts';
import { largestDifference } from '../golden.ts';

/** Equal in all names and counts, and to 2e-6 (they are rounded to 1e-6) in all numbers. */
export function expectSame(got: Dictionary, expected: Dictionary): void {
  const text = (d: Dictionary) =>
    JSON.stringify(withoutTime(d), (_, v: unknown) => (typeof v === 'number' && !Number.isInteger(v) ? 0 : v));
  const numbers = (d: Dictionary) => {
    const out: number[] = [];
    JSON.stringify(withoutTime(d), (_, v: unknown) => (typeof v === 'number' && out.push(v), v));
    return out;
  };
  expect(text(got)).toBe(text(expected));
  expect(largestDifference(numbers(got), numbers(expected))).toBeLessThanOrEqual(2e-6);
}

export const withoutTime = ({ created: _, ...rest }: Dictionary) => rest;
