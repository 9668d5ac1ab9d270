import { Ajv } from 'ajv';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mine } from '../../src/mining/mine.ts';
import { program } from '../../src/program.ts';
import { memoryFolder } from '../../src/files/folder.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { readSafetensorsBytes } from '../../src/files/safetensors.ts';
import { linearModel, noiseImages } from './fixtures.ts';

const json = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

describe('the files of a run', () => {
  const models = [
    linearModel('a', [{ layer: 'x', channels: 9, height: 4, width: 4, dead: [2] }], 1),
    linearModel('b', [{ layer: 'y', channels: 7, height: 8, width: 8 }], 2),
    linearModel('c', [{ layer: 'v', channels: 8, height: 4, width: 4 }], 3),
  ];

  it('follow the published schema and say what they hold', async () => {
    const folder = memoryFolder();
    const thumbnails = () => Promise.resolve({ bytes: Uint8Array.of(1), width: 5, height: 6 });
    const images = noiseImages(40);
    const mined = await mine({
      engine: nodeEngine(),
      models,
      images,
      folder,
      anchors: ['b', 'c'],
      twins: true,
      saveScores: true,
      thumbnails,
    });

    const dictionary: unknown = JSON.parse(new TextDecoder().decode(folder.files.get('dictionary.json')));
    const validate = new Ajv({ allErrors: true, allowUnionTypes: true, strictTuples: false }).compile(
      json('../../docs/dictionary.schema.json') as object,
    );
    validate(dictionary);
    expect(validate.errors).toBeNull();
    for (const anchor of ['b', 'c']) {
      expect(mined.sets.filter((set) => set.anchor === anchor).length).toBe(mined.setCounts[anchor]);
      expect(mined.setCounts[anchor]).toBeGreaterThan(0);
    }
    expect(new Set(mined.concepts.map(({ id }) => id)).size).toBe(mined.concepts.length);
    expect(mined.concepts.flatMap(({ sets }) => sets).sort()).toEqual(mined.sets.map(({ id }) => id).sort());

    const names = [...folder.files.keys()].sort();
    expect(names).toContain('neighbours/a--b.safetensors');
    expect(names).toContain('neighbours/c--c.untrained.safetensors');
    expect(names).toContain('exemplars/maps.bin');
    const neighbours = await readSafetensorsBytes('n', folder.files.get('neighbours/a--b.safetensors')!);
    expect(neighbours.get('a.index')).toMatchObject({ dtype: 'int32', shape: [9, 7] });
    expect(neighbours.get('b.r')).toMatchObject({ dtype: 'float32', shape: [7, 9] });
    const moments = await readSafetensorsBytes('m', folder.files.get('moments.safetensors')!);
    expect(moments.get('a.mean')!.shape).toEqual([9]);
    expect(moments.get('a.std')!.data[2]).toBe(0);
  });

  it('refuse score matrices over the memory budget, with the size that they need', async () => {
    const work = mine({ engine: nodeEngine(), models, images: noiseImages(8), saveScores: true, memory: 100 });
    await expect(work).rejects.toThrow(/--save-scores needs 0 MiB for 3 score matrices, over the memory budget/);
  });
});

describe('schemas in docs', () => {
  it('name and version are those of the package', () => {
    const { name, version } = json('../../package.json') as Record<string, string>;
    expect(program).toEqual({ name, version });
  });
});

describe('bad options of mining', () => {
  const [a, b] = [
    linearModel('a', [{ layer: 'x', channels: 2, height: 1, width: 1 }], 1),
    linearModel('b', [{ layer: 'x', channels: 2, height: 1, width: 1 }], 2),
  ];
  const images = noiseImages(4);
  const engine = nodeEngine();
  it.each([
    ['one model', { models: [a] }, /at least two models/],
    ['equal names', { models: [a, a] }, /two models are called "a"/],
    ['an unknown anchor', { models: [a, b], anchors: ['a', 'c'] }, /the anchor "c" is not one of the models a, b/],
    ['k of zero', { models: [a, b], k: 0 }, /k must be a positive whole number, not 0/],
    [
      'only unreadable images',
      { models: [a, b], images: noiseImages(3, 6, 5, [0, 1, 2]) },
      /none of the images of noise can be read \(0000.png: broken\)|none of the images/,
    ],
  ])('%s', async (_, options, message) => {
    await expect(mine({ engine, images, ...options })).rejects.toThrow(message);
  });
});
