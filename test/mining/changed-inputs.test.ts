// A run that resumes over photos or weights that are not what they were: it says so, instead of mixing two runs.

import { copyFileSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { memoryFolder, type Folder } from '../../src/files/folder.ts';
import { openPhotos } from '../../src/images/node/source.ts';
import { mine, type MineOptions } from '../../src/mining/mine.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { linearModel, normal } from './fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'rosetta-changed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const photo = (i: number) => join(folder, `${String(i).padStart(2, '0')}.png`);
const size = { height: 6, width: 5 };

async function draw(i: number, seed: number) {
  const rgb = Uint8Array.from(normal(seed, 3 * 30), (v) => 128 + 40 * v);
  await sharp(rgb, { raw: { ...size, channels: 3 } })
    .png()
    .toFile(photo(i));
}

const model = (name: string, seed: number) =>
  linearModel(name, [{ layer: 'x', channels: 4, height: 3, width: 3 }], seed);

/** Over 64 photos in two passes. @param until stop after so many images. */
async function run(into: Folder, { until = Infinity, ...more }: Partial<MineOptions> & { until?: number } = {}) {
  const photos = await openPhotos(folder, { fallback: size });
  const stop = new AbortController();
  try {
    return await mine({
      engine: nodeEngine({ threads: 1 }),
      models: [model('a', 1), model('b', 2)],
      images: photos,
      batch: 8,
      memory: 2000,
      saveEvery: 0,
      created: new Date(0),
      signal: stop.signal,
      onProgress: ({ done }) => (done >= until ? stop.abort() : undefined),
      folder: into,
      ...more,
    });
  } finally {
    await photos.close();
  }
}

async function interrupted(until = 72) {
  const into = memoryFolder();
  await expect(run(into, { until })).rejects.toThrow(/abort/);
  return into;
}

beforeEach(async () => {
  for (let i = 0; i < 64; i++) await draw(i, i);
});

describe('a resumed run', () => {
  it('goes on over the photos it knows, copies of them as well', async () => {
    const whole = await run(memoryFolder());
    const into = await interrupted();
    const { mtimeMs } = statSync(photo(50));
    copyFileSync(photo(50), join(folder, 'copy'));
    rmSync(photo(50));
    copyFileSync(join(folder, 'copy'), photo(50));
    rmSync(join(folder, 'copy'));
    utimesSync(photo(50), 1, mtimeMs / 1000 - 1000);
    const notes: string[] = [];
    const seen: number[] = [];
    const again = await run(into, {
      onNote: (note) => notes.push(note),
      onProgress: ({ done }) => void seen.push(done),
    });
    expect(again).toEqual(whole);
    expect(notes).toEqual([]);
    expect(seen[1]).toBeGreaterThan(64);
  });

  it('refuses a photo that was replaced, and begins anew when told to', async () => {
    const into = await interrupted();
    await draw(50, 1000);
    await expect(run(into)).rejects.toThrow(/cannot resume: 50\.png of .* changed since .*--force/);
    const notes: string[] = [];
    const anew = await run(into, { restart: true, onNote: (note) => notes.push(note) });
    expect(notes).toEqual([
      expect.stringMatching(/^50\.png of .* changed since the unfinished run began; mining begins anew/),
    ]);
    expect(anew).toEqual(await run(memoryFolder()));
  });

  it('refuses a photo that can be read now', async () => {
    writeFileSync(photo(3), '');
    const into = await interrupted();
    await draw(3, 3);
    await expect(run(into)).rejects.toThrow(/cannot resume: 03\.png of .* changed/);
  });

  it('goes on beside a photo that cannot be decoded', async () => {
    writeFileSync(photo(3), 'no image');
    const notes: string[] = [];
    const again = await run(await interrupted(), { onNote: (note) => notes.push(note) });
    expect(again.images.unreadable.map(({ name }) => name)).toEqual(['03.png']);
    expect(notes).toEqual([]);
  });

  it('refuses other weights', async () => {
    const into = await interrupted();
    await expect(run(into, { models: [model('a', 1), model('b', 3)] })).rejects.toThrow(
      /cannot resume: the weights of b changed since/,
    );
  });
});

it('a photo that changes between two passes ends the run', async () => {
  const stale = async (done: number) => (done === 72 ? draw(50, 1000) : undefined);
  await expect(run(memoryFolder(), { onProgress: ({ done }) => stale(done) })).rejects.toThrow(
    /50\.png of .* has changed since it was first read/,
  );
});
