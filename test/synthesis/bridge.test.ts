// Pairs of two generators against plain loops over the dictionary, and targets from the maps of one by float64.

import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { float32, type Float32Tensor } from '../../src/graph/tensor.ts';
import type { Pair } from '../../src/mining/run/dictionary.ts';
import { largerGrid } from '../../src/mining/correlation/grid.ts';
import { bridgedPairs, generatorTargets } from '../../src/synthesis/bridge.ts';
import { guidingPairs, type PairOptions } from '../../src/synthesis/guiding-pairs.ts';
import { largestDifference } from '../golden.ts';
import { interpolate, normal } from '../mining/fixtures.ts';
import { engine, everything, gan, smallRun, style } from './run.ts';
import { runOnce } from '../../src/runtime/run-once.ts';

const { dictionary, moments } = await smallRun();

/** All compositions from gan to style, by brute force. */
function compositions(encoders: readonly string[]) {
  const all = dictionary.pairs.flatMap(({ pairs }) => pairs);
  const out: { unit: string; guide: string; via: string; legs: Pair[]; r: number }[] = [];
  for (const first of all) {
    for (const second of all) {
      for (const [guide, via] of [[first.a, first.b], [first.b, first.a]]) {
        for (const [unit, end] of [[second.a, second.b], [second.b, second.a]]) {
          if (via !== end || !guide.startsWith('gan/') || !unit.startsWith('style/')) continue;
          if (!encoders.some((name) => via.startsWith(`${name}/`))) continue;
          out.push({ unit, guide, via, legs: [first, second], r: first.r * second.r });
        }
      }
    }
  }
  return out;
} // prettier-ignore

function bestOf(list: ReturnType<typeof compositions>): Map<string, [string, string, number]> {
  const best = new Map<string, [string, string, number]>();
  for (const { unit, guide, via, r } of list) {
    const old = best.get(unit);
    if (!old || r > old[2]) best.set(unit, [guide, via, r]);
  }
  return best;
}

const asMap = ({ pairs }: ReturnType<typeof bridgedPairs>) =>
  new Map(
    pairs.map(({ unit, guide, via, r }) => [
      `style/${unit.layer}/${unit.index}`,
      [`${guide.model}/${guide.layer}/${guide.index}`, via, r],
    ]),
  );
const sorted = <T>(map: Map<string, T>) => [...map].sort(([x], [y]) => (x < y ? -1 : 1));

describe('bridged pairs', () => {
  it('are composed over encoders, the best for each unit, r the product', () => {
    const all = compositions(['a', 'b']);
    const got = bridgedPairs(dictionary, 'gan', 'style', everything);
    expect(sorted(asMap(got))).toEqual(sorted(bestOf(all)));
    expect(got.considered).toBe(all.length);
    expect(got.dropped).toEqual({ concepts: 0, q: 0, replication: 0, r: 0, better: all.length - got.pairs.length, limit: 0 }); // prettier-ignore
    expect(got.dropped.better).toBeGreaterThan(20);
    expect(new Set(got.pairs.map(({ guide }) => guide.model))).toEqual(new Set(['gan']));
    const r = got.pairs.map((pair) => pair.r);
    expect(r).toEqual([...r].sort((x, y) => y - x));
  });

  it('ask q and replication of both pairs, and r of the product', () => {
    const all = compositions(['b']);
    const kept = all.filter(({ legs }) => legs.every(({ q, replications }) => q! <= 0.01 && replications === 2));
    const got = bridgedPairs(dictionary, 'gan', 'style', { guides: ['b'], least: 0.3, weights: 'r' });
    expect(sorted(asMap(got))).toEqual(sorted(bestOf(kept.filter(({ r }) => r >= 0.3))));
    expect(got.dropped.q).toBe(all.filter(({ legs }) => legs.some(({ q }) => q! > 0.01)).length);
    expect(got.dropped.q).toBeGreaterThan(0);
    expect(got.dropped.r).toBe(kept.filter(({ r }) => r < 0.3).length);
    expect(got.pairs.every(({ r, weight }) => r === weight)).toBe(true);
    const limited = bridgedPairs(dictionary, 'gan', 'style', { guides: ['b'], limit: 3 });
    expect(limited.pairs.length).toBe(3);
    expect(limited.pairs).toEqual(bridgedPairs(dictionary, 'gan', 'style', { guides: ['b'] }).pairs.slice(0, 3));
  });

  it('have no way over two pairs with an r below 0', () => {
    const lists = dictionary.pairs.map((list) => ({ ...list, pairs: list.pairs.map((p) => ({ ...p, r: -p.r })) }));
    expect(() => bridgedPairs({ ...dictionary, pairs: lists }, 'gan', 'style', everything)).toThrow(
      /none of the \d+ pairs of gan and style over a, b is left; \d+ have an r that is not above 0/,
    );
  });

  const refused: [string, string, PairOptions, RegExp][] = [
    ['gan', 'gan', {}, /gan cannot be bridged to itself; name two generators/],
    ['gan', 'a', {}, /a is an encoder; name a generator of the run \(gan, style\)/],
    ['none', 'style', {}, /the run has no generator none/],
    ['gan', 'style', { guides: ['c'] }, /the run has no encoder c; name some of a, b/],
    ['gan', 'style', { concepts: ['x'] }, /the run has no concept or set x; did you mean/],
    ['gan', 'style', { maxQ: 0 }, /none of the \d+ pairs of gan and style over a, b is left; \d+ have a q above 0/],
  ];
  it.each(refused)('are refused from %s to %s with %o', (from, to, options, message) => {
    const choosing = () => bridgedPairs(dictionary, from, to, options);
    expect(choosing).toThrow(message);
    expect(choosing).toThrow(UserError);
  });
});

