import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, readSafetensorsBytes, safetensorsChunks } from '../../src/files/safetensors.ts';
import { bytesSource } from '../../src/files/source.ts';
import { float32 } from '../../src/graph/tensor.ts';
import { golden, largestDifference } from '../golden.ts';
import { normal } from '../mining/fixtures.ts';
import { goldenFile, rosetta, workplace, type Finished } from './rosetta.ts';

const weights = (name: string) => goldenFile(`torchvision_resnet50/${name}`);
const { folder, env, at, run } = workplace();

beforeAll(async () => {
  mkdirSync(at('photos/b'), { recursive: true });
  for (let i = 0; i < 40; i++) {
    const pixels = Uint8Array.from(normal(i, 8 * 8 * 3), (v) => 128 + 60 * v);
    const picture = sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } }).resize(64, 64);
    await picture.png().toFile(at(`photos/${i % 2 ? 'b/' : ''}${String(i).padStart(2, '0')}.png`));
  }
  writeFileSync(at('photos/broken.png'), 'no picture');
  // The first call may have to build the program.
  await run('--version');
}, 300_000);

const models = [
  '--model',
  `a=${weights('resnet50_small.pth')}`,
  '--model',
  `b=${weights('resnet50_small_torch03.pth')}`,
];
const mineArgs = (out: string, ...more: string[]) => [
  'mine',
  ...models,
  ...['--config', 'size=64', '--images', 'photos', '--out', out, '--batch', '4', '--threads', '1'],
  ...more,
];
const dictionary = (out: string): Record<string, unknown> => {
  const { created: _, ...rest } = JSON.parse(readFileSync(at(`${out}/dictionary.json`), 'utf8')) as Record<
    string,
    unknown
  >;
  return rest;
};

describe('wrong calls', () => {
  it.each([
    ['an unknown command', ['mien'], 2, /unknown command 'mien'[^]*mine/],
    ['an unknown option', ['report', 'x', '--colour'], 2, /unknown option '--colour'/],
    [
      'a missing option',
      ['mine', '--images', 'photos', '--out', 'x'],
      2,
      /name the models, with --model and --generator/,
    ],
    ['no images', ['mine', ...models, '--out', 'x'], 2, /give images: photos with --images, or a --generator/],
    ['an unknown model', ['inspect', 'resnet51'], 1, /there is no model resnet51; similar names are resnet50/],
    ['an unknown subcommand of the zoo', ['zoo', 'fetch', 'x'], 2, /unknown command 'fetch'/],
    [
      'a number that is none',
      mineArgs('x', '--samples', 'many'),
      2,
      /--samples.*expected a whole number of at least 1/,
    ],
    ['too little memory', mineArgs('x', '--memory', '12'), 2, /--memory.*expected a size/],
    ['a setting without a value', mineArgs('x', '--config', 'size'), 2, /expected KEY=VALUE/],
    ['a missing checkpoint', ['inspect', 'nothing.pth'], 1, /nothing.pth cannot be opened: no such file/],
    ['a missing folder of photos', [...mineArgs('x'), '--images', 'nowhere'], 1, /nowhere/],
    ['a broken checkpoint', ['inspect', 'photos/broken.png'], 1, /broken.png/],
    ['a folder that is no run', ['report', 'photos'], 1, /photos is not a run: it has no dictionary.json/],
    [
      'an unknown setting',
      [...mineArgs('x'), '--config', 'colour=blue'],
      1,
      /a has no setting "colour"; its settings are size/,
    ],
    ['an unknown anchor', mineArgs('x', '--anchor', 'a,c'), 1, /the anchor "c" is not one of the models a, b/],
    ['no anchor and one', mineArgs('x', '--anchor', 'none', '--anchor', 'a'), 1, /--anchor none stands alone/],
    ['an anchor without a name', mineArgs('x', '--anchor', 'a,'), 2, /--anchor.*expected NAME or NAME,NAME/],
    [
      'taps that match nothing',
      mineArgs('x', '--taps', 'stage*'),
      1,
      /no layer of a matches the taps stage\*; its layers are conv1/,
    ],
    ['one model', ['mine', ...models.slice(0, 2), '--images', 'photos', '--out', 'x'], 1, /at least two models/],
    [
      'a device that is not there',
      [...mineArgs('x'), '--device', 'coreml'],
      1,
      /device "coreml" is not available: this onnxruntime-node has no "coreml"/,
    ],
    ['an unreadable photo, strictly', mineArgs('x', '--strict'), 1, /broken.png of photos cannot be read/],
    [
      'scores over the memory budget',
      mineArgs('x', '--save-scores', '--memory', '1M', '--taps', '**'),
      1,
      /--save-scores needs \d+ MiB/,
    ],
  ])('%s', async (_, args, code, message) => {
    const { code: got, err } = await run(...args);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
    expect(got).toBe(code);
  });
});

