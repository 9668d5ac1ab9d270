import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.ts';
import { chooseSamples } from '../../../src/images/index.ts';
import { loadPixels } from '../../../src/images/node.ts';
import { batchOf, noun, shuffled, stepsOf } from '../../../src/training/loop/photos.ts';
import { noise, png, temporaryFolder, webp, writeFiles } from '../../images/pictures.ts';

const archive = join(import.meta.dirname, '../../../../shared/data/cifar10-test.tar.gz');

describe('shuffled', () => {
  it('is a permutation, another in each epoch and for each seed', () => {
    const order = shuffled(3, 0, 1000);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(shuffled(3, 0, 1000)).toEqual(order);
    for (const other of [shuffled(3, 1, 1000), shuffled(4, 0, 1000)]) {
      // A random permutation has one fixed point on average, more than 8 with probability 1e-6.
      expect(other.filter((index, i) => index === order[i]).length).toBeLessThan(9);
    }
  });

  it('makes all 24 permutations of four equally often over the epochs', () => {
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 12_000; epoch++) {
      const key = shuffled(0, epoch, 4).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // Chi-square with 23 degrees of freedom: 49.7 is exceeded with probability 0.001.
    expect([...counts.values()].reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0)).toBeLessThan(49.7);
  });
});

describe('batchOf', () => {
  const set = { n: 103 };

  it('shows every photo at most once an epoch, and leaves out the rest', () => {
    expect(stepsOf(set, 10)).toBe(10);
    const seen = Array.from({ length: 10 }, (_, step) => [...batchOf(set, 7, step, 10)]).flat();
    expect(new Set(seen).size).toBe(100);
    expect(seen).toEqual([...shuffled(7, 0, 103).subarray(0, 100)]);
    expect([...batchOf(set, 7, 25, 10)]).toEqual([...shuffled(7, 2, 103).subarray(50, 60)]);
  });

  it('depends on nothing that was asked for before', () => {
    const later = batchOf(set, 7, 1234, 16);
    for (const [seed, step] of [
      [7, 0],
      [8, 1234],
      [7, 1235],
    ]) {
      batchOf(set, seed, step, 16).fill(0);
      expect(batchOf({ n: 103 }, 7, 1234, 16)).toEqual(later);
      expect(batchOf(set, 7, 1234, 16)).toEqual(later);
    }
  });

  it('refuses batches that no epoch fills, and seeds that are not whole', () => {
    for (const size of [0, 2.5, 104]) expect(() => batchOf(set, 0, 0, size)).toThrow(UserError);
    expect(() => batchOf({ n: 4 }, 0.5, 0, 2)).toThrow(/seed/);
  });
});

it('reads nouns off the file names of CIFAR', () => {
  expect(noun('train/airplane/aeroplane_s_000045.webp')).toBe('aeroplane');
  expect(noun('south_american_bullfrog_s_001.png')).toBe('south american bullfrog');
  expect(noun('d.1/my_photo.of.sea.jpeg')).toBe('my photo.of.sea');
});

describe('loadPixels', () => {
  it('labels photos by their folders, and leaves out what cannot be read', async () => {
    const folder = await temporaryFolder();
    const [a, b, c, d] = [1, 2, 3, 4].map((seed) => noise(5, 4, seed));
    await writeFiles(folder, {
      'one/zebra/a.png': await png(a, 5, 4),
      'one/zebra/broken.png': 'not an image',
      'two/ant/b.webp': await webp(b, 5, 4),
      'two/zebra/c.png': await png(c, 5, 4),
      'top.png': await png(d, 5, 4),
    });
    const calls: number[][] = [];
    const size = { height: 4, width: 5 };
    const set = await loadPixels(folder, { size, onProgress: ({ done, total }) => void calls.push([done, total]) });
    expect(set.names).toEqual(['one/zebra/a.png', 'top.png', 'two/ant/b.webp', 'two/zebra/c.png']);
    const top = folder.slice(folder.lastIndexOf('/') + 1);
    expect(set.classes).toEqual(['ant', top, 'zebra']);
    expect([...set.labels]).toEqual([2, 1, 0, 2]);
    expect([set.n, set.height, set.width, set.pixels.length]).toEqual([4, 4, 5, 240]);
    const planes = [a, d, b, c].flatMap((image) => [0, 1, 2].map((k) => image.filter((_, i) => i % 3 === k)));
    expect([...set.pixels]).toEqual(planes.flatMap((plane) => [...plane]));
    expect(set.unreadable).toEqual([
      { name: 'one/zebra/broken.png', reason: 'the content is not JPEG, PNG, WebP, AVIF or TIFF' },
    ]);
    expect(calls).toEqual([[5, 5]]);
    await expect(loadPixels(folder, { size, strict: true })).rejects.toThrow(/broken\.png/);
  });

  it('refuses more than memory should hold, and sets of which nothing can be read', async () => {
    const folder = await temporaryFolder();
    await writeFiles(folder, { 'a.png': 'nothing', 'b.png': 'nothing' });
    const size = { height: 32, width: 32 };
    await expect(loadPixels(folder, { size })).rejects.toThrow(/no photo .* can be read: a\.png/);
    await expect(loadPixels(folder, { size: { height: 40_000, width: 40_000 } })).rejects.toThrow(UserError);
  });

  it.skipIf(!existsSync(archive))('reads photos of CIFAR-10 exactly (needs ../shared/data)', async () => {
    const listed = execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' }).split('\n');
    const all = listed.filter((name) => name.endsWith('.webp'));
    expect([all.length, new Set(all.map(noun)).size]).toEqual([10_000, 356]);
    const chosen = chooseSamples(all.length, 200, 1).map((i) => all[i]);
    const folder = await temporaryFolder();
    execFileSync('tar', ['-xzf', archive, '-C', folder, ...chosen]);
    const set = await loadPixels(folder, { size: { height: 32, width: 32 } });
    expect(set.classes).toEqual('airplane automobile bird cat deer dog frog horse ship truck'.split(' '));
    expect([...set.names].sort()).toEqual([...chosen].sort());
    for (const [i, name] of set.names.entries()) {
      expect(name.split('/')[1]).toBe(set.classes[set.labels[i]]);
      const bytes = await sharp(await readFile(join(folder, name)))
        .raw()
        .toBuffer();
      const planes = Uint8Array.from(bytes, (_, at) => bytes[3 * (at % 1024) + Math.floor(at / 1024)]);
      expect(set.pixels.subarray(i * 3072, (i + 1) * 3072)).toEqual(planes);
    }
  });
});
