import { describe, expect, it } from 'vitest';
import { collectActivations } from '../../src/mining/correlation/activations.ts';
import { derangement } from '../../src/mining/correlation/blocks.ts';
import { parseUnit } from '../../src/mining/run/units.ts';
import { largerGrid } from '../../src/mining/correlation/grid.ts';
import { mine, type MineOptions } from '../../src/mining/mine.ts';
import { cutAfter } from './cut.ts';
import { readSafetensorsBytes } from '../../src/files/safetensors.ts';
import { shuffled } from '../../src/images/sampling.ts';
import type { ImageSource } from '../../src/images/source.ts';
import { memoryFolder } from '../../src/files/folder.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import type { Model } from '../../src/zoo/model.ts';
import { largestDifference } from '../golden.ts';
import { linearModel, noiseImages, pearson64, unitSeries } from './fixtures.ts';
import { expectSame, withoutTime } from './same.ts';

const engine = nodeEngine();

async function mineAll(options: Partial<MineOptions> & Pick<MineOptions, 'models' | 'images'>) {
  const folder = memoryFolder();
  const dictionary = await mine({ engine, folder, seed: 3, saveScores: true, ...options });
  const scores = await readSafetensorsBytes('scores', folder.files.get('scores.safetensors')!);
  return { dictionary, scores, folder };
}

async function activations(model: Model, images: ImageSource) {
  const samples = images.names.map((_, i) => i);
  const input = { source: images, samples };
  return collectActivations({ engine, model, input, batch: 8, memory: 2 ** 30 });
}

const grids = [
  { height: 1, width: 1 },
  { height: 7, width: 7 },
  { height: 8, width: 8 },
  { height: 14, width: 14 },
  { height: 56, width: 56 },
  { height: 3, width: 11 },
  { height: 9, width: 4 },
];
const layersOf = (prefix: string, channels: number, offset: number) =>
  grids.map((grid) => ({ ...grid, layer: `${prefix}.${grid.height}x${grid.width}`, channels, offset }));