describe('inspect', () => {
  it('tells a checkpoint as JSON', async () => {
    const { out, code } = await run('inspect', weights('resnet50_small.pth'), '--json');
    expect(code).toBe(0);
    const found = JSON.parse(out) as {
      format: string;
      card: { architecture: string; config: { depths: number[] } };
      taps: string[];
    };
    expect(found.format).toBe('torch-zip');
    expect(found.card.architecture).toBe('resnet');
    expect(found.card.config.depths).toEqual([3, 4, 6, 3]);
    expect(found.taps).toEqual(['layer1', 'layer2', 'layer3', 'layer4']);
  });
});

describe('activations', () => {
  it("of a network's own input are the golden ones", async () => {
    const numbers = await golden('torchvision_resnet50');
    const x = numbers('odd/in/x');
    const file = safetensorsChunks(new Map([['x', float32(x.shape, x.data)]]));
    writeFileSync(at('x.safetensors'), Buffer.concat([...file]));
    const { code, out } = await run(
      'activations',
      '--model',
      weights('resnet50_small.pth'),
      '--input',
      'x.safetensors',
      '--out',
      'acts.safetensors',
    );
    expect(code).toBe(0);
    expect(out).toMatch(/layer4 \[1, 128, 3, 2\]/);
    const got = await readSafetensorsBytes('acts', readFileSync(at('acts.safetensors')));
    for (const layer of ['layer1', 'layer2', 'layer3', 'layer4']) {
      const expected = numbers(`odd/act/${layer}`);
      expect(got.get(layer)!.shape).toEqual(expected.shape);
      expect(largestDifference(got.get(layer)!.data as Float32Array, expected.data)).toBeLessThan(2e-3);
    }
    expect(largestDifference(got.get('output')!.data as Float32Array, numbers('odd/out').data)).toBeLessThan(1e-3);
  });

  it('of photos count and name those that cannot be read', async () => {
    const args = ['activations', '--model', weights('resnet50_small.pth'), '--config', 'size=64', '--input', 'photos'];
    const broken = { name: 'broken.png', reason: expect.stringMatching(/not JPEG, PNG, WebP, AVIF or TIFF/) as string };
    const { code, out, err } = await run(...args, '--out', 'photos.safetensors', '--json');
    expect(err).toMatch(/skipped broken.png: the content is not JPEG, PNG, WebP, AVIF or TIFF/);
    expect(code).toBe(0);
    const told = JSON.parse(out) as { tensors: Record<string, number[]>; images: number; unreadable: unknown };
    expect(told).toMatchObject({ images: 40, unreadable: [broken] });
    expect(told.tensors.layer4[0]).toBe(40);
    const bytes = readFileSync(at('photos.safetensors'));
    const { metadata } = await readSafetensors(bytesSource('photos', bytes));
    expect(JSON.parse(metadata.unreadable)).toEqual([broken]);
    expect(JSON.parse(metadata.images)).toHaveLength(40);
    expect((await run(...args, '--out', 'photos.safetensors')).out).toMatch(/40 photos; 1 could not be read\n$/);
    mkdirSync(at('all-broken'), { recursive: true });
    writeFileSync(at('all-broken/a.png'), 'no picture');
    const none = await run(...args.with(-1, 'all-broken'), '--out', 'none.safetensors');
    expect(none).toMatchObject({ code: 1 });
    expect(none.err).toMatch(
      /no photo of all-broken can be read: a.png: the content is not JPEG, PNG, WebP, AVIF or TIFF/,
    );
  });
});