describe('targets from another generator', () => {
  const latents = { z: float32([3, 20], normal(9, 60)) };
  const { pairs } = bridgedPairs(dictionary, 'gan', 'style', everything);

  it('are its maps at the latents, with its truncation, less its means, by float64', async () => {
    const options = { truncation: 0.5 };
    const targets = await generatorTargets({ engine, from: gan, latents, options, pairs, to: style, moments });
    const builder = new GraphBuilder();
    const { taps } = gan.addTo(builder, { z: builder.input('z', [3, 20]) }, options);
    for (const [layer, map] of taps) builder.output(builder.identity(map), `tap ${layer}`);
    const tensors = await runOnce(engine, builder.build(), latents);
    let next = 0;
    for (const { layer, units, target, means } of targets.groups) {
      const tap = style.taps.find((t) => t.layer === layer)!;
      expect(means).toEqual(moments.momentsOf('style', layer, units).means);
      units.forEach((index, k) => {
        const { unit, guide } = pairs[targets.order[next++]];
        expect(unit).toEqual({ layer, index });
        const { shape, data } = tensors[`tap ${guide.layer}`] as Float32Tensor;
        const [, channels, height, width] = shape;
        const grid = largerGrid(tap, { height, width });
        const size = grid.height * grid.width;
        const mean = moments.momentsOf('gan', guide.layer, [guide.index]).means[0];
        for (let row = 0; row < 3; row++) {
          const at = (row * channels + guide.index) * height * width;
          const expected = interpolate(data.subarray(at, at + height * width), { height, width }, grid);
          const got = target.data.subarray((row * units.length + k) * size, (row * units.length + k + 1) * size);
          expect(
            largestDifference(
              got,
              expected.map((v) => v - mean),
            ),
          ).toBeLessThanOrEqual(1e-6);
        }
      });
    }
    expect(next).toBe(pairs.length);
  });

  it('are refused for other guides, other latents and other layers', async () => {
    const make = { engine, from: gan, latents, pairs, to: style, moments };
    const photos = guidingPairs(dictionary, 'style').pairs;
    const refused: [Partial<typeof make>, RegExp][] = [
      [{ pairs: photos }, /the pairs are guided by [ab], not by gan; give that model/],
      [{ latents: { z: float32([1, 3], [1, 2, 3]) } }, /gan takes "z" \[n, 20\].*these latents are "z" \[1, 3\]/],
      [{ from: { ...gan, taps: [] } }, /the layer g\/\d of gan: the model has no such layer, its run \d+ units there/],
      [{ to: { ...style, taps: [] } }, /the layer [st] of style: the model has no such layer.*the same --taps/],
    ];
    for (const [change, message] of refused) {
      const making = generatorTargets({ ...make, ...change });
      await expect(making).rejects.toThrow(message);
      await expect(making).rejects.toBeInstanceOf(UserError);
    }
  });
});