describe('scores', () => {
  it('agree with float64 and explicit interpolation to 1e-5, for all pairs of grids and means far from zero', async () => {
    const images = noiseImages(23);
    const models = [linearModel('a', layersOf('a', 2, 40), 1), linearModel('b', layersOf('b', 3, -0.5), 2)];
    const { scores } = await mineAll({ models, images });
    const [a, b] = await Promise.all(models.map((model) => activations(model, images)));
    const data = scores.get('a--b')!.data as Float32Array;
    let largest = 0;
    models[0].taps.forEach((x, i) =>
      models[1].taps.forEach((y, j) => {
        const target = largerGrid(x, y);
        for (let u = 0; u < x.channels; u++) {
          for (let v = 0; v < y.channels; v++) {
            const r = pearson64(unitSeries(a.get(x.layer)!, u, target), unitSeries(b.get(y.layer)!, v, target));
            const got = data[(2 * i + u) * (3 * grids.length) + 3 * j + v];
            largest = Math.max(largest, Math.abs(r - got));
          }
        }
      }),
    );
    expect(largest).toBeGreaterThan(0);
    expect(largest).toBeLessThanOrEqual(1e-5);
  });

  it('under the null agree with float64 over permuted images', async () => {
    const images = noiseImages(21);
    const models = [
      linearModel('a', [{ layer: 'x', channels: 5, height: 4, width: 4 }], 1),
      linearModel('b', [{ layer: 'y', channels: 6, height: 8, width: 4 }], 2),
    ];
    const { dictionary } = await mineAll({ models, images });
    const [a, b] = await Promise.all(models.map((model) => activations(model, images)));
    const order = shuffled(
      images.names.map((_, i) => i),
      3,
    );
    const first = order.slice(0, 12);
    const second = order.slice(12);
    const target = { height: 8, width: 4 };
    const pairs = dictionary.pairs[0].pairs;
    expect(pairs.length).toBeGreaterThan(1);
    for (const pair of pairs) {
      const [u, v] = [parseUnit(pair.a).index, parseUnit(pair.b).index];
      const other = [first, second].flatMap((half) => derangement(half.length).map((i) => half[i]));
      const x = unitSeries(a.get('x')!, u, target, other);
      const y = unitSeries(b.get('y')!, v, target, [...first, ...second]);
      expect(pair.rNull).toBeCloseTo(pearson64(x, y), 5);
      expect(pair.excess).toBeCloseTo(pair.r - pair.rNull!, 5);
    }
  });

  it('on held-out images are those of the half that did not choose', async () => {
    const images = noiseImages(40);
    const models = [
      linearModel('a', [{ layer: 'x', channels: 8, height: 3, width: 3 }], 1),
      linearModel('b', [{ layer: 'y', channels: 8, height: 3, width: 3 }], 2),
    ];
    const { dictionary } = await mineAll({ models, images });
    const [a, b] = await Promise.all(models.map((model) => activations(model, images)));
    const order = shuffled(
      images.names.map((_, i) => i),
      3,
    );
    const halves = [order.slice(0, 20), order.slice(20)];
    const grid = { height: 3, width: 3 };
    const tables = halves.map((half) =>
      Array.from({ length: 8 }, (_, u) =>
        Array.from({ length: 8 }, (__, v) =>
          pearson64(unitSeries(a.get('x')!, u, grid, half), unitSeries(b.get('y')!, v, grid, half)),
        ),
      ),
    );
    const mutual = (table: number[][], u: number, v: number) =>
      table[u].every((r) => r <= table[u][v]) && table.every((row) => row[v] <= table[u][v]);
    for (const pair of dictionary.pairs[0].pairs) {
      const [u, v] = [parseUnit(pair.a).index, parseUnit(pair.b).index];
      const chosen = [0, 1].filter((half) => mutual(tables[half], u, v));
      expect(pair.replications).toBe(chosen.length);
      const expected = chosen.map((half) => tables[1 - half][u][v]);
      if (!expected.length) expect(pair.rHeldOut).toBeNull();
      else expect(pair.rHeldOut).toBeCloseTo(expected.reduce((sum, r) => sum + r, 0) / expected.length, 5);
    }
  });

  it('set dead and constant units apart', async () => {
    const images = noiseImages(20);
    const models = [
      linearModel('a', [{ layer: 'x', channels: 4, height: 2, width: 2, dead: [1], constant: [2] }], 1),
      linearModel('b', [{ layer: 'y', channels: 3, height: 4, width: 4, offset: 1e3, dead: [0] }], 2),
    ];
    const { dictionary, scores } = await mineAll({ models, images });
    expect(dictionary.models[0].layers[0]).toMatchObject({ dead: 1, constant: 1 });
    expect(dictionary.models[1].layers[0]).toMatchObject({ dead: 1, constant: 0 });
    const data = scores.get('a--b')!.data as Float32Array;
    expect(Array.from(data).every(Number.isFinite)).toBe(true);
    const units = dictionary.pairs[0].pairs.flatMap(({ a, b }) => [a, b]);
    for (const apart of ['a/x/1', 'a/x/2', 'b/y/0']) expect(units).not.toContain(apart);
  });

  it('by the published code are cosines of batches of ten, averaged', async () => {
    const images = noiseImages(34);
    const models = [
      linearModel('a', [{ layer: 'x', channels: 3, height: 3, width: 3, offset: 2 }], 1),
      linearModel('b', [{ layer: 'y', channels: 4, height: 5, width: 5 }], 2),
    ];
    const { scores, dictionary } = await mineAll({ models, images, reference: true });
    expect(dictionary.score).toBe('reference');
    const [a, b] = await Promise.all(models.map((model) => activations(model, images)));
    const batches = [0, 1, 2].map((i) => Array.from({ length: 10 }, (_, j) => 10 * i + j));
    const target = { height: 5, width: 5 };
    const standardised = (
      maps: Map<string, { shape: readonly number[]; data: Float32Array }>,
      layer: string,
      u: number,
    ) => {
      const own = { height: maps.get(layer)!.shape[2], width: maps.get(layer)!.shape[3] };
      const all = unitSeries(maps.get(layer)!, u, own, batches.flat());
      const mean = all.reduce((sum, v) => sum + v, 0) / all.length;
      return batches.map((batch) => unitSeries(maps.get(layer)!, u, target, batch).map((v) => v - mean));
    };
    const data = scores.get('a--b')!.data as Float32Array;
    for (let u = 0; u < 3; u++) {
      for (let v = 0; v < 4; v++) {
        const [x, y] = [standardised(a, 'x', u), standardised(b, 'y', v)];
        const dot = (p: Float64Array, q: Float64Array) => p.reduce((sum, value, i) => sum + value * q[i], 0);
        const cosines = x.map((part, i) => dot(part, y[i]) / Math.sqrt(dot(part, part) * dot(y[i], y[i])));
        expect(data[4 * u + v]).toBeCloseTo(cosines.reduce((sum, c) => sum + c, 0) / 3, 5);
      }
    }
  });
});

