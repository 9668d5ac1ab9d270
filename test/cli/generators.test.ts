// Generators on the command line: mined, asked for activations, exported; and models by their names in the store.

import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensorsBytes, safetensorsChunks } from '../../src/files/safetensors.ts';
import { float32 } from '../../src/graph/tensor.ts';
import type { Dictionary, Exemplars } from '../../src/mining/run/dictionary.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { readOnnxFile } from '../../src/zoo/node.ts';
import { golden, largestDifference } from '../golden.ts';
import { goldenFile, workplace } from './rosetta.ts';
import { runOnce } from '../../src/runtime/run-once.ts';

const { at, run } = workplace();
const gan = `gan=${goldenFile('biggan_deep/pytorch_model.bin')}`;
const resnet = `resnet=${goldenFile('torchvision_resnet50/resnet50_small.pth')}`;
const encoder = ['--model', resnet, '--config', 'resnet:size=64'];
const mineArgs = (out: string, ...more: string[]) => [
  ...[
    'mine',
    '--generator',
    gan,
    ...encoder,
    '--out',
    out,
    '--samples',
    '32',
    '--taps',
    'gan:generator.layers.*.conv_3',
  ],
  ...more,
];

beforeAll(async () => {
  mkdirSync(at('photos'));
  // The first call may have to build the program.
  await run('--version');
}, 300_000);

const goldenTensors = async () => {
  const numbers = await golden('biggan_deep');
  return (name: string) => float32(numbers(name).shape, numbers(name).data);
};

const json = <T>(path: string): T => JSON.parse(readFileSync(at(path), 'utf8')) as T;

