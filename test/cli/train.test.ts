// `rosetta train` with a network of a few channels: what it writes, how it stops and goes on, and what it refuses.
// That networks learn is tested in test/training.

import { execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, readSafetensorsBytes } from '../../src/files/safetensors.ts';
import { bytesSource } from '../../src/files/source.ts';
import { toFloat32 } from '../../src/graph/tensor.ts';
import { parseCard } from '../../src/zoo/read-card.ts';
import { loadModel } from '../../src/zoo/node.ts';
import { normal } from '../mining/fixtures.ts';
import { rosetta, workplace, type Finished } from './rosetta.ts';

const { folder, env, at, run } = workplace();
const classes = ['ant', 'bee', 'cow'];

/** Of 36 photos, 12 in a step: 3 steps an epoch. */
const recipe = {
  name: 'tiny',
  kind: 'class',
  architecture: { depths: [1, 1], planes: [4, 8], stem: 4 },
  objective: { smoothing: 0.1 },
  augmentation: [{ type: 'crop', padding: 2 }, { type: 'flip' }],
  schedule: {
    batch: 12,
    epochs: 200,
    optimiser: { kind: 'sgd', momentum: 0.9 },
    rate: { kind: 'cosine', peak: 0.05, warmUp: 0.1 },
    ema: 0.9,
  },
  seed: 3,
};
const steps = 600;

const write = (name: string, value: unknown) => writeFileSync(at(name), JSON.stringify(value));
const args = (out: string, ...more: string[]) =>
  ['train', 'tiny.json', '--data', 'photos', '--size', '16', '--out', out, '--threads', '1', ...more]; // prettier-ignore
const file = (path: string) => readFileSync(at(path));
const log = (out: string) =>
  file(`${out}/log.jsonl`)
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>);
const savedStep = async (out: string) => {
  const bytes = bytesSource('checkpoint', file(`${out}/checkpoint.safetensors`));
  return Number((await readSafetensors(bytes)).metadata.step);
};

/** Runs what is to succeed; a killed process may still hold the folder for a moment. */
async function done(...call: string[]): Promise<Finished> {
  let finished = await run(...call);
  for (let i = 0; i < 50 && /is being written by process/.test(finished.err); i++) {
    await new Promise((wait) => setTimeout(wait, 100));
    finished = await run(...call);
  }
  expect({ code: finished.code, err: finished.code ? finished.err : '' }).toEqual({ code: 0, err: '' });
  return finished;
}

/** Sends a signal to a training some time after its photos are there. @returns exit code and standard error. */
function cut(out: string, signal: 'SIGINT' | 'SIGKILL'): Promise<{ code: number | null; err: string }> {
  const child = spawn(process.execPath, [rosetta, ...args(out)], { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] }); // prettier-ignore
  let err = '';
  let sent = false;
  child.stderr.on('data', (data) => {
    err += String(data);
    if (sent || !/photos: 36 of 36/.test(err)) return;
    sent = true;
    setTimeout(() => child.kill(signal), 800);
  });
  return new Promise((ended) => child.on('exit', (code) => ended({ code, err })));
}

beforeAll(async () => {
  await run('--version'); // may have to build the program
  for (const [c, name] of classes.entries()) {
    mkdirSync(at(`photos/${name}`), { recursive: true });
    for (let i = 0; i < 12; i++) {
      const noise = normal(100 * c + i, 16 * 16 * 3);
      const rgb = Uint8Array.from(noise, (v, k) => (k % 3 === c ? 150 : 90) + 25 * v);
      const picture = sharp(rgb, { raw: { width: 16, height: 16, channels: 3 } });
      await picture.png().toFile(at(`photos/${name}/${i}.png`));
    }
  }
  write('tiny.json', recipe);
  await done(...args('whole', '--every', '50'));
}, 300_000);