describe('a run', () => {
  const models = [
    linearModel(
      'a',
      [
        { layer: 'x', channels: 9, height: 4, width: 4 },
        { layer: 'z', channels: 5, height: 8, width: 8 },
      ],
      1,
    ),
    linearModel(
      'b',
      [
        { layer: 'y', channels: 7, height: 8, width: 8 },
        { layer: 'w', channels: 6, height: 2, width: 2 },
      ],
      2,
    ),
    linearModel('c', [{ layer: 'v', channels: 8, height: 4, width: 4 }], 3),
  ];

  it('gives the same scores and the same dictionary whatever the batch size', async () => {
    const settings = { models, anchors: ['a'] };
    const first = await mineAll({ ...settings, images: noiseImages(53, 6, 5, [7, 30]), batch: 32 });
    for (const batch of [1, 4, 6, 31, 100]) {
      const other = await mineAll({ ...settings, images: noiseImages(53, 6, 5, [7, 30]), batch });
      for (const [name, tensor] of first.scores) {
        expect(
          largestDifference(tensor.data as Float32Array, other.scores.get(name)!.data as Float32Array),
        ).toBeLessThan(1e-6);
      }
      expectSame(other.dictionary, first.dictionary);
    }
  });

  it('gives the same dictionary in one pass over the images and in many', async () => {
    const settings = { models, anchors: ['a'], batch: 12, saveScores: false };
    const passes = async (memory: number) => {
      const totals: number[] = [];
      const dictionary = await mine({
        engine,
        ...settings,
        images: noiseImages(53),
        folder: memoryFolder(),
        memory,
        onProgress: ({ stage, total }) => void (stage === 'correlating' && totals.push(total)),
      });
      return { count: totals[0] / 53, dictionary };
    };
    const one = await passes(2 ** 24);
    const many = await passes(3000);
    expect(one.count).toBe(1);
    expect(many.count).toBeGreaterThan(5);
    expectSame(many.dictionary, one.dictionary);
  });

  it('reports unreadable images and leaves them out', async () => {
    const { dictionary } = await mineAll({ models, images: noiseImages(30, 6, 5, [3, 29]) });
    expect(dictionary.images.count).toBe(28);
    expect(dictionary.images.unreadable).toEqual([
      { name: '0003.png', reason: 'broken' },
      { name: '0029.png', reason: 'broken' },
    ]);
  });

  it('that was cut at any batch goes on and gives the same dictionary', async () => {
    const images = () => noiseImages(40);
    const settings = { engine, models, seed: 1, batch: 8, saveEvery: 0, memory: 40_000, twins: true };
    const whole = await mine({ ...settings, images: images(), folder: memoryFolder() });
    for (const cut of [1, 3, 6, 9]) {
      const folder = memoryFolder();
      const told = cutAfter(cut + 1);
      await expect(mine({ ...settings, images: images(), folder, onProgress: told.onProgress })).rejects.toThrow('cut');
      const before = told.seen.at(-1)!.done;
      const after = cutAfter(Infinity);
      const resumed = await mine({ ...settings, images: images(), folder, onProgress: after.onProgress });
      expect(after.seen[1].done).toBeGreaterThan(before - 1);
      expect(withoutTime(resumed)).toEqual(withoutTime(whole));
      expect([...folder.files.keys()].filter((name) => name.startsWith('partial'))).toEqual([]);
    }
  });
});