describe('mining with a generator', () => {
  it('takes its samples as images, and says how they can be made again', async () => {
    const { code, err, out } = await run(...mineArgs('run', '--classes', '2,7', '--truncation', '0.5', '--seed', '3'));
    expect({ code, err: code ? err : '' }).toEqual({ code: 0, err: '' });
    expect(err).toMatch(/32 samples of gan, 32x32/);
    expect(out).toMatch(/anchor gan/);
    const dictionary = json<Dictionary>('run/dictionary.json');
    const recipe = { generator: 'gan', seed: 3, truncation: 0.5, classes: [2, 7], noise: 'const' };
    expect(dictionary.images.sources).toEqual([{ source: 'gan', count: 32, height: 32, width: 32, generated: recipe }]);
    expect(dictionary.models.map(({ name }) => name).sort()).toEqual(['gan', 'resnet']);
    expect(existsSync(at('run/index.html'))).toBe(true);
  });

  it.each([
    [[], ['gan', 'other'], /anchors gan, other; by anchor/],
    [['--anchor', 'other,resnet', '--anchor', 'gan'], ['other', 'resnet', 'gan'], /anchors other, resnet, gan;/],
    [['--anchor', 'none'], [], /without an anchor;/],
  ])('takes the samples of two, and both as anchors unless told otherwise: %j', async (more, anchors, text) => {
    const other = ['--generator', gan.replace('gan=', 'other='), '--taps', 'other:generator.layers.*.conv_3'];
    const { code, err, out } = await run(...mineArgs('two', ...other, '--set-k', '40', '--force', ...more));
    expect({ code, err: code ? err : '' }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(text);
    const { options, sets } = json<Dictionary>('two/dictionary.json');
    expect(options.anchors).toEqual(anchors);
    expect(new Set(sets.map(({ anchor }) => anchor))).toEqual(new Set(anchors.length ? anchors : [null]));
    for (const { anchor, units } of sets.filter((set) => set.anchor === 'gan' || set.anchor === 'other')) {
      expect(units.map((unit) => unit.split('/')[0]).sort()).toEqual([anchor, 'resnet'].sort());
    }
  });

  it('keeps the latents of its exemplars, of which activations makes the same images', async () => {
    const exemplars = json<Exemplars>('run/exemplars/exemplars.json');
    const names = Object.values(exemplars.images).map(({ name }) => name);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(name).toMatch(/^gan\/\d+\/class-[27]$/);
    const latents = 'run/exemplars/latents/gan.safetensors';
    const args = [
      'activations',
      '--model',
      gan,
      '--input',
      latents,
      '--truncation',
      '0.5',
      '--out',
      'maps.safetensors',
    ];
    const { code, err } = await run(...args);
    expect({ code, err: code ? err : '' }).toEqual({ code: 0, err: '' });
    const maps = await readSafetensorsBytes('maps', readFileSync(at('maps.safetensors')));
    expect(maps.get('output')!.shape).toEqual([names.length, 3, 32, 32]);
    expect(maps.get('generator.layers.0.conv_0')!.shape.slice(1)).toEqual([32, 4, 4]);
  });

  it.each([
    ['a class that is none', ['--classes', '0,10'], 1, /gan has no class 10: its classes are 0 to 9/],
    ['classes that are no numbers', ['--classes', 'cat'], 1, /--classes cat: numbers such as 0,207 are expected/],
    ['a truncation out of range', ['--truncation', '1.5'], 1, /gan has no truncation 1\.5: a number from 0\.02 to 1 /],
    ['a truncation that is no number', ['--truncation', 'low'], 1, /--truncation low: a number such as 0\.7/],
    [
      'samples of a generator that is not there',
      ['--images-from', 'x'],
      1,
      /--images-from x: no generator of that name; there are gan/,
    ],
    [
      'an encoder as a generator',
      ['--generator', `r2=${resnet.slice(7)}`],
      1,
      /--generator r2 is not a generator; give it with --model/,
    ],
  ])('is refused for %s', async (_, more, code, message) => {
    const { code: got, err } = await run(...mineArgs('refused', ...more));
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
    expect(got).toBe(code);
  });
});

describe('activations of a generator', () => {
  it('are those of the official implementation', async () => {
    const tensor = await goldenTensors();
    const { z, c } = { z: tensor('main/in/z'), c: tensor('main/in/c') };
    writeFileSync(
      at('z.safetensors'),
      Buffer.concat([
        ...safetensorsChunks(
          new Map([
            ['z', z],
            ['c', c],
          ]),
        ),
      ]),
    );
    const args = [
      'activations',
      '--model',
      gan,
      '--input',
      'z.safetensors',
      '--truncation',
      '1',
      '--out',
      'a.safetensors',
    ];
    const { code, err } = await run(...args);
    expect({ code, err: code ? err : '' }).toEqual({ code: 0, err: '' });
    const maps = await readSafetensorsBytes('maps', readFileSync(at('a.safetensors')));
    expect(maps.size).toBe(34);
    for (const [layer, map] of maps) {
      const expected = tensor(layer === 'output' ? 'main/image' : `main/act/${layer}`);
      expect(map.shape).toEqual(expected.shape);
      expect(largestDifference(map.data as Float32Array, expected.data)).toBeLessThan(1e-4);
    }
  });

  it.each([
    ['photos', ['--input', 'photos'], /gan is a generator: give a \.safetensors file with "z", "w" or "ws"/],
    [
      'z without its class',
      ['--input', 'short.safetensors'],
      /the input of gan is "z" \[n, 16\] and "c" \[n, 10\] \(one-hot\), or "w"/,
    ],
  ])('are refused for %s', async (_, more, message) => {
    const tensor = await goldenTensors();
    writeFileSync(
      at('short.safetensors'),
      Buffer.concat([...safetensorsChunks(new Map([['z', tensor('main/in/z')]]))]),
    );
    const { code, err } = await run('activations', '--model', gan, ...more, '--out', 'no.safetensors');
    expect(err).toMatch(message);
    expect(code).toBe(1);
    expect(existsSync(at('no.safetensors'))).toBe(false);
  });
});

describe('export to ONNX', () => {
  it('gives a file that runs elsewhere', async () => {
    const { code, out, err } = await run('export-onnx', gan, '--out', 'gan.onnx', '--batch', '2', '--truncation', '1');
    expect({ code, err: code ? err : '' }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/z \[2, 16\]\nc \[2, 10\]/);
    const tensor = await goldenTensors();
    const tensors = await runOnce(nodeEngine(), await readOnnxFile(at('gan.onnx')), {
      z: tensor('main/in/z'),
      c: tensor('main/in/c'),
    });
    const image = tensor('main/image').data;
    expect(largestDifference(tensors.output.data as Float32Array, image)).toBeLessThan(1e-4);
  });

  it('is refused for an input that the model does not have', async () => {
    const { code, err } = await run('export-onnx', gan, '--out', 'x.onnx', '--input', 'images');
    expect(err).toMatch(/gan takes no input "images"; give z or w or ws to --input/);
    expect(code).toBe(1);
  });
});

describe('models of the store', () => {
  it('are opened by their names, and forgotten', async () => {
    mkdirSync(at('own'));
    copyFileSync(goldenFile('torchvision_resnet50/resnet50_small.pth'), at('own/net.pth'));
    expect((await run('zoo', 'add', 'mine', 'own/net.pth')).code).toBe(0);
    const listed = await run('zoo', 'list');
    expect(listed.out).toMatch(/^mine .*added/m);
    const inspected = await run('inspect', 'mine', '--config', 'size=64');
    expect(inspected.out).toMatch(/architecture resnet/);
    expect(inspected.out).toMatch(/layers \(\* 4 tapped, 240 units\)/);
    expect((await run('zoo', 'remove', 'mine')).code).toBe(0);
    expect((await run('inspect', 'mine')).err).toMatch(/there is no model mine; similar names are/);
    expect(existsSync(at('own/net.pth'))).toBe(true);
  });

  it('that are not here say how they come', async () => {
    const { code, err } = await run('mine', '--model', 'dino-vitb16', ...encoder, '--images', 'photos', '--out', 'x');
    expect(err).toMatch(/the model dino-vitb16 is not here yet; run "rosetta zoo pull dino-vitb16"/);
    expect(code).toBe(1);
  });
});
