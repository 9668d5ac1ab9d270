// Layers with names that a file may have and nobody expects: a run over them finishes, and their units are found again.

import { describe, expect, it } from 'vitest';
import { parseModel } from '../../src/cli/options.ts';
import { memoryFolder } from '../../src/files/folder.ts';
import { generatedSource } from '../../src/images/generated.ts';
import { checkMining, mine } from '../../src/mining/mine.ts';
import { parseUnit, unitName } from '../../src/mining/run/units.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { linearGenerator, linearModel, noiseImages } from './fixtures.ts';

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

describe('names that would make one', () => {
  const shape = { layer: 'l', channels: 4, height: 4, width: 4 };
  const check = (names: readonly string[], twins = false) => {
    const models = names.map((name, i) => linearModel(name, [shape], i + 1));
    checkMining({ engine: nodeEngine(), models, images: noiseImages(40), twins });
  };

  it('are refused where two pairs of models have them', () => {
    const message = /the pairs a and b--c, and a--b and c, would both be called "a--b--c"; rename a model/;
    expect(() => check(['a', 'b--c', 'a--b', 'c'])).toThrow(message);
    expect(() => check(['a', 'b--c', 'a--b'])).not.toThrow();
    expect(() => check(['a-', 'b', 'a', '-b'])).toThrow(/would both be called "a---b"/);
  });

  it('make no model the twin of another', () => {
    const generator = (name: string) => linearGenerator(name, [{ layer: 'x', channels: 2, height: 3, width: 3 }], 1);
    const gan = generator('gan');
    const options = { engine: nodeEngine(), images: generatedSource(gan, { samples: 20 }) };
    expect(() => checkMining({ ...options, models: [gan, generator('gan.untrained')] })).toThrow(
      /gan\.untrained is a generator, with maps on its own samples only/,
    );
  });

  it('are refused where a model is called as the twin of another', () => {
    expect(() => check(['a', 'a.untrained'], true)).toThrow(/twin of a model would be called "a\.untrained"/);
    expect(() => check(['a', 'a.untrained'])).not.toThrow();
  });
});
