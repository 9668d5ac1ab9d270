// A screened run that is cut off anywhere, and goes on, ends as one that was left alone.

import { describe, expect, it } from 'vitest';
import { memoryFolder } from '../../../src/files/folder.ts';
import { mine, type MineOptions } from '../../../src/mining/mine.ts';
import { nodeEngine } from '../../../src/runtime/node.ts';
import { cutAfter } from '../cut.ts';
import { linearModel, noiseImages } from '../fixtures.ts';
import { expectSame } from '../same.ts';

const engine = nodeEngine();
const layer = (name: string, channels: number, side: number) => ({ layer: name, channels, height: side, width: side });

const options = (): MineOptions => ({
  engine,
  models: [
    linearModel('a', [layer('x', 30, 6), layer('y', 12, 3)], 1),
    linearModel('b', [layer('z', 40, 4)], 2),
    linearModel('c', [layer('w', 20, 5)], 3),
  ],
  images: noiseImages(29, 6, 5, [4, 17]),
  scores: 'screened',
  batch: 4,
  saveEvery: 0,
  created: new Date(0),
});

describe('an interrupted screened run', () => {
  it('gives the same dictionary and neighbours wherever it was cut', async () => {
    const whole = memoryFolder();
    const told = cutAfter(Infinity);
    const expected = await mine({ ...options(), folder: whole, onProgress: told.onProgress });
    expect(expected.screening!.audit.units).toBeGreaterThan(0);
    const screening = told.seen.findIndex(({ stage }) => stage === 'screening');
    expect(screening).toBeGreaterThan(3);
    const last = told.seen.findLastIndex(({ stage }) => stage === 'correlating');
    for (const cut of [2, 5, screening, screening + 1, screening + 3, last - 2, last + 1]) {
      const folder = memoryFolder();
      await expect(mine({ ...options(), folder, onProgress: cutAfter(cut).onProgress })).rejects.toThrow('cut');
      const again = cutAfter(Infinity);
      const dictionary = await mine({ ...options(), folder, onProgress: again.onProgress });
      expectSame(dictionary, expected);
      expect([...folder.files.keys()].sort()).toEqual([...whole.files.keys()].sort());
      for (const name of [...whole.files.keys()].filter((file) => file.startsWith('neighbours/')))
        expect(folder.files.get(name)).toEqual(whole.files.get(name));
      const batches = ({ seen }: typeof told) => seen.filter(({ stage }) => stage === 'correlating').length;
      if (cut > 2) expect(batches(again)).toBeLessThan(batches(told));
    }
  });

  it('begins anew, saying so, when its candidates are damaged', async () => {
    const folder = memoryFolder();
    const told = cutAfter(Infinity);
    const expected = await mine({ ...options(), folder: memoryFolder(), onProgress: told.onProgress });
    const cut = told.seen.findLastIndex(({ stage }) => stage === 'correlating') - 1;
    await expect(mine({ ...options(), folder, onProgress: cutAfter(cut).onProgress })).rejects.toThrow('cut');
    const current = JSON.parse(new TextDecoder().decode(folder.files.get('partial/current.json'))) as { number: number; groups: string[] }; // prettier-ignore
    const place = current.groups.indexOf('candidates');
    expect(place).toBeGreaterThan(0);
    const other = folder.files.get(`partial/${current.number}/${current.groups.indexOf('exact')}.safetensors`)!;
    folder.files.set(`partial/${current.number}/${place}.safetensors`, other);
    const notes: string[] = [];
    const dictionary = await mine({ ...options(), folder, onNote: (note) => notes.push(note) });
    expect(notes.join('\n')).toContain('is damaged; mining begins anew');
    expectSame(dictionary, expected);
  });
});
