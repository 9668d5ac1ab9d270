// Files of a few bytes that claim gigabytes: refused before the memory is spent.

import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryGate } from '../../src/images/limits.ts';
import { ImageLoader, lookForPhotos, openImages, openPhotos } from '../../src/images/node.ts';
import { noise, png, temporaryFolder, writeFiles } from './pictures.ts';

const mebi = 2 ** 20;

/** A picture of one colour. */
const plain = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#123' }, limitInputPixels: false })
    .webp({ lossless: true, effort: 0 })
    .toBuffer();

async function tarOf(entries: [Parameters<ReturnType<typeof pack>['entry']>[0], Uint8Array][]): Promise<Buffer> {
  const stream = pack();
  for (const [header, content] of entries) stream.entry(header, Buffer.from(content));
  stream.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** Runs a program on the library in a process of its own. @returns what it prints, and its peak of memory in bytes. */
function child(program: string): { lines: string[]; peak: number } {
  // The kernel's own count of the process: that of getrusage begins with what its parent took.
  const source = `import * as images from './src/images/node.ts';
    import { existsSync, readFileSync } from 'node:fs';
    const range = (length) => Array.from({ length }, (_, i) => i);
    ${program}
    const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'latin1') : '';
    console.log(1024 * Number(/VmHWM:\\s+(\\d+)/.exec(status)?.[1] ?? process.resourceUsage().maxRSS));`;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', source],
    { encoding: 'utf8', cwd: join(import.meta.dirname, '../..') },
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const lines = stdout.trim().split('\n');
  return { peak: Number(lines.pop()), lines };
}

describe('MemoryGate', () => {
  it('lets in what fits, and those who wait in their order', async () => {
    const gate = new MemoryGate(10);
    const done: string[] = [];
    await gate.take(6);
    const large = gate.take(8).then(() => done.push('large'));
    const small = gate.take(2).then(() => done.push('small'));
    await sleep(1);
    expect(done).toEqual([]);
    expect([gate.tryTake(5), gate.tryTake(4)]).toEqual([false, true]);
    gate.give(6);
    gate.give(4);
    await Promise.all([large, small]);
    expect(done).toEqual(['large', 'small']);
    expect([gate.tryTake(1), gate.limit]).toEqual([false, 10]);
  });
});

describe('photos of a few bytes that decode to gigabytes', () => {
  it('are unreadable where they exceed the memory, which is not spent', async () => {
    const folder = await temporaryFolder();
    const bomb = await plain(8000, 8000);
    const photo = await png(noise(16, 16), 16, 16);
    expect(bomb.length).toBeLessThan(10_000);
    await writeFiles(folder, { 'a.webp': bomb, 'b.webp': bomb, 'c.webp': bomb, 'd.png': photo });
    const { lines, peak } = child(`
      const memory = 64 * 2 ** 20;
      const photos = await images.openPhotos(${JSON.stringify(folder)}, { fallback: { height: 32, width: 32 }, memory });
      let count = 0;
      for await (const { indices } of photos.batches(range(4), 4)) count += indices.length;
      console.log(count, JSON.stringify(photos.unreadable));`);
    const reason = 'decoding it takes 612 MiB, more than the 56 MiB that images may take; raise --memory or shrink it';
    const unreadable = ['a', 'b', 'c'].map((name) => ({ name: `${name}.webp`, reason }));
    expect(lines).toEqual([`1 ${JSON.stringify(unreadable)}`]);
    // The program itself takes about 100 MiB; one of the three alone 600.
    expect(peak).toBeLessThan(300 * mebi);
  });

  it('are decoded one at a time where only one fits', async () => {
    const folder = await temporaryFolder();
    const large = await plain(4000, 4000);
    await writeFiles(folder, Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`${name}.webp`, large])));
    const { lines, peak } = child(`
      const size = { height: 32, width: 32 };
      const loader = new images.ImageLoader(await images.openImages(${JSON.stringify(folder)}), {
        ...size, memory: 200 * 2 ** 20, parallel: 4 });
      let count = 0;
      for await (const { indices } of loader.batches(range(4), 4)) count += indices.length;
      console.log(count, loader.unreadable.length);`);
    expect(lines).toEqual(['4 0']);
    expect(peak).toBeLessThan(430 * mebi);
  });

  it('may have as many pixels as one allows', async () => {
    const folder = await temporaryFolder();
    await writeFiles(folder, { 'a.webp': await plain(100, 60), 'b.webp': await plain(50, 60) });
    const set = await openImages(folder);
    const loader = new ImageLoader(set, { height: 8, width: 8, maxPixels: 5000 });
    const seen: number[] = [];
    for await (const { indices } of loader.batches([0, 1], 2)) seen.push(...indices);
    expect(seen).toEqual([1]);
    expect(loader.unreadable).toEqual([{ name: 'a.webp', reason: 'the image has more than 0.005 million pixels' }]);
  });
});

