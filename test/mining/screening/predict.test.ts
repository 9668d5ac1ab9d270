// When scores are screened: by the work that each way takes, and not in runs that are quick anyway.

import { describe, expect, it } from 'vitest';
import { chosenScreening, predict } from '../../../src/mining/screening/predict.ts';
import { wilson } from '../../../src/mining/screening/audit.ts';
import { given } from './maps.ts';

function options(units: number, images: number, passes = 1) {
  const layer = (name: string) => ({ layer: name, channels: units, height: 14, width: 14, value: () => 0 });
  const { source, maps, models } = given(
    [
      { name: 'a', taps: [layer('x')] },
      { name: 'b', taps: [layer('y')] },
    ],
    images,
  );
  const order = source.names.map((_, i) => i);
  const parts = [{ source, offset: 0, halves: [order], models: [0, 1] }];
  return { models, pairs: [[0, 1]] as const, parts, maps, nullModel: true, passes, width: 4096, fits: true };
}

describe('the predicted work', () => {
  it('of exact scores is that of their products, and grows with the square of the units', () => {
    expect(predict(options(100, 10)).exact).toBe(2 * 10 * 100 * 100 * 196);
    expect(predict(options(200, 10)).exact).toBe(4 * predict(options(100, 10)).exact);
  });

  it('of screened scores hardly grows with the images', () => {
    const more = predict(options(20000, 1000)).screened - predict(options(20000, 500)).screened;
    expect(more).toBeLessThan(0.1 * (predict(options(20000, 1000)).exact - predict(options(20000, 500)).exact));
  });
});

describe('the choice', () => {
  const notes: string[] = [];
  const chosen = (units: number, images: number, when: 'always' | 'cheaper') => {
    notes.length = 0;
    return chosenScreening({ ...options(units, images), when, onNote: (note) => void notes.push(note) }) !== undefined;
  };

  it('is exact, without a word, where a run is quick', () => {
    expect(chosen(1000, 100, 'cheaper')).toBe(false);
    expect(notes).toEqual([]);
  });

  it('is screened where that saves much, and tells the prediction', () => {
    expect(chosen(36864, 1000, 'cheaper')).toBe(true);
    expect(notes.join()).toMatch(
      /^scores are screened; exact scores of all pairs of units are predicted to take \d[\d.]* times as much work \(--scores exact\)$/,
    );
  });

  it('is exact where WebAssembly, or the memory for a wide sketch, has no room, and says so', () => {
    const own = options(36864, 1000);
    const onNote = (note: string) => void notes.push(note);
    notes.length = 0;
    expect(chosenScreening({ ...own, fits: false, when: 'cheaper', onNote })).toBeUndefined();
    expect(notes.join()).toContain('they cannot be screened: WebAssembly does not hold the maps of four images');
    expect(() => chosenScreening({ ...own, fits: false, when: 'always' })).toThrow('scores cannot be screened');
    notes.length = 0;
    expect(chosenScreening({ ...own, width: 300, passes: 90, when: 'cheaper', onNote })).toBeUndefined();
    expect(notes[1]).toBe(
      'the memory holds sketches of 300 values, and screening needs 1024 to be sure; raise --memory',
    );
    expect(chosenScreening({ ...own, width: 300, when: 'always', onNote })).toBeDefined();
  });

  it('is exact where the screen would cost as much', () => {
    expect(chosen(20000, 40, 'cheaper')).toBe(false);
    expect(notes.join()).toContain('exact scores of all pairs of units; screening is predicted to take');
    expect(chosen(20000, 40, 'always')).toBe(true);
  });
});

it("an audit's interval is Wilson's", () => {
  // R: binom::binom.confint(9, 10, methods = "wilson") and (510, 510).
  const [low, high] = wilson(9, 10);
  expect([low, high].map((value) => value.toFixed(4))).toEqual(['0.5958', '0.9821']);
  expect(wilson(510, 510).map((value) => value.toFixed(4))).toEqual(['0.9925', '1.0000']);
  expect(wilson(0, 0)).toEqual([0, 1]);
});