describe('mine', () => {
  it('finds that two files of the same weights are the same network, and writes everything', async () => {
    const { code, out, err } = await run(...mineArgs('run', '--save-scores', '--json'));
    expect(err).toMatch(/40 of 41|41 of 41/);
    expect(err).toMatch(/skipped broken.png: the content is not JPEG, PNG, WebP, AVIF or TIFF/);
    expect(code).toBe(0);
    const result = JSON.parse(out) as {
      pairs: { pairs: number }[];
      images: { count: number };
      models: { units: number; layers: { dead: number; constant: number }[] }[];
    };
    expect(result.images.count).toBe(40);
    const [{ units, layers }] = result.models;
    const apart = layers.reduce((sum, layer) => sum + layer.dead + layer.constant, 0);
    expect(result.pairs[0].pairs).toBe(units - apart);
    const scores = await readSafetensorsBytes('s', readFileSync(at('run/scores.safetensors')));
    const matrix = scores.get('a--b')!;
    expect(matrix.shape).toEqual([240, 240]);
    const diagonal = Array.from({ length: 240 }, (_, i) => (matrix.data as Float32Array)[241 * i]);
    expect(diagonal.every((r) => r === 0 || Math.abs(r - 1) < 1e-5)).toBe(true);
    for (const file of ['index.html', 'moments.safetensors', 'neighbours/a--b.safetensors', 'exemplars/maps.bin']) {
      expect(existsSync(at(`run/${file}`))).toBe(true);
    }
    expect(existsSync(at('run/.rosetta-unfinished'))).toBe(false);
  });

  it('makes the page of a run that was killed before it had one, and mines nothing', async () => {
    const { ino } = statSync(at('run/dictionary.json'));
    rmSync(at('run/index.html'));
    expect(await run(...mineArgs('run'))).toMatchObject({ code: 0 });
    expect(readFileSync(at('run/index.html'), 'utf8')).toMatch(/^<!doctype html>/i);
    expect(statSync(at('run/dictionary.json')).ino).toBe(ino);
  });

  it.each([[], ['--force']])("leaves a page that is not a run's alone %j", async (...force) => {
    mkdirSync(at('site'), { recursive: true });
    writeFileSync(at('site/index.html'), 'mine');
    const { code, err } = await run(...mineArgs('site', ...force));
    expect(code).toBe(1);
    expect(err).toMatch(
      /site.index\.html is not a file that this program made here; move it away, or choose another folder/,
    );
    expect(readFileSync(at('site/index.html'), 'utf8')).toBe('mine');
  });

  it('keeps a finished run unless forced, and makes its page anew', async () => {
    const again = await run(...mineArgs('run'));
    expect(again).toMatchObject({ code: 1 });
    expect(again.err).toMatch(/run holds a finished run; choose another folder, or replace it with --force/);
    const kept = dictionary('run');
    const missing = await run(...mineArgs('run', '--force', '--model', 'c=missing.pth'));
    expect(missing).toMatchObject({ code: 1 });
    expect((await run(...mineArgs('run', '--force', '--anchor', 'none,a'))).code).toBe(1);
    expect((await run(...mineArgs('run', '--force', '--images', 'none'))).code).toBe(1);
    expect((await run(...mineArgs('run', '--force', '--model', models[1]))).err).toMatch(/two models are called "a"/);
    expect(dictionary('run')).toEqual(kept);
    expect(existsSync(at('run/index.html'))).toBe(true);
    rmSync(at('run/index.html'));
    expect((await run('report', 'run')).code).toBe(0);
    expect(readFileSync(at('run/index.html'), 'utf8')).toMatch(/^<!doctype html>/i);
    const inspected = await run('inspect', 'run');
    expect(inspected.out).toMatch(/40 images of photos, 1 unreadable/);
  });

  it.each([
    ['Ctrl-C', 'SIGINT', 130],
    ['a kill', 'SIGKILL', null],
  ] as const)('that was ended by %s goes on, to the same dictionary', async (_, signal, code) => {
    const out = `cut-${signal}`;
    const args = mineArgs(out, '--save-every', '0', '--seed', '4', '--anchor', 'none');
    const child = spawn(process.execPath, [rosetta, ...args], {
      cwd: folder,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = new Promise<number | null>((done) => child.on('exit', done));
    const started = Date.now();
    while (!existsSync(at(`${out}/.rosetta-unfinished/partial/current.json`)) && Date.now() - started < 60_000) {
      await new Promise((wait) => setTimeout(wait, 5));
    }
    child.kill(signal);
    expect(await ended).toBe(code);
    // A process whose launcher was killed ends by itself.
    while (existsSync(at(`${out}/.lock`)) && signal === 'SIGINT') await new Promise((wait) => setTimeout(wait, 20));
    expect(existsSync(at(`${out}/dictionary.json`))).toBe(false);
    const report = await run('report', out);
    expect(report.err).toMatch(/is not finished; run the same "rosetta mine" again/);
    let resumed = await run(...args);
    for (let i = 0; i < 50 && /is being written by process/.test(resumed.err); i++) {
      await new Promise((wait) => setTimeout(wait, 100));
      resumed = await run(...args);
    }
    expect(resumed.code).toBe(0);
    expect((await run(...mineArgs(`whole-${signal}`, '--seed', '4', '--anchor', 'none'))).code).toBe(0);
    expect(dictionary(out)).toEqual(dictionary(`whole-${signal}`));
  });

  it.skipIf(!existsSync('/usr/bin/prlimit'))('a page that cannot be written leaves the old one (prlimit)', async () => {
    const before = readFileSync(at('run/index.html'));
    const failed = await new Promise<Finished>((done) => {
      const args = ['--fsize=10000', process.execPath, rosetta, 'report', 'run'];
      execFile('/usr/bin/prlimit', args, { cwd: folder, env }, (error, out, err) =>
        done({ code: Number(error?.code ?? 0), out, err }),
      );
    });
    expect(failed.err).toMatch(/rosetta: cannot write .*index.html/);
    expect(failed.code).toBe(1);
    expect(readFileSync(at('run/index.html')).equals(before)).toBe(true);
  });
});
