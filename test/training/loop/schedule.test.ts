// Learning rates at chosen steps.

import { describe, expect, it } from 'vitest';
import { averageWarmUp, constant, coolDown, cosine, oneCycle, stepDecay } from '../../../src/training/loop/schedule.ts';

describe('schedules', () => {
  it('constant', () => {
    expect([0, 7, 1e6].map(constant(0.3))).toEqual([0.3, 0.3, 0.3]);
  });

  it('cosine: rises, falls by half a cosine, stays at its end', () => {
    const rate = cosine({ rate: 0.4, steps: 110, warmUp: 10, final: 0.1 });
    expect(rate(0)).toBeCloseTo(0.04, 12);
    expect(rate(9)).toBeCloseTo(0.4, 12);
    expect(rate(10)).toBeCloseTo(0.4, 12);
    expect(rate(60)).toBeCloseTo(0.25, 12);
    expect(rate(35)).toBeCloseTo(0.1 + 0.3 * (0.5 + Math.SQRT1_2 / 2), 12);
    expect(rate(110)).toBeCloseTo(0.1, 12);
    expect(rate(500)).toBeCloseTo(0.1, 12);
  });

  it('cool-down: level, then a straight line to its end, and level beyond', () => {
    const rate = coolDown({ rate: 0.4, steps: 100, fall: 20, final: 0.1 });
    const at = [0, 80, 90, 95, 100, 500];
    const expected = [0.4, 0.4, 0.25, 0.175, 0.1, 0.1];
    expect(at.map(rate)).toEqual(expected.map((value) => expect.closeTo(value, 12) as number));
  });

  it('a cool-down of no steps is none', () => {
    expect([0, 9].map(coolDown({ rate: 0.4, steps: 10, fall: 0 }))).toEqual([0.4, 0.4]);
  });

  it('step decay', () => {
    const rate = stepDecay({ rate: 1, at: [10, 20], factor: 0.5 });
    expect([0, 9, 10, 19, 20, 99].map(rate)).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25]);
  });

  it('one cycle: start, top and end as PyTorch has them', () => {
    const rate = oneCycle({ rate: 1, steps: 100 });
    expect(rate(0)).toBeCloseTo(0.04, 12);
    expect(rate(29)).toBeCloseTo(1, 12);
    expect(rate(14.5)).toBeCloseTo(0.52, 12);
    expect(rate(64)).toBeCloseTo(0.5 + 2e-6, 9);
    expect(rate(99)).toBeCloseTo(4e-6, 12);
  });

  it('one cycle without a rise begins at the top', () => {
    const rate = oneCycle({ rate: 1, steps: 100, rise: 0 });
    expect(rate(0)).toBeGreaterThan(0.99);
  });

  it('decay of a moving average', () => {
    const decay = averageWarmUp(0.9);
    expect(decay(0)).toBeCloseTo(0.1, 12);
    expect(decay(8)).toBeCloseTo(0.5, 12);
    expect(decay(1000)).toBe(0.9);
  });

  it('steps that do not go beyond the warm-up are told', () => {
    expect(() => cosine({ rate: 1, steps: 10, warmUp: 10 })).toThrow(/steps beyond its 10 of warm-up, not 10/);
  });
});
