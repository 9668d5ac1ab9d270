import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { imageSetOf, type ImageSet } from '../../src/images/image-set.ts';
import { commonSize, ImageLoader, openImages } from '../../src/images/node.ts';
import type { ImageSource } from '../../src/images/source.ts';
import { noise, planar, png, temporaryFolder, writeFiles } from './pictures.ts';

const size = { height: 6, width: 8 };
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const name = (index: number): string => `${String(index).padStart(3, '0')}.png`;

/** A set in memory; `broken` gives what stands in the place of some images. */
async function setOf(count: number, broken: Record<number, Uint8Array> = {}): Promise<ImageSet> {
  const entries = new Map<string, () => Promise<Uint8Array>>();
  for (const index of range(count)) {
    const bytes = broken[index] ?? (await png(noise(size.width, size.height, index + 1), size.width, size.height));
    entries.set(name(index), async () => {
      // Later images are ready earlier.
      await sleep((index * 5) % 4);
      return bytes;
    });
  }
  return imageSetOf('pictures', entries);
}

const cut = async (): Promise<Uint8Array> => (await png(noise(8, 6), 8, 6)).subarray(0, 80);

async function load(
  loader: ImageSource,
  indices: number[],
  batch: number,
): Promise<{ sizes: number[]; seen: number[] }> {
  const sizes: number[] = [];
  const seen: number[] = [];
  const area = 3 * size.height * size.width;
  for await (const { indices: some, data } of loader.batches(indices, batch)) {
    expect(data.length).toBe(some.length * area);
    for (const [i, index] of some.entries()) {
      expect(data.subarray(i * area, (i + 1) * area)).toEqual(planar(noise(size.width, size.height, index + 1)));
    }
    sizes.push(some.length);
    seen.push(...some);
  }
  return { sizes, seen };
}

describe('ImageLoader', () => {
  it('gives full batches in the order of the indices, with repetitions', async () => {
    const loader = new ImageLoader(await setOf(20), size);
    expect([loader.source, loader.names.length]).toEqual(['pictures', 20]);
    const order = [...range(20).reverse(), 3, 3, 7];
    expect(await load(loader, order, 5)).toEqual({ sizes: [5, 5, 5, 5, 3], seen: order });
    expect(await load(loader, [], 5)).toEqual({ sizes: [], seen: [] });
    expect(loader.unreadable).toEqual([]);
  });

  it.each([1, 2, 3, 7, 16, 100])('skips the same images, once reported, with batches of %i', async (batch) => {
    const broken = {
      0: new Uint8Array(0),
      4: await cut(),
      5: Buffer.from('no image, by no means'),
      18: await cut(),
      19: await cut(),
    };
    for (const parallel of [1, 3, 50]) {
      const loader = new ImageLoader(await setOf(20, broken), { ...size, parallel });
      const readable = range(20).filter((i) => !(i in broken));
      const { sizes, seen } = await load(loader, range(20), batch);
      expect(seen).toEqual(readable);
      expect(sizes.slice(0, -1).every((n) => n === batch)).toBe(true);
      const reported = [
        { name: '000.png', reason: 'the file is empty' },
        { name: '004.png', reason: 'the PNG data are broken or cut short' },
        { name: '005.png', reason: 'the content is not JPEG, PNG, WebP, AVIF or TIFF' },
        { name: '018.png', reason: 'the PNG data are broken or cut short' },
        { name: '019.png', reason: 'the PNG data are broken or cut short' },
      ];
      expect(loader.unreadable).toEqual(reported);
      await load(loader, range(20), batch);
      expect(loader.unreadable).toEqual(reported);
    }
  });

  it('gives no batch when nothing can be read', async () => {
    const loader = new ImageLoader(await setOf(2, { 0: await cut(), 1: await cut() }), size);
    expect(await load(loader, [0, 1], 2)).toEqual({ sizes: [], seen: [] });
    expect(loader.unreadable.length).toBe(2);
  });

  it('stops at the first unreadable image when strict, and names it', async () => {
    const broken = { 3: new Uint8Array(0), 2: await cut() };
    const loader = new ImageLoader(await setOf(9, broken), { ...size, strict: true });
    const failure: unknown = await load(loader, range(9), 2).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect((failure as UserError).message).toMatch(
      /^002\.png of pictures cannot be read: the PNG data are broken or cut short; /,
    );
    expect(loader.unreadable.length).toBe(1);
  });

  it('brings pictures of other sizes into the frame', async () => {
    const folder = await temporaryFolder();
    await writeFiles(folder, { 'a.png': await png(noise(40, 30), 40, 30), 'b.png': await png(noise(5, 5), 5, 5) });
    const loader = new ImageLoader(await openImages(folder), size);
    for await (const { indices, data } of loader.batches([0, 1], 2)) {
      expect([indices, data.length]).toEqual([[0, 1], 2 * 3 * 48]);
      expect(data.every((value) => value >= 0 && value <= 1)).toBe(true);
    }
    expect(loader.unreadable).toEqual([]);
  });

  it('decodes ahead while the consumer works, two batches and no more', async () => {
    const set = await setOf(40);
    let reads = 0;
    const counted: ImageSet = { ...set, read: (index) => set.read((reads++, index)) };
    const batches = new ImageLoader(counted, { ...size, parallel: 2 }).batches(range(40), 4);
    await batches.next();
    await expect.poll(() => reads).toBe(4 + 8);
    await sleep(20);
    expect(reads).toBe(4 + 8);
    await batches.return();
  });

  it('can be left early: nothing is read after that, and nothing fails unheard', async () => {
    const broken: Record<number, Uint8Array> = {};
    for (const i of range(40).slice(3)) broken[i] = new Uint8Array(0);
    const set = await setOf(40, broken);
    const loader = new ImageLoader(set, { ...size, parallel: 4 });
    for await (const { indices } of loader.batches(range(40), 3)) {
      expect(indices).toEqual([0, 1, 2]);
      break;
    }
    await set.close();
    await sleep(20);
    expect(loader.unreadable).toEqual([]);
    await loader.batches(range(40), 3).return();
  });

  it('does not take a mistake in the program for an unreadable image', async () => {
    const loader = new ImageLoader(await setOf(3), size);
    await expect(load(loader, [0, 3], 2)).rejects.toThrow(RangeError);
    await expect(load(loader, [0], 0)).rejects.toThrow(RangeError);
    const set = await setOf(3);
    await set.close();
    await expect(load(new ImageLoader(set, size), [0], 1)).rejects.toThrow('is closed');
  });
});

describe('commonSize', () => {
  it('is the size that all have, those apart that cannot be read', async () => {
    const set = await setOf(6, {
      1: await png(noise(9, 6), 9, 6),
      4: new Uint8Array(0),
      5: Buffer.from('no image at all'),
    });
    expect(await commonSize(set, [0, 2, 3, 4, 5])).toEqual(size);
    expect(await commonSize(set, [4, 1])).toEqual({ height: 6, width: 9 });
    expect(await commonSize(set, [0, 1, 2])).toBeUndefined();
    expect(await commonSize(set, [4, 5])).toBeUndefined();
    expect(await commonSize(set, [])).toBeUndefined();
  });
});
