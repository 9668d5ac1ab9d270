// The images and maps that a report shows: the same whatever the memory, and whole or not there.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memoryFolder, type Folder } from '../../src/files/folder.ts';
import { nodeFolder } from '../../src/files/node/folder.ts';
import { collectActivations } from '../../src/mining/correlation/activations.ts';
import { correlate } from '../../src/mining/correlation/correlate.ts';
import { mapsOf } from '../../src/mining/correlation/pass-graph.ts';
import { minedModel } from '../../src/mining/correlation/plan.ts';
import { mine } from '../../src/mining/mine.ts';
import type { MineProgress } from '../../src/mining/progress.ts';
import type { Exemplars } from '../../src/mining/run/dictionary.ts';
import { writeExemplars, type ExemplarOptions } from '../../src/mining/run/exemplars.ts';
import { Peaks } from '../../src/mining/run/peaks.ts';
import { unitNames } from '../../src/mining/run/units.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { linearModel, noiseImages, unitSeries } from './fixtures.ts';

const engine = nodeEngine();
const models = [
  linearModel('a', [{ layer: 'x', channels: 9, height: 8, width: 8 }], 1),
  linearModel('b', [{ layer: 'y', channels: 7, height: 4, width: 4, offset: 2 }], 2),
  linearModel('c', [{ layer: 'v', channels: 8, height: 8, width: 4 }], 3),
];
const thumbnails = () => Promise.resolve({ bytes: Uint8Array.of(1), width: 5, height: 6 });

/** All that exemplars of 40 images are made of: as many sets as the models have units, each of three. */
async function made(folder: Folder, memory: number): Promise<ExemplarOptions & { seen: MineProgress[] }> {
  const source = noiseImages(40, 6, 5, [3]);
  const parts = [{ source, offset: 0, halves: [source.names.map((_, i) => i)], models: [0, 1, 2] }];
  const mined = models.map((model) => minedModel(model));
  const peaks = new Peaks(mined);
  const shared = { engine, parts, models: mined, maps: mapsOf(models) };
  const { moments } = await correlate({
    ...shared,
    pairs: [[0, 1], [0, 2]], // prettier-ignore
    keep: 1,
    k: 1,
    nullModel: false,
    memory: 2 ** 26,
    onPeaks: (indices, values) => peaks.add(indices, values),
  });
  const sets = new Map(Array.from({ length: 9 }, (_, i) => [`s${i}`, [i, (2 * i) % 7, i < 8 ? 7 - i : undefined]]));
  const seen: MineProgress[] = [];
  const onProgress = (progress: MineProgress) => void seen.push(progress);
  return { ...shared, moments, peaks, sets, perSet: 4, encode: thumbnails, folder, memory, onProgress, seen };
}

describe('exemplars', () => {
  it('are the same bytes however many groups the memory makes', async () => {
    const [one, many] = [memoryFolder(), memoryFolder()];
    const large = await made(one, 2 ** 26);
    await writeExemplars(large);
    // A quarter of it waits: maps of four units of "a" at most.
    const small = await made(many, 4 * 4 * 4 * 4 * 64);
    await writeExemplars(small);
    expect(large.seen.at(-1)!.total).toBeLessThan(40);
    expect(small.seen.at(-1)!.total).toBeGreaterThan(2 * large.seen.at(-1)!.total);
    for (const { seen } of [large, small]) {
      expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).sort((a, b) => a - b));
      expect(seen.at(-1)).toMatchObject({ stage: 'exemplars', done: seen[0].total });
    }
    expect([...many.files.keys()].sort()).toEqual([...one.files.keys()].sort());
    expect(many.files.get('exemplars/maps.bin')).toEqual(one.files.get('exemplars/maps.bin'));
    expect(text(many)).toBe(text(one));
  });

  it('are the maps of their units in standard deviations, 255 for the largest', async () => {
    const folder = memoryFolder();
    const options = await made(folder, 20_000);
    await writeExemplars(options);
    const { units } = JSON.parse(text(folder)) as Exemplars;
    const bytes = folder.files.get('exemplars/maps.bin')!;
    const { source } = options.parts[0];
    const samples = source.names.map((_, i) => i).filter((i) => i !== 3);
    let end = 0;
    for (const [m, model] of models.entries()) {
      const [{ layer, ...grid }] = model.taps;
      const maps = await collectActivations({ engine, model, input: { source, samples }, batch: 8, memory: 2 ** 26 });
      for (const [channel, name] of unitNames(options.models[m]).entries()) {
        const unit = units[name];
        if (!unit) continue;
        const series = unitSeries(maps.get(layer)!, channel, grid);
        const mean = series.reduce((sum, value) => sum + value, 0) / series.length;
        const std = Math.sqrt(series.reduce((sum, value) => sum + (value - mean) ** 2, 0) / series.length);
        const size = grid.height * grid.width;
        const z = unit.images.flatMap((id) => {
          const at = samples.indexOf(Number(id)) * size;
          return Array.from(series.subarray(at, at + size), (value) => Math.max(0, (value - mean) / std));
        });
        expect(unit.scale).toBeCloseTo(Math.max(...z), 4);
        z.forEach((value, p) =>
          expect(Math.abs(bytes[unit.offset + p] - (255 * value) / unit.scale)).toBeLessThan(0.51),
        );
        end = Math.max(end, unit.offset + z.length);
      }
    }
    expect(Object.keys(units)).toHaveLength(9 + 7 + 8);
    expect(bytes).toHaveLength(end);
  });

  it('that fail half-way leave no maps that look whole', async () => {
    const path = await mkdtemp(join(tmpdir(), 'exemplars-'));
    try {
      const controller = new AbortController();
      const options = await made(nodeFolder(path), 20_000);
      const reason = new Error('enough');
      const work = writeExemplars({
        ...options,
        signal: controller.signal,
        onProgress({ done, total }) {
          if (done > total / 2) controller.abort(reason);
        },
      });
      await expect(work).rejects.toBe(reason);
      expect(await readdir(join(path, 'exemplars'))).toEqual(['images']);
    } finally {
      await rm(path, { recursive: true });
    }
    const folder = memoryFolder();
    const chunks = async function* () {
      yield 'half';
      await Promise.reject(new Error('no more'));
    };
    await expect(folder.write('file', chunks())).rejects.toThrow('no more');
    expect(folder.files.size).toBe(0);
  });

  it('show no image twice where the second look needs several passes', async () => {
    const shown = async (memory: number) => {
      const folder = memoryFolder();
      await mine({ engine, models, images: noiseImages(40), folder, anchors: ['a'], thumbnails, memory });
      return (JSON.parse(text(folder)) as Exemplars).sets;
    };
    const [few, many] = [await shown(2 ** 26), await shown(2000)];
    for (const images of Object.values(many)) expect(new Set(images).size).toBe(images.length);
    expect(many).toEqual(few);
  });
});

const text = ({ files }: { readonly files: ReadonlyMap<string, Uint8Array> }): string =>
  new TextDecoder().decode(files.get('exemplars/exemplars.json'));
