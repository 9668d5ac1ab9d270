// Screened scores against those of the exact way: the same mutual neighbours, sets' choices, controls and held-out scores.

import { describe, expect, it } from 'vitest';
import { correlate, type Correlated, type CorrelateOptions } from '../../../src/mining/correlation/correlate.ts';
import { PairJudge } from '../../../src/mining/matching/mutual-neighbours.ts';
import { randomAt } from '../../../src/random.ts';
import { nodeEngine } from '../../../src/runtime/node.ts';
import { given, type GivenLayer, type GivenModel } from './maps.ts';

const engine = nodeEngine();
const images = 61;

/** Smooth noise that is the same for one key: what two networks may have in common. */
const shared = (key: number, i: number, x: number, y: number): number => {
  const at = (px: number, py: number) => randomAt(key, 4096 * i + 64 * px + py) - 0.5;
  const [px, py] = [Math.floor(x), Math.floor(y)];
  const [fx, fy] = [x - px, y - py];
  const row = (py2: number) => (1 - fx) * at(px, py2) + fx * at(px + 1, py2);
  return (1 - fy) * row(py) + fy * row(py + 1);
};

/** Units that follow what is shared by `keys`, with noise of their own, on any grid. */
function natural(layer: string, side: number, keys: readonly number[], noise: number, seed: number): GivenLayer {
  return {
    layer,
    channels: keys.length,
    height: side,
    width: side,
    value: (u, i, s) => {
      const [y, x] = [Math.floor(s / side) + 0.5, (s % side) + 0.5];
      const common = shared(keys[u], i, (4 * x) / side, (4 * y) / side);
      return 0.3 + common + noise * (randomAt(seed + u, 65536 * i + s) - 0.5);
    },
  };
}

const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

/** Adversaries, the same on both sides: spikes, sparse units, duplicates, opposites, units of a single image. */
function adverse(layer: string, side: number, seed: number): GivenLayer {
  const spike = (u: number) => ({ image: (7 * u) % images, position: (5 * u) % (side * side) });
  return {
    layer,
    channels: 48,
    height: side,
    width: side,
    value: (u, i, s) => {
      const own = 1e-3 * (randomAt(seed + u, 65536 * i + s) - 0.5);
      const kind = u % 6;
      const n = Math.floor(u / 6);
      const [y, x] = [Math.floor(s / side), s % side];
      const pattern = shared(900 + n, i, (4 * x) / side, (4 * y) / side);
      if (kind === 0) return own + (spike(n).image === i && spike(n).position === s ? 5 : 0);
      if (kind === 1) return own + (randomAt(800 + n, i) < 0.06 ? Math.max(0, pattern) : 0);
      if (kind === 2) return own + pattern;
      if (kind === 3) return own - pattern;
      if (kind === 4) return i === 3 + n ? own + pattern : 0;
      return n === 7 ? 2 : 60 * own + shared(950, i, (4 * x) / side, (4 * y) / side);
    },
  };
}

function options(models: readonly GivenModel[], pairs: readonly [number, number][]): CorrelateOptions {
  const { source, maps, models: mined } = given(models, images);
  const order = source.names.map((_, i) => i);
  return {
    engine,
    parts: [{ source, offset: 0, halves: [order.slice(0, 32), order.slice(32)], models: mined.map((_, m) => m) }],
    models: mined,
    maps,
    pairs,
    keep: 10,
    k: 1,
    nullModel: true,
    memory: 2 ** 30,
    batch: 8,
  };
}

/** Compares what a dictionary takes from the neighbours of every pair of models. */
function expectSame(exact: Correlated, screened: Correlated, k: number, tolerance = 2e-6) {
  exact.neighbours.forEach((known, i) => {
    const found = screened.neighbours[i];
    const [x, y] = [new PairJudge(known, k), new PairJudge(found, k)];
    const [pairs, others] = [x.mutualPairs(), y.mutualPairs()];
    const names = (list: typeof pairs) => list.map(({ a, b }) => `${a} ${b}`).sort();
    expect(names(others)).toEqual(names(pairs));
    const byName = new Map(others.map((pair) => [`${pair.a} ${pair.b}`, pair]));
    for (const pair of pairs) {
      const other = byName.get(`${pair.a} ${pair.b}`)!;
      expect(other.replications).toBe(pair.replications);
      for (const key of ['r', 'rNull', 'rHeldOut'] as const)
        expect(Math.abs((other[key] ?? 9) - (pair[key] ?? 9))).toBeLessThan(tolerance);
    }
    // Under the null, exact or too large: then q errs on the safe side.
    for (const direction of ['forward', 'backward'] as const) {
      known[direction].nullBest.forEach((best, u) =>
        expect(found[direction].nullBest[u]).toBeGreaterThanOrEqual(best - tolerance),
      );
    }
  });
}

