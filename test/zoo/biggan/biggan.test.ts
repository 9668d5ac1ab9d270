// BigGAN-deep: a small one against the official activations and images, those of full size by names and shapes.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { float32, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { freshBigGan } from '../../../src/zoo/biggan/weights.ts';
import { absoluteError, noise } from '../fixtures.ts';
import {
  std,
  expectGolden,
  expectOfficialLayers,
  generatorOf,
  golden,
  lazyTensors,
  manifestOf,
  rowOf,
  runGenerator,
  tensorsOf,
} from '../generator-fixtures.ts';
import { fullShapes } from '../shapes.ts';

const folder = 'test/golden/biggan_deep/';
const manifest = manifestOf('biggan_deep');
const file = await golden('biggan_deep');
const tensor = (name: string): Tensor => ({ dtype: 'float32', ...file(name) });
const { network } = await tensorsOf(`${folder}pytorch_model.bin`);
const json = JSON.parse(readFileSync(`${folder}config.json`, 'utf8')) as Record<string, unknown>;
const model = generatorOf(network, { name: 'm', hints: { json } });
const feedsOf = (name: string) => ({ z: tensor(`${name}/in/z`), c: tensor(`${name}/in/c`) });

describe('a small BigGAN-deep', () => {
  it('has the official layers as taps, in their order, with their official shapes', () => {
    expect(model.taps.map(({ layer }) => layer)).toEqual(manifest.hooks);
  });

  it.each(manifest.cases.map((entry) => [entry.name, entry] as const))(
    'has the official activations and image: %s',
    async (name, { args, output, layers }) => {
      const ran = await runGenerator(model, feedsOf(name), { truncation: args.truncation as number });
      for (const layer of layers) expectGolden(ran.taps[layer.module], file(layer.tensor), layer);
      expectGolden(ran.output, file(output.tensor), output);
    },
  );

  it('gives the same image from z and class, from their w and from w+', async () => {
    const { w: length, layers } = model.card.latent;
    expect([length, layers]).toEqual([32, 8]);
    const options = { truncation: 0.7 };
    const fromZ = await runGenerator(model, feedsOf('truncation_0.7'), options);
    const w = float32(
      [2, length],
      [0, 1].flatMap((i) => Array.from(rowOf(fromZ.ws, i * layers))),
    );
    for (const given of [{ w }, { ws: fromZ.ws }]) {
      const again = await runGenerator(model, given, options);
      expect(again.output).toEqual(fromZ.output);
      expect(again.ws).toEqual(fromZ.ws);
    }
  });

  it('feeds each layer of w+ to one block', async () => {
    const { layers, w: length } = model.card.latent;
    const { ws, taps } = await runGenerator(model, feedsOf('main'));
    const changed = toFloat32(ws).map((value, i) => (Math.floor(i / length) % layers === 5 ? -value : value));
    const other = await runGenerator(model, { ws: { ...ws, data: changed } });
    // The fifth block comes after the attention: it is generator.layers.5.
    const same = Object.keys(taps).filter((layer) => absoluteError(other.taps[layer], taps[layer]) < 1e-6);
    expect(same).toEqual(manifest.hooks.slice(0, manifest.hooks.indexOf('generator.layers.5.conv_0')));
  });

  it('is recognised without its config.json, as one of the published pattern', () => {
    const { layers, eps } = generatorOf(network, { name: 'm' }).card.config;
    expect(layers).toEqual(['same', 'up', 'same', 'up', 'attention', 'same', 'up', 'same']);
    expect(eps).toBe(1e-4);
    expect(model.card.config).toMatchObject({ layers, eps, z: 16, embedding: 16, classes: 10, statistics: 51 });
    expect(model.card.latent).toMatchObject({
      sampling: 'truncated',
      truncation: { default: 1, least: 0.02, most: 1 },
    });
  });

  it('has the blocks that double the size, and eps, from config.json', () => {
    const layers = (json.layers as unknown[][]).map(([, ...widths], i) => [i < 2, ...widths]);
    const { card } = generatorOf(network, { name: 'm', hints: { json: { ...json, layers, eps: 1e-3 } } });
    expect(card.config).toMatchObject({
      layers: ['up', 'up', 'same', 'same', 'attention', 'same', 'same', 'same'],
      eps: 1e-3,
    });
    expect(card.latent.height).toBe(16);
    const short = { ...json, layers: layers.slice(1) };
    expect(() => generatorOf(network, { name: 'm', hints: { json: short } })).toThrow(/has 6 layers.* 7 blocks/);
  });

  it('needs a class, and a truncation that it has statistics for', async () => {
    const { z, c } = feedsOf('main');
    await expect(runGenerator(model, { z })).rejects.toThrow(/needs a class beside z: c, one-hot, \[n, 10\]/);
    await expect(runGenerator(model, { z, c }, { truncation: 1.1 })).rejects.toThrow(/no truncation 1.1/);
  });

  it('has a twin with fresh weights: the same layers, other maps, the same for the same seed', async () => {
    const twin = model.twin(1);
    expect(twin.taps).toEqual(model.taps);
    const [trained, fresh, again, other] = await Promise.all(
      [model, twin, model.twin(1), model.twin(2)].map((each) => runGenerator(each, feedsOf('main'))),
    );
    for (const { layer } of model.taps) {
      expect(again.taps[layer]).toEqual(fresh.taps[layer]);
      expect(std(fresh.taps[layer])).toBeGreaterThan(1e-4);
      for (const control of [trained, other]) {
        expect(absoluteError(fresh.taps[layer], control.taps[layer])).toBeGreaterThan(1e-3);
      }
    }
  });

  it('has fresh weights whose u and v find the largest singular value', () => {
    const fresh = freshBigGan(network, 3);
    const values = (name: string) => toFloat32(fresh.get(`generator.layers.1.conv_1.${name}`)!);
    const [matrix, u, v] = [values('weight_orig'), values('weight_u'), values('weight_v')];
    const sigma = u.reduce((sum, a, r) => sum + a * v.reduce((s, x, c) => s + matrix[r * v.length + c] * x, 0), 0);
    // No vector is stretched more than by the largest singular value, and that lies within a few per cent.
    const random = noise([v.length], 1).data;
    const stretched = (x: Float32Array) =>
      Math.hypot(...u.map((_, r) => x.reduce((s, a, c) => s + matrix[r * v.length + c] * a, 0))) / Math.hypot(...x);
    expect(stretched(v)).toBeCloseTo(sigma, 6);
    expect(stretched(random)).toBeLessThan(sigma);
    const gaussianEdge = 0.02 * (Math.sqrt(u.length) + Math.sqrt(v.length));
    expect(sigma / gaussianEdge).toBeGreaterThan(0.85);
    expect(sigma / gaussianEdge).toBeLessThan(1.05);
  });
});

describe('the official networks', () => {
  const names = ['biggan_deep_128', 'biggan_deep_256', 'biggan_deep_512'];
  it.each(names)('%s has its layers by name and shape', (name) => {
    const entry = fullShapes[name];
    const official = generatorOf(lazyTensors(entry), { name: 'm' });
    expectOfficialLayers(official, entry);
    expect(official.taps.map(({ layer }) => layer)).toEqual(entry.layers.map(({ module }) => module));
  });
});
