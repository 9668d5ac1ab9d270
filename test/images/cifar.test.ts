import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { chooseSamples } from '../../src/images/index.ts';
import { commonSize, ImageLoader, openImages } from '../../src/images/node.ts';
import { planar, temporaryFolder } from './pictures.ts';

const archive = join(import.meta.dirname, '../../../shared/data/cifar10-test.tar.gz');

it.skipIf(!existsSync(archive))('reads CIFAR-10 from its archive as from files (needs ../shared/data)', async () => {
  const set = await openImages(archive);
  expect(set.names.length).toBe(10_000);
  expect(set.names[0]).toBe('test/airplane/aeroplane_s_000002.webp');
  const chosen = chooseSamples(10_000, 256, 0);
  expect(await commonSize(set, chosen)).toEqual({ height: 32, width: 32 });
  const loader = new ImageLoader(set, { height: 32, width: 32 });
  const { value: batch } = await loader.batches(chosen, 256).next();

  const folder = await temporaryFolder();
  execFileSync('tar', ['-xzf', archive, '-C', folder, ...chosen.map((i) => set.names[i])]);
  let sum = 0;
  for (const [row, index] of chosen.entries()) {
    const pixels = await sharp(await readFile(join(folder, set.names[index])))
      .raw()
      .toBuffer();
    expect(batch!.data.subarray(row * 3072, (row + 1) * 3072)).toEqual(planar(pixels));
    for (const value of pixels) sum += value;
  }
  const mean = batch!.data.reduce((total, value) => total + value, 0) / batch!.data.length;
  expect(mean).toBeCloseTo(sum / 255 / (256 * 3072), 6);
  // The mean of the whole test set is known to be 0.4766; that of 256 images scatters around it by 0.008.
  expect(Math.abs(mean - 0.4766)).toBeLessThan(0.03);
  expect([batch!.indices, loader.unreadable]).toEqual([chosen, []]);
  await set.close();
});
