// The whole of mining on a GPU's interface, by the software driver that Chromium brings: right, and slow.
// Which numbers are right the processor says, whose own are tested in test/mining.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { readSafetensorsBytes } from '../../src/files/safetensors.ts';
import { floats } from '../../src/graph/tensor.ts';
import type { Dictionary } from '../../src/mining/run/dictionary.ts';
import { largestDifference } from '../golden.ts';
import { normal } from '../mining/fixtures.ts';
import { workplace } from './rosetta.ts';

const chromium = '/usr/lib/chromium';
const driver = `${chromium}/vk_swiftshader_icd.json`;
const zoo = (name: string) => fileURLToPath(new URL(`../../zoo/${name}.json`, import.meta.url));

describe.skipIf(!existsSync(driver))(`mining with --device webgpu (needs ${driver})`, () => {
  const { at, env, run } = workplace();
  Object.assign(env, { VK_DRIVER_FILES: driver, LD_LIBRARY_PATH: chromium });

  it('finds what the processor finds', async () => {
    mkdirSync(at('photos'));
    for (let i = 0; i < 16; i++) {
      const rgb = Uint8Array.from(normal(i, 3 * 32 * 32), (v) => 128 + 40 * v);
      await sharp(rgb, { raw: { width: 32, height: 32, channels: 3 } })
        .png()
        .toFile(at(`photos/${i}.png`));
    }
    const models = ['--model', `a=${zoo('dino-resnet')}`, '--model', `b=${zoo('class-resnet')}`];
    const taps = ['--taps', 'a:layer1', '--taps', 'b:relu'];
    const mined = async (device: string) => {
      const { code, err } = await run('mine', ...models, ...taps, '--images', 'photos', '--save-scores', '--device', device, '--out', device, '--quiet'); // prettier-ignore
      expect({ code, err }).toEqual({ code: 0, err: '' });
      const scores = await readSafetensorsBytes('scores', readFileSync(at(`${device}/scores.safetensors`)));
      const dictionary = JSON.parse(readFileSync(at(`${device}/dictionary.json`), 'utf8')) as Dictionary;
      return { scores: floats(scores.get('a--b')!.data), pairs: dictionary.pairs[0].pairs, sets: dictionary.sets };
    };
    const [cpu, gpu] = [await mined('cpu'), await mined('webgpu')];
    expect(cpu.pairs.length).toBeGreaterThan(5);
    expect(gpu.pairs.map(({ a, b }) => [a, b])).toEqual(cpu.pairs.map(({ a, b }) => [a, b]));
    expect(gpu.sets.map(({ units }) => units).sort()).toEqual(cpu.sets.map(({ units }) => units).sort());
    expect(largestDifference(gpu.scores, cpu.scores)).toBeLessThan(1e-5);
  }, 300_000);
});