describe('rosetta train', () => {
  it('writes a network that every command opens, its card, the log and the checkpoint', async () => {
    expect(readdirSync(at('whole')).sort()).toEqual([
      '.rosetta.json',
      'checkpoint.safetensors',
      'log.jsonl',
      'tiny.json',
      'tiny.safetensors',
    ]);
    const tensors = await readSafetensorsBytes('tiny', file('whole/tiny.safetensors'));
    expect(new Set([...tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['float16']));
    expect(tensors.get('fc.weight')!.shape).toEqual([3, 32]);

    const { card, file: weights } = parseCard(file('whole/tiny.json').toString(), 'tiny.json');
    expect(card).toMatchObject({ name: 'tiny', architecture: 'resnet', supervision: 'labels' });
    expect(card.data).toMatch(/^36 photos of /);
    expect(weights).toBe('tiny.safetensors');
    const { model } = await loadModel(at('whole/tiny.json'), { name: 'tiny' });
    expect(model.card).toMatchObject({ name: 'tiny', architecture: 'resnet', config: { depths: [1, 1] } });
    for (const name of ['whole/tiny.json', 'whole/tiny.safetensors']) {
      const { out } = await done('inspect', name, '--json');
      expect(JSON.parse(out)).toMatchObject({ card: { architecture: 'resnet' }, taps: ['layer1.0', 'layer2.0'] });
    }

    const lines = log('whole');
    expect(lines.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => 50 * (i + 1)));
    expect(Object.keys(lines[0])).toEqual(expect.arrayContaining(['step', 'rate', 'secondsPerStep', 'loss']));
    expect(Math.max(...lines.map(({ rate }) => rate))).toBeLessThanOrEqual(0.05);
    // Three classes that differ in colour: chance is log 3 = 1.10, and smoothing by 0.1 leaves 0.29 at best.
    expect(lines[0].loss).toBeGreaterThan(lines.at(-1)!.loss);
    expect(lines.at(-1)!.loss).toBeLessThan(0.6);
    expect(await savedStep('whole')).toBe(steps);
  });

  it('ships the averages of the checkpoint, to half precision', async () => {
    const tensors = await readSafetensorsBytes('tiny', file('whole/tiny.safetensors'));
    const saved = await readSafetensorsBytes('checkpoint', file('whole/checkpoint.safetensors'));
    for (const [name, tensor] of tensors) {
      const full = toFloat32(saved.get(`ema ${name}`)!);
      toFloat32(tensor).forEach((value, i) => {
        // 11 bits of mantissa, and 2^-25 where the half is subnormal.
        expect(Math.abs(value - full[i])).toBeLessThanOrEqual(Math.abs(full[i]) * 2 ** -11 + 2 ** -25);
      });
    }
  });

  it('stops after --minutes with a network, and goes on to the same bytes', async () => {
    const { out } = await done(...args('timed', '--minutes', '0', '--json'));
    expect(JSON.parse(out)).toEqual({ network: 'tiny.safetensors', steps: 1, of: steps, stopped: 'time' });
    expect(readdirSync(at('timed')).sort()).toEqual(readdirSync(at('whole')).sort());
    await loadModel(at('timed/tiny.json'), { name: 'tiny' });
    const again = await done(...args('timed', '--minutes', '0'));
    expect(again.out).toBe('timed/tiny.safetensors: 2 of 600 steps; rerun the same command to resume\n');
    const last = await done(...args('timed'));
    expect(last.out).toBe('timed/tiny.safetensors: 600 of 600 steps\n');
    expect(file('timed/tiny.safetensors').equals(file('whole/tiny.safetensors'))).toBe(true);
    // Once more there is nothing to do, and the network is as it was.
    await done(...args('timed', '--quiet'));
    expect(file('timed/tiny.safetensors').equals(file('whole/tiny.safetensors'))).toBe(true);
  });

  it('goes on after Ctrl-C, to the same bytes', async () => {
    const { code, err } = await cut('stopped', 'SIGINT');
    expect(err).toMatch(/stopping after this step; rerun the same command to resume/);
    expect(err).toMatch(/rosetta: interrupted; rerun the same command to resume\n$/);
    expect(code).toBe(130);
    expect(readdirSync(at('stopped')).sort()).toEqual(['.rosetta.json', 'checkpoint.safetensors', 'log.jsonl']);
    expect(await savedStep('stopped')).toBeLessThan(steps);
    await done(...args('stopped'));
    expect(file('stopped/tiny.safetensors').equals(file('whole/tiny.safetensors'))).toBe(true);
    const timeless = (out: string) => log(out).map((line) => ({ ...line, secondsPerStep: 0 }));
    expect(timeless('stopped')).toEqual(timeless('whole'));
  });

  it('goes on after a kill from what was saved, to the same bytes', async () => {
    await done(...args('killed', '--minutes', '0'));
    rmSync(at('killed/tiny.safetensors'));
    const { code } = await cut('killed', 'SIGKILL');
    expect(code).toBeNull();
    expect(existsSync(at('killed/tiny.safetensors'))).toBe(false);
    await done(...args('killed'));
    expect(file('killed/tiny.safetensors').equals(file('whole/tiny.safetensors'))).toBe(true);
  });
});

