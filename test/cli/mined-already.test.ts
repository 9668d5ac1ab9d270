// A run that was killed when all was mined: it gets its page, unless its dictionary is damaged or of other settings.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { mineInto, openRunFolder } from '../../src/cli/run-folder.ts';
import type { Dictionary } from '../../src/mining/run/dictionary.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { linearModel, noiseImages } from '../mining/fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'rosetta-mined-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const layer = { channels: 4, height: 3, width: 3 };
const options = {
  engine: nodeEngine({ threads: 1 }),
  models: [linearModel('a', [{ layer: 'x', ...layer }], 1), linearModel('b', [{ layer: 'y', ...layer }], 2)],
  images: noiseImages(16),
};

/** As a process leaves it that is killed before the results are put in place. */
async function killed(name: string) {
  const output = await openRunFolder(join(folder, name));
  const broken = { ...output, finish: () => Promise.reject(new Error('killed')) };
  await expect(mineInto(broken, options)).rejects.toThrow('killed');
  return { path: join(folder, name), file: join(output.path, 'dictionary.json') };
}

async function again(path: string, more = {}): Promise<{ mined: number; notes: string[]; dictionary: Dictionary }> {
  const notes: string[] = [];
  let mined = 0;
  const told = { onNote: (note: string) => notes.push(note), onProgress: () => void mined++ };
  await mineInto(await openRunFolder(path), { ...options, ...told, ...more });
  return { mined, notes, dictionary: JSON.parse(readFileSync(join(path, 'dictionary.json'), 'utf8')) as Dictionary };
}

it('is taken as it is', async () => {
  const { path, file } = await killed('whole');
  const { created } = JSON.parse(readFileSync(file, 'utf8')) as Dictionary;
  const { mined, notes, dictionary } = await again(path);
  expect({ mined, notes, created: dictionary.created }).toEqual({ mined: 0, notes: [], created });
});

it('is mined anew when its dictionary is damaged', async () => {
  const { path, file } = await killed('damaged');
  writeFileSync(file, '{"schemaVersion":');
  const { mined, notes } = await again(path);
  expect(mined).toBeGreaterThan(0);
  expect(notes).toEqual([expect.stringMatching(/dictionary\.json is damaged .*; mining begins anew$/)]);
});

it('is mined anew with other settings', async () => {
  const { path } = await killed('other');
  const { mined, dictionary } = await again(path, { anchors: ['a'], conceptThreshold: 0.9 });
  expect(mined).toBeGreaterThan(0);
  expect(dictionary.options).toMatchObject({ anchors: ['a'], conceptThreshold: 0.9 });
});
