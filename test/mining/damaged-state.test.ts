// An unfinished run whose state is damaged: it begins anew, says so, and comes to what an undisturbed run finds.
// Flipped numbers inside of a file's data are not told: files have no checksums.

import { expect, it } from 'vitest';
import { memoryFolder } from '../../src/files/folder.ts';
import { safetensorsChunks } from '../../src/files/safetensors.ts';
import { mine, type MineOptions } from '../../src/mining/mine.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { linearModel, noiseImages } from './fixtures.ts';
import { joined } from '../fuzz/generators/bytes.ts';

const options: MineOptions = {
  engine: nodeEngine(),
  models: [
    linearModel('a', [{ layer: 'x', channels: 5, height: 4, width: 4 }], 1),
    linearModel('b', [{ layer: 'y', channels: 4, height: 4, width: 4 }], 2),
  ],
  images: noiseImages(64),
  batch: 8,
  saveEvery: 0,
  created: new Date(0),
};

async function interrupted() {
  const folder = memoryFolder();
  const stop = new AbortController();
  const onProgress = ({ done }: { readonly done: number }) => (done >= 24 ? stop.abort() : undefined);
  await expect(mine({ ...options, folder, signal: stop.signal, onProgress })).rejects.toThrow();
  return folder;
}

const damages: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  'cut short': (bytes) => bytes.slice(0, bytes.length >> 1),
  empty: () => new Uint8Array(),
  'with a flipped byte': (bytes) => bytes.map((byte, i) => (i === 0 ? byte ^ 0xff : byte)),
  'of another type': (bytes) =>
    bytes[0] === 0x7b ? new TextEncoder().encode('[1]') : joined(...safetensorsChunks(new Map())),
};

const undisturbed = await mine(options);
const names = [...(await interrupted()).files.keys()].filter((name) => name.startsWith('partial/'));

it('a state that is whole is resumed without a note', async () => {
  const notes: string[] = [];
  expect(await mine({ ...options, folder: await interrupted(), onNote: (note) => notes.push(note) })).toEqual(undisturbed); // prettier-ignore
  expect(notes).toEqual([]);
  expect(names.length).toBeGreaterThan(4);
});

it.each(Object.entries(damages))('a state with a file that is %s', async (_, damage) => {
  for (const name of names) {
    const folder = await interrupted();
    folder.files.set(name, damage(folder.files.get(name)!));
    const notes: string[] = [];
    expect(await mine({ ...options, folder, onNote: (note) => notes.push(note) })).toEqual(undisturbed);
    expect([name, notes]).toEqual([name, [expect.stringMatching(/^partial\/.*is damaged; mining begins anew$/)]]);
  }
});