describe('entries of archives that inflate to more than a photo', () => {
  const bomb = new Uint8Array(300 * mebi);
  const reason = /are more than the \d+ MiB of an image$/;

  it.each(['x.tar.gz', 'x.zip', 'x.tar'])('%s: are refused before they are inflated', async (name) => {
    const path = join(await temporaryFolder(), name);
    const small = await png(noise(16, 16), 16, 16);
    const content = name.endsWith('zip')
      ? zipSync({ 'a.png': [bomb, { level: 1 }], 'b.png': small })
      : await tarOf([
          [{ name: 'a.png' }, bomb],
          [{ name: 'b.png' }, small],
        ]);
    await writeFile(path, name.endsWith('gz') ? gzipSync(content, { level: 1 }) : content);
    const { lines, peak } = child(`
      const set = await images.openImages(${JSON.stringify(path)});
      console.log(await set.read(0).catch((error) => error.message));
      console.log((await set.read(1)).length);`);
    expect(lines[0]).toMatch(reason);
    expect(lines[1]).toBe(String(small.length));
    expect(peak).toBeLessThan(300 * mebi);
  });

  it('a header of a tar archive that never ends is refused', async () => {
    const path = join(await temporaryFolder(), 'x.tgz');
    const archive = await tarOf([[{ name: 'a.png', pax: { comment: 'x'.repeat(100) } }, new Uint8Array(1)]]);
    // The size of the pax header, and with it the sum of its block.
    archive.write('07777777777\0', 124, 'latin1');
    archive.fill(' ', 148, 156);
    const sum = archive.subarray(0, 512).reduce((a, b) => a + b, 0);
    archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    await writeFile(path, gzipSync(Buffer.concat([archive, bomb]), { level: 1 }));
    const { lines, peak } = child(`
      console.log(await images.openImages(${JSON.stringify(path)}).catch((error) => error.message));`);
    expect(lines[0]).toMatch(/x\.tgz is not a complete tar archive \(Header exceeds max size\)/);
    expect(peak).toBeLessThan(300 * mebi);
  });
});

describe('lookForPhotos', () => {
  it('finds one that can be read, and tells when there is none', async () => {
    const folder = await temporaryFolder();
    await writeFiles(folder, { 'a.png': Buffer.from('broken') });
    await expect(lookForPhotos(folder)).rejects.toThrow(/^no photo of .* can be read: a\.png: the content is not JPEG/);
    await writeFiles(folder, { 'b.png': await png(noise(8, 8), 8, 8) });
    const set = await lookForPhotos(folder);
    onTestFinished(() => set.close());
    expect(set.names).toEqual(['a.png', 'b.png']);
    const photos = await openPhotos(folder, { fallback: { height: 8, width: 8 }, memory: 64 * mebi });
    onTestFinished(() => photos.close());
    expect(photos.memory).toBe(64 * mebi);
  });
});
