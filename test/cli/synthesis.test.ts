// Inversion, translation and editing on the command line, with small networks whose weights are random.
// How well a search does is tested elsewhere; here everything is to arrive where it belongs.

import { execFile, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, readSafetensorsBytes, safetensorsChunks } from '../../src/files/safetensors.ts';
import { bytesSource } from '../../src/files/source.ts';
import { float32 } from '../../src/graph/tensor.ts';
import { toInterleaved } from '../../src/images/pixels.ts';
import type { Dictionary } from '../../src/mining/run/dictionary.ts';
import { normal } from '../mining/fixtures.ts';
import { goldenFile, rosetta, workplace } from './rosetta.ts';

const { folder, env, at, run } = workplace();
const gan = `gan=${goldenFile('biggan_deep/pytorch_model.bin')}`;
const style = `style=${goldenFile('stylegan2_ada/network-small.pkl')}`;
const resnet = `resnet=${goldenFile('torchvision_resnet50/resnet50_small.pth')}`;
const dino = `dino=${goldenFile('dino_resnet50/dino_resnet50_pretrain_small.pth')}`;
const common = ['--run', 'run', '--quiet'];
const guided = [...common, '--guide', resnet];
const brief = ['--starts', '1', '--candidates', '2', '--domain-samples', '0', '--steps', '3'];

interface Metrics {
  name: string;
  stopped: string;
  steps: number;
  seconds: number;
  loss: number;
  terms: Record<string, number>;
  losses: number[];
  settings: Record<string, unknown>;
  psnr: number;
  ssim: number;
  featureDistance: { encoder: string; distance: number };
  r: { before: number; after: number };
  domain?: { reached: number; ownLow: number; outside: boolean };
  pairs: { unit: string; guide: string; via?: string; mined: number; before: number; after: number }[];
  units: { unit: string; edited: boolean }[];
}

