// Which pairs guide: each rule against a plain filter of the dictionary, and what is said when there is nothing.

import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import type { Dictionary, Pair } from '../../src/mining/run/dictionary.ts';
import { guidingPairs, type Dropped, type GuidingPairs, type PairOptions } from '../../src/synthesis/guiding-pairs.ts';
import { everything, smallRun } from './run.ts';

const { dictionary } = await smallRun();
const plain = (await smallRun(false)).dictionary;

/** Pairs of the generator and one of the encoders as `unit guide`, in whichever order the run has them. */
function raw(from: Dictionary, generator: string, guides: readonly string[]) {
  const all: { name: string; unit: string; pair: Pair }[] = [];
  for (const { pairs } of from.pairs) {
    for (const pair of pairs) {
      for (const [unit, guide] of [
        [pair.a, pair.b],
        [pair.b, pair.a],
      ]) {
        if (unit.startsWith(`${generator}/`) && guides.some((g) => guide.startsWith(`${g}/`)))
          all.push({ name: `${unit} ${guide}`, unit, pair });
      }
    }
  }
  return all;
}

const namesOf = ({ pairs }: GuidingPairs, generator: string): string[] =>
  pairs.map(
    ({ unit, guide }) => `${generator}/${unit.layer}/${unit.index} ${guide.model}/${guide.layer}/${guide.index}`,
  );
const sorted = (names: readonly string[]): string[] => [...names].sort();
const sum = (dropped: Dropped): number => Object.values<number>({ ...dropped }).reduce((total, n) => total + n, 0);
const none: Dropped = { concepts: 0, q: 0, replication: 0, r: 0, better: 0, limit: 0 };

