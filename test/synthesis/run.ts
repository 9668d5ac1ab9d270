// A small run over the samples of two generators and what two encoders see of them, for tests of pairs and targets.
// Grids differ along both axes, so that guides are smaller, larger, and both, than the units that they guide.

import { expect } from 'vitest';
import { generatedSource } from '../../src/images/generated.ts';
import { mine } from '../../src/mining/mine.ts';
import { readDictionary, readMoments } from '../../src/mining/run/read-run.ts';
import { memoryFolder } from '../../src/files/folder.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import type { Encoder } from '../../src/zoo/model.ts';
import { linearGenerator, linearModel } from '../mining/fixtures.ts';

export const engine = nodeEngine();

const layer = (name: string, channels: number, height: number, width: number, offset = 0) => ({
  layer: name,
  channels,
  height,
  width,
  offset,
});

// Layers of one shape have functions in common: their odd channels correlate.
export const gan = linearGenerator('gan', [layer('g/1', 160, 3, 3, 2), layer('g/2', 7, 5, 2)], 1);
export const style = linearGenerator('style', [layer('s', 160, 3, 3), layer('t', 7, 2, 4, -1)], 2);
export const a = linearModel('a', [layer('x', 160, 3, 3, 1)], 3);
export const b = linearModel('b', [layer('y', 7, 2, 4), layer('z', 160, 3, 3)], 4);
export const encoders: readonly Encoder[] = [a, b];
export const sources = [
  generatedSource(gan, { samples: 64, seed: 1 }),
  generatedSource(style, { samples: 64, seed: 2 }),
];

/** Mines with twins; `controls` also splits the images in halves and pairs them at random. */
export async function smallRun(controls = true) {
  const folder = memoryFolder();
  const models = [a, gan, b, style];
  const mined = await mine({
    engine,
    folder,
    models,
    images: sources,
    twins: true,
    anchors: ['a'],
    nullModel: controls,
  });
  const dictionary = await readDictionary(folder, 'run');
  expect(dictionary).toEqual(JSON.parse(JSON.stringify(mined)));
  return { folder, dictionary, moments: await readMoments(folder, 'run') };
}

/** Options that take all pairs, of chance too. */
export const everything = { maxQ: 1, replicatedOnly: false, limit: 100_000 } as const;