const metrics = <T = Metrics>(out: string) => JSON.parse(readFileSync(at(`${out}/metrics.json`), 'utf8')) as T;
const pixels = (file: string) => sharp(at(file)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
const latent = (out: string) => readSafetensorsBytes('latent', readFileSync(at(`${out}/latent.safetensors`)));
const dictionary = () => JSON.parse(readFileSync(at('run/dictionary.json'), 'utf8')) as Dictionary;

/** Runs what is to succeed. */
async function done(...args: string[]) {
  const { code, err, out } = await run(...args);
  expect({ code, err: code ? err : '' }).toEqual({ code: 0, err: '' });
  return { err, out };
}

const fraction = (data: Buffer): Float32Array => Float32Array.from(data, (value) => value / 255);

beforeAll(async () => {
  await run('--version'); // may have to build the program
  const noise = normal(1, 48 * 36 * 3);
  const rgb = Uint8Array.from(noise, (v, i) => 60 + ((i * 7) % 130) + 20 * v);
  const picture = () => sharp(rgb, { raw: { width: 48, height: 36, channels: 3 } });
  await picture().jpeg().toFile(at('photo.jpg'));
  mkdirSync(at('odd'));
  await picture().greyscale().png().toFile(at('odd/grey.png'));
  await sharp({ create: { width: 40, height: 40, channels: 4, background: { r: 200, g: 0, b: 0, alpha: 0 } } })
    .png()
    .toFile(at('odd/alpha.png'));
  await picture().toColourspace('cmyk').jpeg().toFile(at('odd/cmyk.jpg'));
  await picture().withMetadata({ orientation: 6 }).jpeg().toFile(at('odd/turned.jpg'));
  await sharp({ create: { width: 1, height: 1, channels: 3, background: '#4080c0' } })
    .webp({ lossless: true })
    .toFile(at('odd/tiny.webp'));
  writeFileSync(at('broken.png'), 'no picture');
  const noLatents = safetensorsChunks(new Map([['x', float32([1, 1], [0])]]));
  writeFileSync(at('empty.safetensors'), Buffer.concat(noLatents));
  await done(
    ...['mine', '--generator', gan, '--generator', style, '--model', resnet, '--model', dino],
    ...['--config', 'resnet:size=64', '--config', 'dino:size=64', '--taps', 'gan:generator.layers.*.conv_3'],
    ...['--samples', '48', '--no-null', '--out', 'run', '--quiet'],
  );
}, 300_000);

describe('rosetta invert', () => {
  it('writes the image, its latent, the way, the numbers and the page', async () => {
    const args = ['invert', 'photo.jpg', '--generator', gan, '--run', 'run', '--guide', resnet, '--steps', '20'];
    const { out, err } = await done(...args, '--every', '5', '--truncation', '0.5', '--out', 'inverted', '--json');
    expect(err).toMatch(/search: 20 of 20 steps, 100 %.*, loss 0\.\d+, r 0\.\d+/);
    expect(err).toMatch(/domain: 16 of 16 samples/);
    // Layers and settings are those of the run.
    expect(err).toMatch(/gan: biggan-deep, 7 layers/);
    expect(err).not.toMatch(/assumed/);
    const told = metrics('inverted');
    expect(JSON.parse(out)).toEqual(told);
    expect(told).toMatchObject({ name: 'photo.jpg', generator: 'gan', space: 'z', steps: 20, stopped: 'done' });
    expect(told.settings).toMatchObject({ truncation: 0.5, noise: 'const', seed: 0 });
    expect(readdirSync(at('inverted')).sort()).toEqual(
      ['.rosetta.json', 'image.png', 'index.html', 'latent.safetensors', 'metrics.json', 'picture.png', 'start.png', 'way.webp'].sort(), // prettier-ignore
    );

    const image = await pixels('inverted/image.png');
    expect(image.info).toMatchObject({ width: 32, height: 32 });
    const way = await sharp(at('inverted/way.webp'), { animated: true }).metadata();
    // Steps 1, 5, 10, 15, 20, and the result.
    expect({ pages: way.pages, width: way.width, pageHeight: way.pageHeight, loop: way.loop }).toEqual({
      pages: 6,
      width: 256,
      pageHeight: 256,
      loop: 0,
    });

    // The numbers agree with each other, and with the pictures but for their 8 bits.
    const mean = (of: 'before' | 'after') => told.pairs.reduce((sum, pair) => sum + pair[of], 0) / told.pairs.length;
    expect(told.r.before).toBeCloseTo(mean('before'), 5);
    expect(told.r.after).toBeCloseTo(mean('after'), 5);
    expect(told.terms.rosetta).toBeCloseTo(1 - told.r.after, 4);
    expect(told.loss).toBeCloseTo(Math.min(...told.losses), 6);
    expect(told.losses).toHaveLength(4);
    expect(told.domain!.reached).toBe(told.r.after);
    expect(told.featureDistance.encoder).toBe('resnet');
    const picture = await pixels('inverted/picture.png');
    const [a, b] = [fraction(image.data), fraction(picture.data)];
    const mse = a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length;
    expect(told.psnr).toBeCloseTo(-10 * Math.log10(mse), 1);
    const { pairs } = dictionary();
    const mined = pairs.find(({ models }) => models.includes('gan') && models.includes('resnet'))!.pairs;
    expect(told.pairs.map(({ mined: r }) => r)).toEqual(mined.map(({ r }) => r).sort((x, y) => y - x));
    expect(readFileSync(at('inverted/index.html'), 'utf8')).toMatch(/photo\.jpg inverted into gan/);
  });

  it('writes a latent of which activations makes the image', async () => {
    const { metadata } = await readSafetensors(bytesSource('latent', readFileSync(at('inverted/latent.safetensors'))));
    expect(metadata).toEqual({ generator: 'gan', space: 'z', truncation: '0.5', noise: 'const', seed: '0' });
    const args = ['--model', gan, '--input', 'inverted/latent.safetensors', '--truncation', metadata.truncation];
    await done('activations', ...args, '--out', 'again.safetensors');
    const { data } = (await readSafetensorsBytes('again', readFileSync(at('again.safetensors')))).get('output')!;
    const again = toInterleaved((data as Float32Array).map((value) => (value + 1) / 2));
    const { data: image } = await pixels('inverted/image.png');
    expect(again.every((value, i) => Math.abs(value - image[i]) <= 1)).toBe(true);
  });

  it('keeps finished results unless forced', async () => {
    const args = ['invert', 'photo.jpg', '--generator', gan, ...guided, ...brief, '--out', 'inverted'];
    const { code, err } = await run(...args);
    expect(err).toMatch(/inverted holds finished results; choose another folder, or replace them with --force/);
    expect(code).toBe(1);
    const { out } = await done(...args, '--force');
    expect(out).toMatch(/photo\.jpg\n {2}mean r +−?0\.\d\d → −?0\.\d\d, \d+ pairs\n {2}PSNR +\d/);
    expect(out).toMatch(/inverted\/image\.png, latent\.safetensors, metrics\.json\ninverted\/index\.html\n$/);
    expect(metrics('inverted')).toMatchObject({ steps: 3 });
    expect(metrics('inverted').domain).toBeUndefined();
  });

  it('takes photos of any kind, a page over all', async () => {
    await done('invert', 'odd', 'photo.jpg', '--generator', style, ...guided, ...brief, '--out', 'many');
    const names = ['alpha', 'cmyk', 'grey', 'tiny', 'turned', 'photo'];
    expect(readdirSync(at('many')).sort()).toEqual([...names, '.rosetta.json', 'index.html', 'metrics.json'].sort());
    const all = metrics<Metrics[]>('many');
    expect(all.map(({ name }) => name.replace(/\.\w+$/, ''))).toEqual(names);
    for (const [i, name] of names.entries()) {
      expect(metrics(`many/${name}`)).toEqual(all[i]);
      expect(readdirSync(at(`many/${name}`))).toHaveLength(6);
      expect((await latent(`many/${name}`)).get('w')!.shape).toEqual([1, 16]);
    }
    const first = async (name: string) => [...(await pixels(`many/${name}/picture.png`)).data.subarray(0, 3)];
    expect(await first('alpha')).toEqual([255, 255, 255]);
    expect(await first('tiny')).toEqual([0x40, 0x80, 0xc0]);
    const upright = await sharp(at('odd/turned.jpg'))
      .autoOrient()
      .resize({ width: 32, height: 32, fit: 'cover', fastShrinkOnLoad: false })
      .raw()
      .toBuffer();
    expect((await pixels('many/turned/picture.png')).data.equals(upright)).toBe(true);
    const page = readFileSync(at('many/index.html'), 'utf8');
    expect(page).toMatch(/6 photos inverted into style/);
    expect(page.match(/<article class="result"/g)).toHaveLength(6);
  });

  it('aligns with another class, with all terms, and encoders of the store', async () => {
    await done('zoo', 'add', 'resnet', resnet.slice(7));
    const terms = ['--loss', 'rosetta=1,pixel=10,feature=2,start=0.1,mean=0.1,norm=0.1', '--class', '4'];
    const args = ['--generator', gan, ...common, '--guide', 'resnet', ...brief, ...terms, '--pairs', '5'];
    await done('invert', 'photo.jpg', ...args, '--features', 'resnet', '--judge', dino, '--out', 'class');
    const told = metrics('class');
    expect(Object.keys(told.terms).sort()).toEqual(['features', 'mean', 'norm', 'pixels', 'rosetta', 'start']);
    const { rosetta: r, pixels: p, features: f, start, mean, norm } = told.terms;
    expect(told.loss).toBeCloseTo(r + 10 * p + 2 * f + 0.1 * (start + mean + norm), 4);
    expect(told.featureDistance.encoder).toBe('dino');
    expect(told.pairs).toHaveLength(5);
    const c = (await latent('class')).get('c')!;
    expect([...(c.data as Float32Array)]).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
  });

  it('that was interrupted goes on, to the same results', async () => {
    const options = ['--generator', style, '--run', 'run', '--guide', resnet, '--domain-samples', '0'];
    const both = ['invert', 'photo.jpg', 'odd/grey.png', ...options, '--steps', '100'];
    await done(...both, '--out', 'whole');
    const cut = [...both, '--out', 'cut'];
    const child = spawn(process.execPath, [rosetta, ...cut], { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let err = '';
    child.stderr.on('data', (data) => {
      err += String(data);
      if (/grey\.png, candidates: 32 of 32/.test(err) && !child.killed) child.kill('SIGINT');
    });
    expect(await new Promise<number | null>((ended) => child.on('exit', ended))).toBe(130);
    expect(err).toMatch(/stopping after this step[^]*interrupted; rerun the same command to resume/);
    expect(readdirSync(at('cut'))).toEqual(['.rosetta-unfinished']);
    expect(readdirSync(at('cut/.rosetta-unfinished')).sort()).toEqual(['grey', 'photo']);
    expect(readdirSync(at('cut/.rosetta-unfinished/grey'))).toEqual(['search.safetensors']);

    mkdirSync(at('other/.rosetta-unfinished'), { recursive: true });
    copyFileSync(
      at('cut/.rosetta-unfinished/grey/search.safetensors'),
      at('other/.rosetta-unfinished/search.safetensors'),
    );
    const anew = await done('invert', 'odd/grey.png', ...options, ...brief, '--out', 'other');
    expect(anew.err).toMatch(/search in search\.safetensors has other settings; a new one begins/);

    const resumed = await done(...cut);
    const [, step] = /going on from step (\d+) of the search in grey\/search\.safetensors/.exec(resumed.err)!;
    expect(Number(step)).toBeGreaterThan(0);
    expect(resumed.err).not.toMatch(/candidates|photo\.jpg/);
    const timeless = (out: string) => metrics<Metrics[]>(out).map((told) => ({ ...told, seconds: 0 }));
    expect(timeless('cut')).toEqual(timeless('whole'));
    expect(readdirSync(at('cut'))).toEqual(readdirSync(at('whole')));
    for (const name of ['photo', 'grey']) {
      expect(readdirSync(at(`cut/${name}`))).toEqual(readdirSync(at(`whole/${name}`)));
      for (const file of ['latent.safetensors', 'image.png', 'start.png', 'way.webp'])
        expect(readFileSync(at(`cut/${name}/${file}`)).equals(readFileSync(at(`whole/${name}/${file}`)))).toBe(true);
    }
  });

  it('writes the best there was when the loss is no number any more', async () => {
    const args = ['invert', 'photo.jpg', '--generator', gan, ...guided, ...brief, '--steps', '20'];
    const { code, err } = await run(...args, '--rate', '1e38', '--out', 'lost');
    expect(err).toMatch(/photo\.jpg: The loss or its gradient was no number after \d+ steps/);
    expect(code).toBe(1);
    const told = metrics('lost');
    expect(told.stopped).toBe('not-finite');
    expect(Number.isFinite(told.loss)).toBe(true);
    expect((await pixels('lost/image.png')).info.width).toBe(32);
    expect(readFileSync(at('lost/index.html'), 'utf8')).toMatch(/class="warning"/);
  });

  it.skipIf(!existsSync('/usr/bin/prlimit'))('says what cannot be written (prlimit)', async () => {
    const args = ['invert', 'photo.jpg', '--generator', gan, ...guided, ...brief, '--out', 'full'];
    const limited = ['--fsize=4096', process.execPath, rosetta, ...args];
    const err = await new Promise<string>((ended) => {
      execFile('/usr/bin/prlimit', limited, { cwd: folder, env }, (_, __, text) => ended(text));
    });
    expect(err).toMatch(/cannot write full\/\.rosetta-unfinished\/way\.webp/);
    expect(readdirSync(at('full'))).not.toContain('metrics.json');
  });
});

describe('rosetta translate', () => {
  it('looks at a sample as at a photo', async () => {
    await done(
      'translate',
      '--from',
      gan,
      '--seed',
      '3',
      '--class',
      '2',
      '--to',
      style,
      ...guided,
      ...brief,
      '--out',
      't',
    );
    const told = metrics('t');
    expect(told).toMatchObject({ generator: 'style', name: 'gan, seed 3', space: 'w' });
    expect(told.pairs.every(({ unit, guide }) => unit.startsWith('style/') && guide.startsWith('resnet/'))).toBe(true);
    expect(told.terms.rosetta).toBeCloseTo(1 - told.r.after, 4);
  });

  it('goes directly, by pairs that encoders bridge, from a latent', async () => {
    const args = ['translate', '--latent', 't/latent.safetensors', '--from', style, '--to', gan, ...common, '--direct'];
    await done(...args, ...brief, '--to-class', '1', '--out', 'direct');
    const told = metrics('direct');
    expect(told.pairs.length).toBeGreaterThan(0);
    for (const { unit, guide, via } of told.pairs) {
      expect([unit, guide, via].map((name) => name!.split('/')[0])).toEqual([
        'gan',
        'style',
        expect.stringMatching(/resnet|dino/),
      ]);
    }
    expect(told.featureDistance).toBeUndefined();
    expect((await latent('direct')).get('c')!.data[1]).toBe(1);
    // The picture is the image of the latent.
    expect(readFileSync(at('direct/picture.png')).equals(readFileSync(at('t/image.png')))).toBe(true);
  });
});

describe('rosetta edit', () => {
  const script = (name: string, ...edits: object[]) => {
    writeFileSync(at(name), JSON.stringify({ version: 1, edits }));
    return ['--edit', name];
  };

  it('changes the sample of a seed, with parts of others', async () => {
    const box = [0, 0, 0.5, 0.5];
    const edits = script(
      'scripts.json',
      { type: 'shift', dx: 0.25, dy: 0 },
      { type: 'copy-paste', from: box, to: [0.5, 0.5, 1, 1], source: 'seed:7' },
      { type: 'copy-paste', from: box, to: box, source: 'run/exemplars/latents/gan.safetensors#1' },
      { type: 'strengthen', factor: 3, box },
    );
    const args = ['edit', '--generator', gan, '--seed', '5', ...common, '--steps', '10', '--out', 'edited'];
    const { out } = await done(...args, ...edits);
    expect(out).toMatch(/r of edited units +−?0\.\d\d → −?0\.\d\d\n/);
    const told = metrics<Omit<Metrics, 'r'> & { r: Record<'before' | 'after', { all: number; level: number }> }>(
      'edited',
    );
    expect(told.r.after.all).toBeGreaterThan(told.r.before.all);
    expect(told.r.after.level).toBeLessThan(told.r.before.level);
    expect(told.loss).toBeCloseTo(told.terms.rosetta + told.terms.level, 5);
    expect(told.units.every(({ unit }) => unit.startsWith('gan/'))).toBe(true);
    expect((await latent('edited')).get('ws')).toBeDefined();
    expect(readdirSync(at('edited')).sort()).toEqual(
      ['.rosetta.json', 'image.png', 'index.html', 'latent.safetensors', 'metrics.json', 'original.png', 'way.webp'].sort(), // prettier-ignore
    );
  });

  it('looks for the latents of its script before it opens models', async () => {
    const box = [0, 0, 0.5, 0.5];
    const edits = script('none.json', { type: 'copy-paste', from: box, to: box, source: 'nowhere.safetensors' });
    const { code, err } = await run('edit', '--generator', 'gan=absent.pkl', '--seed', '5', '--run', 'run', '--out', 'none', ...edits); // prettier-ignore
    expect([code, err]).toEqual([1, expect.stringMatching(/nowhere\.safetensors/)]);
  });

  it('changes the class, from a row of a latent file', async () => {
    const edits = script('class.json', { type: 'class', class: 6 });
    const file = 'run/exemplars/latents/gan.safetensors';
    const args = ['edit', '--generator', gan, '--latent', file, '--row', '1', '--space', 'z', ...common];
    await done(...args, '--steps', '3', '--out', 'classed', ...edits);
    expect((await latent('classed')).get('c')!.data[6]).toBe(1);
    expect(existsSync(at('classed/start.png'))).toBe(true);
    await done('activations', '--model', gan, '--input', file, '--out', 'exemplars.safetensors');
    const { data, shape } = (await readSafetensorsBytes('e', readFileSync(at('exemplars.safetensors')))).get('output')!;
    expect(shape[0]).toBeGreaterThan(1);
    const second = toInterleaved((data as Float32Array).subarray(3 * 32 * 32, 2 * 3 * 32 * 32).map((v) => (v + 1) / 2));
    const original = (await pixels('classed/original.png')).data;
    expect(second.every((value, i) => Math.abs(value - original[i]) <= 1)).toBe(true);
  });

  it.concurrent.each([
    ['no JSON', 'text.json', '{', /text\.json is not valid JSON/],
    ['no script', 'none.json', '{"version":1,"edits":[{"type":"turn"}]}', /none\.json is no edit script: edits\[0\]/],
    [
      'an unknown concept',
      'concept.json',
      '{"version":1,"edits":[{"type":"erase","units":{"concepts":["x"]}}]}',
      /concept\.json: the dictionary has no concept "x"/,
    ],
    [
      'an unknown class',
      'wrong.json',
      '{"version":1,"edits":[{"type":"class","class":10}]}',
      /wrong\.json: gan has no class 10: its classes are 0 to 9/,
    ],
    [
      'a box without positions',
      'box.json',
      '{"version":1,"edits":[{"type":"erase","box":[0.001,0.001,0.002,0.002]}]}',
      /box\.json: edits\[0\] \(erase\) moves nothing/,
    ],
  ])('refuses a script with %s', async (_, name, text, message) => {
    writeFileSync(at(name), text);
    const { code, err } = await run('edit', '--generator', gan, ...common, '--edit', name, '--out', `${name}.out`);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
    expect(code).toBe(1);
  });
});

describe('wrong calls', () => {
  const invert = (...more: string[]) => ['invert', 'photo.jpg', '--generator', gan, ...guided, '--out', 'no', ...more];
  it.concurrent.each([
    ['no photo', ['invert', '--generator', gan, ...guided, '--out', 'no'], 2, /missing required argument 'photo'/],
    [
      'an unknown term',
      invert('--loss', 'colour=1'),
      2,
      /--loss.*terms are rosetta, pixel, feature, start, mean, norm/,
    ],
    ['a weight that is none', invert('--loss', 'pixel=much'), 2, /expected weights of at least 0, such as rosetta=1/],
    ['a translation from nowhere', ['translate', '--to', style, ...guided, '--out', 'no'], 2, /with --from/],
    [
      'an unreadable photo',
      ['invert', 'broken.png', ...invert().slice(2)],
      1,
      /broken\.png cannot be read: the content/,
    ],
    [
      'a missing photo',
      ['invert', 'nothing.png', ...invert().slice(2)],
      1,
      /nothing\.png cannot be opened: no such file/,
    ],
    ['a folder that is no run', invert('--run', 'odd'), 1, /odd is not a run: it has no dictionary\.json/],
    [
      'a generator that the run lacks',
      invert('--generator', `other=${gan.slice(4)}`),
      1,
      /the run has no generator other/,
    ],
    ['an encoder as generator', invert('--generator', resnet), 1, /resnet is an encoder; name a generator of the run/],
    ['a guide that the run lacks', invert('--guide', `other=${resnet.slice(7)}`), 1, /the run has no encoder other/],
    [
      'encoders that are nowhere',
      invert('--all'),
      1,
      /the run's encoder dino is not in the model store .*give its file with --guide dino=FILE/,
    ],
    ['no pair that is good enough', invert('--min-r', '0.999'), 1, /none of the \d+ pairs of gan with resnet is left/],
    ['a class out of range', invert('--class', '10'), 1, /gan has no class 10: its classes are 0 to 9/],
    ['an objective without terms', invert('--loss', 'rosetta=0', ...brief), 1, /the objective has no term/],
    ['the norm of z in w', invert('--loss', 'norm=1', '--space', 'w', ...brief), 1, /the norm of z means nothing/],
    [
      'a file without latents',
      ['edit', '--generator', gan, ...common, '--edit', 'scripts.json', '--latent', 'empty.safetensors', '--out', 'no'],
      1,
      /empty\.safetensors holds no latents: tensors "z" \(and "c"\), "w" or "ws" are expected, it has x/,
    ],
    [
      'a row that is not there',
      [
        'edit',
        '--generator',
        gan,
        ...common,
        '--edit',
        'scripts.json',
        '--latent',
        't/latent.safetensors#1',
        '--out',
        'no',
      ],
      1,
      /t\/latent\.safetensors has no row 1: its rows are 0 to 0/,
    ],
    [
      'latents of another generator',
      [
        'edit',
        '--generator',
        style,
        ...common,
        '--edit',
        'scripts.json',
        '--latent',
        'inverted/latent.safetensors',
        '--out',
        'no',
      ],
      1,
      /inverted\/latent\.safetensors: style takes "z"/,
    ],
  ])('%s', async (what, args, code, message) => {
    // Several run at once, each in a folder of its own.
    const out = what.replaceAll(' ', '-');
    const { code: got, err } = await run(...args.map((arg) => (arg === 'no' ? out : arg)));
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
    expect(got).toBe(code);
    expect(existsSync(at(`${out}/metrics.json`))).toBe(false);
  });
});