describe('guiding pairs', () => {
  it('are by default those with q of at most 0.01 that replicate, with all encoders, best r first', () => {
    for (const generator of ['gan', 'style']) {
      const all = raw(dictionary, generator, ['a', 'b']);
      const badQ = all.filter(({ pair }) => pair.q! > 0.01);
      const single = all.filter(({ pair }) => pair.q! <= 0.01 && pair.replications !== 2);
      const expected = all.filter(({ pair }) => pair.q! <= 0.01 && pair.replications === 2);
      const got = guidingPairs(dictionary, generator);
      expect(sorted(namesOf(got, generator))).toEqual(sorted(expected.map(({ name }) => name)));
      expect(got.considered).toBe(all.length);
      expect(got.dropped).toEqual({ ...none, q: badQ.length, replication: single.length });
      expect(badQ.length).toBeGreaterThan(10);
      const r = got.pairs.map((pair) => pair.r);
      expect(r).toEqual([...r].sort((x, y) => y - x));
      expect(r.length).toBeGreaterThan(100);
      expect(new Set(got.pairs.map(({ weight }) => weight))).toEqual(new Set([1]));
      expect(Object.fromEntries(namesOf(got, generator).map((name, i) => [name, r[i]]))).toEqual(
        Object.fromEntries(expected.map(({ name, pair }) => [name, pair.r])),
      );
    }
  });

  it('are all of the run where there are no controls', () => {
    const got = guidingPairs(plain, 'gan');
    expect(sorted(namesOf(got, 'gan'))).toEqual(sorted(raw(plain, 'gan', ['a', 'b']).map(({ name }) => name)));
    expect(got.dropped).toEqual(none);
    expect(() => guidingPairs(plain, 'gan', { replicatedOnly: true })).toThrow(
      /none of the \d+ pairs of gan with a, b is left; \d+ are not chosen by both halves/,
    );
  });

  it('come from the guides that are named', () => {
    const got = guidingPairs(dictionary, 'style', { ...everything, guides: ['b', 'b'] });
    expect(sorted(namesOf(got, 'style'))).toEqual(sorted(raw(dictionary, 'style', ['b']).map(({ name }) => name)));
  });

  it('have at least the r that is asked for, never one below 0, and r as weight', () => {
    const all = raw(dictionary, 'gan', ['a', 'b']);
    const got = guidingPairs(dictionary, 'gan', { ...everything, least: 0.3, weights: 'r' });
    expect(sorted(namesOf(got, 'gan'))).toEqual(
      sorted(all.filter(({ pair }) => pair.r >= 0.3).map(({ name }) => name)),
    );
    expect(got.dropped.r).toBe(all.filter(({ pair }) => pair.r < 0.3).length);
    expect(got.dropped.r).toBeGreaterThan(0);
    expect(got.pairs.every(({ r, weight }) => r === weight)).toBe(true);

    const lists = dictionary.pairs.map((list) => ({
      ...list,
      pairs: list.pairs.map((pair, i) => (i === 0 ? { ...pair, r: -0.1 } : pair)),
    }));
    expect(guidingPairs({ ...dictionary, pairs: lists }, 'gan', everything).dropped).toEqual({ ...none, r: 2 });
  });

  it('are limited to the best by r', () => {
    const full = guidingPairs(dictionary, 'gan');
    const got = guidingPairs(dictionary, 'gan', { limit: 7 });
    expect(got.pairs).toEqual(full.pairs.slice(0, 7));
    expect(got.dropped.limit).toBe(full.pairs.length - 7);
    expect(sum(got.dropped) + 7).toBe(got.considered);
  });

  it('belong to the sets or concepts that are named, and know their best concept', () => {
    // Two concepts of several sets each, the second with a unit of the first, and a set that was not clustered.
    const [s0, s1, s2, s3, s4] = dictionary.sets;
    const own = (set: typeof s0) => set.units.find((unit) => unit.startsWith('gan/'))!;
    const shared = { ...s2, units: [...s2.units.filter((unit) => !unit.startsWith('gan/')), own(s0)] };
    const with2: Dictionary = {
      ...dictionary,
      sets: [s0, s1, shared, s3, s4],
      concepts: [
        { id: 'first', sets: ['s0', 's1'], r: 1 },
        { id: 'second', sets: ['s3', 's2'], r: 0.5 },
      ],
    };
    const got = (concepts?: string[]) => {
      const { pairs } = guidingPairs(with2, 'gan', { ...everything, concepts });
      return new Map(pairs.map(({ unit, concept }) => [`gan/${unit.layer}/${unit.index}`, concept]));
    };
    const label = (units: [string, string | undefined][]) => new Map(units.sort(([x], [y]) => (x < y ? -1 : 1)));
    const inOrder = (map: Map<string, string | undefined>) => label([...map]);
    expect(inOrder(got(['first']))).toEqual(label([[own(s0), 'first'], [own(s1), 'first']])); // prettier-ignore
    expect(inOrder(got(['second']))).toEqual(label([[own(s0), 'second'], [own(s3), 'second']])); // prettier-ignore
    expect(inOrder(got(['s3', 's4']))).toEqual(label([[own(s3), 'second'], [own(s4), undefined]])); // prettier-ignore
    const all = got();
    expect(all.get(own(s0))).toBe('first');
    expect([...all.values()].filter((concept) => concept !== undefined).length).toBe(3);
    const { considered, dropped, pairs } = guidingPairs(with2, 'gan', { ...everything, concepts: ['first'] });
    expect(dropped).toEqual({ ...none, concepts: considered - pairs.length });
  });

  const refused: [string, PairOptions, RegExp][] = [
    ['stile', {}, /the run has no generator stile, its models are a, gan, b, style; name one of its generators, or mine with stile/], // prettier-ignore
    ['gan.untrained', {}, /the run has no generator gan\.untrained/],
    ['a', {}, /a is an encoder; name a generator of the run \(gan, style\)/],
    ['gan', { guides: ['a', 'c'] }, /the run has no encoder c; name some of a, b, or mine with c/],
    ['gan', { guides: ['style'] }, /the run has no encoder style; name some of a, b/],
    ['gan', { guides: ['a.untrained'] }, /the run has no encoder a\.untrained/],
    ['gan', { concepts: ['s0', 's99999'] }, /the run has no concept or set s99999; did you mean s/],
    ['gan', { limit: 0 }, /the number of pairs must be a whole number of at least 1, not 0/],
    ['gan', { least: 2, limit: 2 }, /none of the \d+ pairs of gan with a, b is left; \d+ have a q above 0\.01: .*; \d+ have an r below 2: allow a smaller one/], // prettier-ignore
    ['gan', { maxQ: 0 }, /is left; \d+ have a q above 0: allow a larger one, or mine over more images$/],
    ['gan', { guides: [] }, /the run has no pairs of gan with/],
  ];
  it.each(refused)('are refused for %s and %o', (generator, options, message) => {
    const choosing = () => guidingPairs(dictionary, generator, options);
    expect(choosing).toThrow(message);
    expect(choosing).toThrow(UserError);
  });

  it('are refused in runs without sets or generators', () => {
    const bare = { ...dictionary, sets: [], concepts: [] };
    expect(() => guidingPairs(bare, 'gan', { concepts: ['s0'] })).toThrow(
      /the run has no concept or set s0; it has no Rosetta sets at all; name no concept/,
    );
    const encoders = { ...dictionary, models: dictionary.models.filter(({ name }) => ['a', 'b'].includes(name)) };
    expect(() => guidingPairs(encoders, 'gan')).toThrow(
      /the run has no generator gan, its models are a, b; mine with gan/,
    );
    expect(() => guidingPairs(encoders, 'a')).toThrow(/a is an encoder; .*\(it has none: mine with one\)/);
    const concepts = guidingPairs(dictionary, 'gan', { concepts: [dictionary.concepts[0].id] });
    expect(new Set(concepts.pairs.map(({ concept }) => concept))).toEqual(new Set([dictionary.concepts[0].id]));
  });
});