describe('screened scores', () => {
  const networks: GivenModel[] = [
    { name: 'a', taps: [natural('x', 8, range(0, 150), 0.2, 1e6), natural('y', 4, range(100, 90), 0.2, 2e6)] },
    { name: 'b', taps: [natural('z', 7, range(40, 170), 0.2, 3e6), natural('w', 8, range(300, 60), 0.2, 4e6)] },
    { name: 'c', taps: [natural('v', 4, range(60, 200), 0.2, 5e6)] },
  ];

  it.each([
    [1, 5],
    [3, 10],
  ])('give the pairs of the exact way, with k %i and sets of %i', async (k, nearest) => {
    const all = { ...options(networks, [[0, 1], [0, 2], [1, 2]]), k }; // prettier-ignore
    const exact = await correlate(all);
    const screened = await correlate({ ...all, screening: { seed: 0, nearest, width: 2048, when: 'always' } });
    expectSame(exact, screened, k);
    const { audit, candidates } = screened.screening!;
    expect(audit.found).toBe(audit.units);
    expect(audit.largestError).toBeGreaterThan(0);
    expect(audit.largestError).toBeLessThan(6);
    expect(candidates).toBeLessThan(240 * 230 + 240 * 200 + 230 * 200);
  });

  it('lose none of the units that are hard to sketch', async () => {
    const models = [
      { name: 'a', taps: [adverse('x', 8, 7e6), natural('n', 8, range(0, 80), 0.5, 1e6)] },
      { name: 'b', taps: [adverse('y', 8, 8e6), natural('m', 4, range(20, 90), 0.5, 2e6)] },
    ];
    const all = options(models, [[0, 1]]);
    const exact = await correlate(all);
    const screened = await correlate({ ...all, screening: { seed: 1, nearest: 5, width: 2048, when: 'always' } });
    // A spike of thousands of deviations leaves float32 products fewer digits, in both ways.
    expectSame(exact, screened, 1, 1e-5);
  });

  it('hold where a model has maps on some of the images only, whose means are not those of the others', async () => {
    const shifted = networks.map(({ name, taps }) => ({
      name,
      taps: taps.map((tap) => ({ ...tap, value: (u: number, i: number, s: number) => tap.value(u, i + 500, s) + 0.2 })),
    }));
    const all = options(networks, [[0, 1], [0, 2], [1, 2]]); // prettier-ignore
    const { source } = given(shifted, images);
    const order = source.names.map((_, i) => i);
    const [photos] = all.parts;
    const parts = [
      { ...photos, models: [0, 1] },
      { source, offset: images, halves: [order.slice(0, 28), order.slice(28)], models: [0, 1, 2] },
    ];
    const exact = await correlate({ ...all, parts });
    const screening = { seed: 0, nearest: 5, width: 4096, when: 'always' } as const;
    const screened = await correlate({ ...all, parts, screening });
    expectSame(exact, screened, 1);
    expect(screened.screening!.audit.largestError).toBeLessThan(8);
    const qs = ({ neighbours }: Correlated) =>
      neighbours.map((entry) => new PairJudge(entry, 1).mutualPairs().filter(({ q }) => q !== null && q < 0.01).length);
    expect(qs(screened)).toEqual(qs(exact));
  });

  it('are the same for any size of batch', async () => {
    const all = { ...options(networks, [[0, 1]]), screening: { seed: 0, nearest: 5, width: 512, when: 'always' } } as const; // prettier-ignore
    const [x, y] = [await correlate({ ...all, batch: 4 }), await correlate({ ...all, batch: 32 })];
    expectSame(x, y, 1);
    expect(x.screening!.candidates).toBe(y.screening!.candidates);
  });
});
