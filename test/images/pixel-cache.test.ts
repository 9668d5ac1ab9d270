// Photos of an archive are decoded once, and again when the archive has changed or what was kept is damaged.
// The decoding is tested in test/training/loop/photos.test.ts.

import { readdir, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { expect, it } from 'vitest';
import { cachedPixels } from '../../src/images/node/pixel-cache.ts';
import { loadPixels } from '../../src/images/node/pixels.ts';
import { noise, png, temporaryFolder, writeFiles } from './pictures.ts';

const size = { height: 6, width: 5 };

/** An archive of photos, one of them broken, and a folder to keep them in. `decoded` counts photos that were decoded. */
async function archive(seeds: readonly number[]) {
  const folder = await temporaryFolder();
  const [path, kept] = [join(folder, 'photos.zip'), join(folder, 'kept')];
  const pack = async (from: readonly number[]) => {
    const photos = await Promise.all(from.map((seed) => png(noise(5, 6, seed), 5, 6)));
    const entries = photos.map((bytes, i) => [`${i % 2 ? 'bee' : 'ant'}/${i}.png`, new Uint8Array(bytes)] as const);
    const broken = ['bee/broken.png', new TextEncoder().encode('no picture')] as const;
    await writeFile(path, zipSync(Object.fromEntries([...entries, broken]), { level: 0 }));
  };
  await pack(seeds);
  let decoded = 0;
  const open = async (options: object = {}) => {
    decoded = 0;
    const onProgress = ({ done }: { readonly done: number }) => void (decoded = done);
    return { set: await cachedPixels(path, { size, onProgress, ...options }, kept), decoded };
  };
  const files = async () => (await readdir(kept)).map((name) => join(kept, name));
  return { folder, path, kept, pack, open, files };
}

it('decodes an archive once: the second time it is read from what was kept, and is the same', async () => {
  const { path, open, files } = await archive([1, 2, 3]);
  const first = await open();
  expect(first.decoded).toBe(4);
  expect(first.set).toEqual(await loadPixels(path, { size }));
  expect(first.set).toMatchObject({ n: 3, classes: ['ant', 'bee'], unreadable: [{ name: 'bee/broken.png' }] });
  const second = await open();
  expect(second.decoded).toBe(0);
  expect(second.set).toEqual(first.set);
  expect(await files()).toHaveLength(1);
  // Another size is another set.
  expect((await open({ size: { height: 3, width: 3 } })).decoded).toBe(4);
  expect(await files()).toHaveLength(2);
});

it('decodes a changed archive anew, even one of the same length', async () => {
  const { path, pack, open } = await archive([1, 2]);
  const first = await open();
  const before = await stat(path);
  await pack([3, 4]);
  await utimes(path, before.atime, new Date(before.mtimeMs + 2000));
  expect((await stat(path)).size).toBe(before.size);
  const { set, decoded } = await open();
  expect(decoded).toBe(3);
  expect(set.pixels).not.toEqual(first.set.pixels);
  expect(set).toEqual(await loadPixels(path, { size }));
});

it.each([
  ['cut off', (file: string) => truncate(file, 200)],
  ['empty', (file: string) => truncate(file, 0)],
  ['something else', (file: string) => writeFile(file, 'no tensors at all')],
  [
    'of other photos than it says',
    async (file: string) => {
      const text = (await readFile(file)).toString('latin1');
      await writeFile(file, text.replace('\\"n\\":2', '\\"n\\":3'), 'latin1');
    },
  ],
  [
    'of classes that are no names',
    async (file: string) => {
      const text = (await readFile(file)).toString('latin1');
      await writeFile(file, text.replace('[\\"ant\\",\\"bee\\"]', '[\\"ant\\",  12345]'), 'latin1');
    },
  ],
  [
    'without its description',
    async (file: string) => {
      const text = (await readFile(file)).toString('latin1');
      await writeFile(file, text.replace('"set":', '"sat":'), 'latin1');
    },
  ],
])('makes a kept file anew that is %s', async (_, damage) => {
  const { open, files } = await archive([1, 2]);
  const { set } = await open();
  const [file] = await files();
  const before = await readFile(file);
  await damage(file);
  expect((await readFile(file)).equals(before)).toBe(false);
  const again = await open();
  expect(again.decoded).toBe(3);
  expect(again.set).toEqual(set);
  expect((await readFile(file)).equals(before)).toBe(true);
  expect((await open()).decoded).toBe(0);
});

it('decodes folders anew, and archives where nothing can be kept', async () => {
  const { folder, path } = await archive([1]);
  const inside = join(folder, 'tree');
  await writeFiles(inside, { 'ant/0.png': await png(noise(5, 6, 1), 5, 6) });
  const kept = join(folder, 'none');
  const set = await cachedPixels(inside, { size }, kept);
  await writeFiles(inside, { 'ant/1.png': await png(noise(5, 6, 2), 5, 6) });
  expect([set.n, (await cachedPixels(inside, { size }, kept)).n]).toEqual([1, 2]);
  await expect(readdir(kept)).rejects.toThrow(/ENOENT/);
  // A file is in the place of the folder.
  expect(await cachedPixels(path, { size }, path)).toEqual(await loadPixels(path, { size }));
});

it('is as strict as it is asked to be, from what was kept too', async () => {
  const { open } = await archive([1, 2]);
  await open();
  await expect(open({ strict: true })).rejects.toThrow(/broken\.png/);
});
