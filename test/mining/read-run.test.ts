import { Check } from 'typebox/value';
import { pairSchema } from '../../src/mining/run/dictionary.ts';
import { isPair } from '../../src/mining/run/pair-check.ts';
// A run read back: moments against float64 over the images, and what is said of files that are missing or damaged.

import { describe, expect, it } from 'vitest';
import { safetensorsChunks } from '../../src/files/safetensors.ts';
import { UserError } from '../../src/errors.ts';
import { float32, type Tensor } from '../../src/graph/tensor.ts';
import { collectActivations } from '../../src/mining/correlation/activations.ts';
import { mine } from '../../src/mining/mine.ts';
import { readDictionary, readMoments } from '../../src/mining/run/read-run.ts';
import { memoryFolder } from '../../src/files/folder.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { largestDifference } from '../golden.ts';
import { linearModel, noiseImages } from './fixtures.ts';

const engine = nodeEngine();
const images = noiseImages(20);
const models = [
  linearModel('a', [{ layer: 'x/1', channels: 5, height: 4, width: 3, offset: 40, dead: [2], constant: [3] }], 1),
  linearModel(
    'b',
    [
      { layer: 'y', channels: 4, height: 2, width: 6 },
      { layer: 'z', channels: 3, height: 1, width: 1, offset: -2 },
    ],
    2,
  ),
];

const folder = memoryFolder();
const mined = await mine({ engine, folder, models, images, twins: true });

describe('the dictionary of a run', () => {
  it('is read back as it was mined', async () => {
    expect(await readDictionary(folder, 'run')).toEqual(mined);
  });

  it('tells whose twins its twins are, of older runs by their names', async () => {
    const twinsOf = ({ models }: typeof mined) => models.map(({ name, twinOf }) => [name, twinOf]);
    const expected = [
      ['a', undefined],
      ['b', undefined],
      ['a.untrained', 'a'],
      ['b.untrained', 'b'],
    ];
    expect(twinsOf(mined)).toEqual(expected);
    const older = memoryFolder();
    const models = mined.models.map(({ twinOf: _, ...model }) => model);
    await older.write('dictionary.json', [JSON.stringify({ ...mined, models })]);
    expect(twinsOf(await readDictionary(older, 'run'))).toEqual(expected);
  });

  it.each([
    ['b', ['b']],
    [null, []],
  ])('is read in schema version 2 too, which had one anchor: %s', async (anchor, anchors) => {
    const { anchors: _, ...options } = mined.options;
    const other = memoryFolder();
    await other.write('dictionary.json', [
      JSON.stringify({ ...mined, schemaVersion: 2, options: { ...options, anchor } }),
    ]);
    const expected = { ...mined, options: { ...options, anchors } };
    expect(await readDictionary(other, 'run')).toEqual(expected);
  });

  it.each([
    ['dictionary.json', '{', /run\/dictionary\.json is damaged \(.*\); mine again/],
    ['dictionary.json', '{"schemaVersion":1}', /has schema version 1, this program reads 2 and 3; mine again/],
    ['partial/current.json', '{}', /the run in run is not finished; run the same "rosetta mine" again/],
    ['other.json', '{}', /run is not a run: it has no dictionary\.json/],
  ])('is refused where there is a %s with %s', async (name, text, message) => {
    const other = memoryFolder();
    await other.write(name, [text]);
    const reading = readDictionary(other, 'run');
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(UserError);
  });
});

type Json = Record<string, unknown>;

describe('a damaged dictionary', () => {
  const whole = () => JSON.parse(JSON.stringify(mined)) as typeof mined & Json;
  const [first] = mined.pairs;
  const change = (key: keyof typeof mined, value: unknown): Json => ({ ...whole(), [key]: value });
  const withPair = (pair: unknown): Json => change('pairs', [{ ...first, pairs: [first.pairs[0], pair] }]);

  it.each([
    ['null', null, /the whole is null, not an object/],
    ['no models', change('models', undefined), /the whole lacks "models"/],
    ['models of another type', change('models', {}), /models is \{\}, not a list/],
    ['a model of no card', change('models', [{ ...mined.models[0], card: {} }]), /models\[0\]\.card lacks "name"/],
    ['sets that are null', change('sets', [null]), /sets\[0\] is null, not an object/],
    ['a pair that is null', withPair(null), /pairs\[0\]\.pairs\[1\] is null, not an object/],
    ['an r that is a text', withPair({ ...first.pairs[0], r: 'x' }), /pairs\[0\]\.pairs\[1\]\.r is "x", not a number/],
    [
      'three replications',
      withPair({ ...first.pairs[0], replications: 3 }),
      /pairs\[0\]\.pairs\[1\]\.replications is 3/,
    ],
    ['a unit without a number', withPair({ ...first.pairs[0], a: 'a/x/' }), /pairs\[0\]\.pairs\[1\]\.a is "a\/x\/"/],
    ['a unit that is not there', withPair({ ...first.pairs[0], a: 'a/x/99999' }), /names the unit "a\/x\/99999"/],
    ['a pair list of an unknown model', change('pairs', [{ ...first, models: ['z', 'b'] }]), /names the model "z"/],
    [
      'a concept of a set that is not there',
      change('concepts', [{ id: 'c', sets: ['s999'], r: 1 }]),
      /concepts\[0\] names the set "s999"/,
    ],
  ])('is told with the place: %s', async (_, value, message) => {
    const other = memoryFolder();
    await other.write('dictionary.json', [JSON.stringify(value)]);
    const reading = readDictionary(other, 'run');
    await expect(reading).rejects.toBeInstanceOf(UserError);
    await expect(reading).rejects.toThrow(/^run\/dictionary\.json is damaged \(.*\); mine again$/s);
    await expect(reading).rejects.toThrow(message);
  });

  it('has pairs that the fast check and the schema judge alike', () => {
    const pair = first.pairs[0];
    const values = [
      null,
      [],
      '',
      'a/x/0',
      'a//0',
      'a/x/1e3',
      'a/\n/0',
      '/x/0',
      0,
      1,
      2,
      3,
      -1.5,
      true,
      {},
      undefined,
      Infinity,
    ];
    const others: unknown[] = [pair, null, [], 'pair', { ...pair, more: 1 }];
    for (const key of Object.keys(pair)) {
      for (const value of values) others.push({ ...pair, [key]: value });
      others.push(Object.fromEntries(Object.entries(pair).filter(([name]) => name !== key)));
    }
    for (const other of others) expect([other, isPair(other)]).toEqual([other, Check(pairSchema, other)]);
    expect(isPair(pair)).toBe(true);
  });
});

