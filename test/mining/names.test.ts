// Layers with names that a file may have and nobody expects: a run over them finishes, and their units are found again.

import { expect, it } from 'vitest';
import { parseModel } from '../../src/cli/options.ts';
import { memoryFolder } from '../../src/files/folder.ts';
import { mine } from '../../src/mining/mine.ts';
import { parseUnit, unitName } from '../../src/mining/run/dictionary.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { linearModel, noiseImages } from './fixtures.ts';

const odd = [
  'a\u2028b',
  'a\u2029b',
  'two\nlines',
  'cr\r',
  'with/slash/7',
  '"quoted"',
  '\u202eturned',
  ' ',
  '__proto__',
];

it.each(odd)('a layer called %j is mined', async (layer) => {
  const shape = { layer, channels: 4, height: 4, width: 4 };
  const folder = memoryFolder();
  const dictionary = await mine({
    engine: nodeEngine(),
    // The same weights, so that every unit meets itself.
    models: [linearModel('a', [shape], 1), linearModel('b', [shape], 1)],
    images: noiseImages(40),
    folder,
  });
  const { pairs } = dictionary.pairs[0];
  expect(pairs).toHaveLength(4);
  for (const { a, b } of pairs) {
    expect(parseUnit(a)).toMatchObject({ model: 'a', layer });
    expect(parseUnit(b)).toEqual({ ...parseUnit(a), model: 'b' });
  }
  expect(JSON.parse(new TextDecoder().decode(await folder.read('dictionary.json')))).toEqual(
    JSON.parse(JSON.stringify(dictionary)),
  );
});

it.each(odd)('a unit of a layer called %j has a name that is taken apart again', (layer) => {
  expect(parseUnit(unitName('m', layer, 12))).toEqual({ model: 'm', layer, index: 12 });
});

it('a path with a line break is one path', () => {
  expect(parseModel('net=pa\nth\u2028.pth')).toEqual([{ name: 'net', file: 'pa\nth\u2028.pth' }]);
});