describe('rosetta train refuses', () => {
  const anew = (name: string, change: object) => {
    write(name, { ...recipe, ...change });
    return ['train', name, '--data', 'photos', '--size', '16', '--out', 'refused'];
  };

  it.each([
    [
      'a recipe that is no JSON',
      () => (writeFileSync(at('torn.json'), '{"name": '), ['train', 'torn.json', '-d', 'photos', '-o', 'refused']),
      1,
      /torn\.json is not valid JSON .*; a recipe of a training is expected/,
    ],
    [
      'an unknown kind',
      () => anew('a.json', { kind: 'rbm' }),
      1,
      /a\.json is not a recipe: kind is "rbm", not "class" or "dino" or "mae" or "clip" or "gan"/,
    ],
    [
      'an unknown field',
      () => anew('b.json', { colour: 1 }),
      1,
      /b\.json is not a recipe: the recipe has the unknown entry "colour"; known are/,
    ],
    [
      'a batch larger than the photos',
      () => anew('e.json', { schedule: { ...recipe.schedule, batch: 64 } }),
      1,
      /batch size must be a whole number of 1 to the number of photos, 36, not 64/,
    ],
    [
      'a training beyond any memory',
      () => anew('f.json', { architecture: { depths: [256, 256], planes: [16384, 16384], stem: 8 } }),
      1,
      /the weights and what training keeps of them of .* would take .* GB, of the .* GB that there are/,
    ],
    ['photos that are not there', () => [...args('refused'), '--data', 'nowhere'], 1, /nowhere/],
    ['a folder without photos', () => (mkdirSync(at('bare')), [...args('refused'), '--data', 'bare']), 1, /bare/],
    ['a time that is none', () => args('refused', '--minutes', 'soon'), 2, /--minutes.*expected a number of minutes/],
  ] as [string, () => string[], number, RegExp][])('%s', async (_, call, code, message) => {
    const { code: got, err } = await run(...call());
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
    expect(got).toBe(code);
    expect(existsSync(at('refused/checkpoint.safetensors'))).toBe(false);
  });

  it('photos of more pixels than it may read', async () => {
    const { code, err } = await run(...args('small', '--max-pixels', '200'));
    expect(code).toBe(1);
    expect(err).toMatch(/no photo of photos can be read: ant.0\.png: the image has more than 0\.0002 million pixels/);
  });

  it('another recipe in a folder that has one, and leaves it alone', async () => {
    cpSync(at('whole'), at('other'), { recursive: true });
    write('longer.json', { ...recipe, seed: 4 });
    const { code, err } = await run(...args('other').map((text) => (text === 'tiny.json' ? 'longer.json' : text)));
    expect(err).toMatch(/the folder's training has another recipe, \{.*"seed":3\}, and not \{.*"seed":4\}; give/);
    expect(code).toBe(1);
    for (const name of readdirSync(at('whole')))
      expect(file(`other/${name}`).equals(file(`whole/${name}`)), name).toBe(true);
  });

  it.skipIf(!existsSync('/usr/bin/prlimit'))(
    'a disk that is full, and leaves nothing half-written (prlimit)',
    async () => {
      const limited = ['--fsize=4096', process.execPath, rosetta, ...args('full', '--minutes', '0')];
      const { code, err } = await new Promise<Finished>((ended) => {
        execFile('/usr/bin/prlimit', limited, { cwd: folder, env }, (error, out, text) =>
          ended({ code: Number(error?.code ?? 0), out, err: text }),
        );
      });
      expect(err).toMatch(/rosetta: cannot write full\/checkpoint\.safetensors/);
      expect(code).toBe(1);
      expect(readdirSync(at('full'))).toEqual(['.rosetta.json', 'log.jsonl']);
    },
  );
});