describe('the moments of a run', () => {
  it('are mean and standard deviation over all images and positions, by float64', async () => {
    const moments = await readMoments(folder, 'run');
    for (const model of models) {
      const input = { source: images, samples: images.names.map((_, i) => i) };
      const maps = await collectActivations({ engine, model, input, batch: 8, memory: 2 ** 30 });
      for (const { layer, channels, height, width } of model.taps) {
        const units = Array.from({ length: channels }, (_, i) => channels - 1 - i);
        const { means, stds } = moments.momentsOf(model.name, layer, [...units, 0]);
        const { data } = maps.get(layer)!;
        const values = (unit: number) =>
          Array.from(data).filter((_, i) => Math.floor(i / (height * width)) % channels === unit);
        const mean = (list: readonly number[]) => list.reduce((sum, v) => sum + v, 0) / list.length;
        const expected = [...units, 0].map((unit) => {
          const m = mean(values(unit));
          return [m, Math.sqrt(mean(values(unit).map((v) => (v - m) ** 2)))];
        });
        expect(
          largestDifference(
            means,
            expected.map(([m]) => m),
          ),
        ).toBeLessThanOrEqual(5e-6);
        expect(
          largestDifference(
            stds,
            expected.map(([, s]) => s),
          ),
        ).toBeLessThanOrEqual(2e-6);
      }
    }
    const { means, stds } = moments.momentsOf('a', 'x/1', [2, 3]);
    expect([...means, ...stds]).toEqual([0, 3, 0, 0]);
  });

  it('know the layers of all models, twins too', async () => {
    const moments = await readMoments(folder, 'run');
    expect([...moments.layersOf('b.untrained')]).toEqual([
      ['y', 4],
      ['z', 3],
    ]);
  });

  it.each([
    ['c', 'y', 0, /the run in run has no moments of c, only of a, b, a\.untrained, b\.untrained; name a run/],
    ['b', 'x', 0, /the run in run has no unit b\/x\/0; take pairs and moments from one run/],
    ['b', 'y', 4, /the run in run has no unit b\/y\/4/],
  ])('are refused for %s/%s/%i', async (model, layer, index, message) => {
    const moments = await readMoments(folder, 'run');
    const lookup = () => moments.momentsOf(model, layer, [index]);
    expect(lookup).toThrow(message);
    expect(lookup).toThrow(UserError);
  });

  const two: [string, Tensor][] = [
    ['a.mean', float32([2], [1, 2])],
    ['a.std', float32([2], [1, 2])],
  ];
  const names = (units: unknown) => ({ 'units.a': JSON.stringify(units) });
  it.each([
    ['no file', undefined, /there is no run\/moments\.safetensors, which every finished run has; mine again/],
    ['a file cut short', [new Uint8Array(5)], /run\/moments\.safetensors is damaged \(.*5.*\); mine again/],
    [
      'a file of other bytes',
      [new Uint8Array(64).fill(255)],
      /run\/moments\.safetensors is damaged \(.*\); mine again/,
    ],
    ['no names', safetensorsChunks(new Map(two)), /is damaged \(it names no units\); mine again/],
    [
      'names of other length',
      safetensorsChunks(new Map(two), names(['a/x/0'])),
      /is damaged \(it has no mean for each of the 1 units of a\)/,
    ],
    [
      'no standard deviations',
      safetensorsChunks(new Map(two.slice(0, 1)), names(['a/x/0', 'a/x/1'])),
      /is damaged \(it has no std for each of the 2 units of a\)/,
    ],
    [
      'a list of no texts',
      safetensorsChunks(new Map(two), names(['a/x/0', null])),
      /is damaged \(its units of a are not a list of names\)/,
    ],
    [
      'names that are no units',
      safetensorsChunks(new Map(two), names(['a/x/0', 'a.x/1'])),
      /is damaged \("a\.x\/1" is not a unit name.*\); mine again/,
    ],
    [
      'no list',
      safetensorsChunks(new Map(two), { 'units.a': '[' }),
      /moments\.safetensors is damaged \(.*\); mine again/,
    ],
  ])('are refused with %s', async (_, chunks, message) => {
    const other = memoryFolder();
    if (chunks) await other.write('moments.safetensors', chunks);
    const reading = readMoments(other, 'run');
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(UserError);
    await expect(reading).rejects.not.toThrow(/download/);
  });

  it('do not hide a defect behind a damaged file', async () => {
    const defect = new TypeError('undefined is no function');
    const bytes = new Uint8Array(64);
    for (const name of ['slice', 'subarray'] as const) {
      bytes[name] = () => {
        throw defect;
      };
    }
    await expect(readMoments({ ...memoryFolder(), read: () => Promise.resolve(bytes) }, 'run')).rejects.toBe(defect);
  });
});
