// StyleGAN2 of both code bases: small ones against the official activations and images, full ones by names and shapes.

import { describe, expect, it } from 'vitest';
import { networkPath, pickledModules } from '../../../src/checkpoint/checkpoint.ts';
import { float32, sizeOf, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { largestDifference } from '../../golden.ts';
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
import { reference, smallTensors } from './reference.ts';

const official = {
  'stylegan2-rosinality': { folder: 'stylegan2_rosinality', file: 'stylegan2-small-config-f.pt' },
  'stylegan2-nvlabs': { folder: 'stylegan2_ada', file: 'network-small.pkl' },
} as const;

const loaded = await Promise.all(
  Object.entries(official).map(async ([name, { folder, file }]) => {
    const { network, all, checkpoint } = await tensorsOf(`test/golden/${folder}/${file}`);
    // The mean w of rosinality's files lies beside the network.
    const mean = all.get('latent_avg');
    if (mean) network.set('latent_avg', mean);
    const modules = pickledModules(checkpoint, networkPath(checkpoint));
    const model = generatorOf(network, { name: 'm', hints: { modules } });
    const values = await golden(folder);
    return { name, model, network, modules, manifest: manifestOf(folder), values };
  }),
);

describe.each(loaded)('a small $name', ({ name, model, network, manifest, values }) => {
  const tensor = (key: string): Tensor => ({ dtype: 'float32', ...values(key) });
  const inputs = (entry: string) =>
    Object.fromEntries(
      Object.entries(manifest.cases.find((each) => each.name === entry)!.inputs).map(([key, input]) => [
        key,
        tensor(input.tensor),
      ]),
    ) as { z: Tensor; c?: Tensor };

  it('is recognised, with the official layers as taps', () => {
    expect(model.card.architecture).toBe(name);
    expect(model.taps.map(({ layer }) => layer).sort()).toEqual([...manifest.hooks].sort());
  });

  it.each(manifest.cases.map((entry) => [entry.name, entry] as const))(
    'has the official activations and image: %s',
    async (entry, { args, output, layers }) => {
      const ran = await runGenerator(model, inputs(entry), {
        truncation: (args.truncation ?? args.truncation_psi) as number,
        noise: args.noise_mode === 'none' ? 'none' : 'const',
      });
      for (const layer of layers) expectGolden(ran.taps[layer.module], values(layer.tensor), layer);
      expectGolden(ran.output, values(output.tensor), output);
    },
  );

  it('gives the same image from z, from its w and from its w+', async () => {
    const feeds = inputs('main');
    const { w: length, layers } = model.card.latent;
    const fromZ = await runGenerator(model, feeds, { truncation: 0.7 });
    expect(fromZ.ws.shape).toEqual([2, layers, length]);
    const w = float32(
      [2, length],
      [0, 1].flatMap((i) => Array.from(rowOf(fromZ.ws, i * layers))),
    );
    for (const given of [{ w }, { ws: fromZ.ws }]) {
      const again = await runGenerator(model, given);
      expect(again.output).toEqual(fromZ.output);
      expect(again.ws).toEqual(fromZ.ws);
    }
  });

  it('truncates the first layers alone', async () => {
    const feeds = inputs('main');
    const { layers } = model.card.latent;
    const [none, all, some] = await Promise.all(
      [{}, { truncation: 0.5 }, { truncation: 0.5, cutoff: 3 }].map((options) => runGenerator(model, feeds, options)),
    );
    const mean = toFloat32(network.get(name === 'stylegan2-nvlabs' ? 'mapping.w_avg' : 'latent_avg')!);
    for (let row = 0; row < 2 * layers; row++) {
      const drawn = row % layers < 3;
      expect(rowOf(some.ws, row)).toEqual(rowOf(drawn ? all.ws : none.ws, row));
      const half = rowOf(none.ws, row).map((value, i) => (value + mean[i]) / 2);
      expect(largestDifference(rowOf(all.ws, row), half)).toBeLessThan(1e-6);
    }
  });

  it('takes random noise as inputs, which with the buffers of the file give its constant noise', async () => {
    const feeds = inputs('main');
    const constant = await runGenerator(model, feeds);
    const asked: string[] = [];
    const random = await runGenerator(model, feeds, { noise: 'random' }, (input, shape) => {
      asked.push(input);
      const values = toFloat32(network.get(bufferOf(input))!);
      return float32(
        shape,
        Float32Array.from({ length: sizeOf(shape) }, (_, i) => values[i % values.length]),
      );
    });
    expect(asked).toHaveLength(model.card.latent.layers - 1);
    expect(asked).toContain(name === 'stylegan2-nvlabs' ? 'noise/synthesis.b8.conv0' : 'noise/convs.0');
    expect(absoluteError(random.output, constant.output)).toBeLessThan(1e-4);
    const none = await runGenerator(model, feeds, { noise: 'none' });
    expect(absoluteError(none.output, constant.output)).toBeGreaterThan(1e-2);
  });

  it('has a twin with fresh weights: the same layers, finite maps that differ, the same for the same seed', async () => {
    const twin = model.twin(1);
    expect(twin.twinOf).toBe(model.name);
    expect(twin.taps).toEqual(model.taps);
    const [trained, fresh, again, other] = await Promise.all(
      [model, twin, model.twin(1), model.twin(2)].map((each) => runGenerator(each, inputs('main'))),
    );
    for (const { layer } of model.taps) {
      expect(again.taps[layer]).toEqual(fresh.taps[layer]);
      expect(std(fresh.taps[layer])).toBeGreaterThan(0.03);
      expect(std(fresh.taps[layer])).toBeLessThan(10);
      for (const control of [trained, other]) {
        expect(absoluteError(fresh.taps[layer], control.taps[layer])).toBeGreaterThan(0.1);
      }
    }
  });
});

/** Buffer of the noise that an input stands for. */
function bufferOf(input: string): string {
  const layer = input.replace('noise/', '');
  if (layer.startsWith('synthesis.')) return `${layer}.noise_const`;
  return `noises.noise_${layer === 'conv1' ? 0 : Number(layer.split('.')[1]) + 1}`;
}

describe("StyleGAN2 of rosinality's code", () => {
  it('has the layers before the noise, the first ones, and the sums of colours, where they are asked for', () => {
    const { network } = loaded[0];
    const taps = ['conv1.activate', 'to_rgb1.conv', 'convs.*.conv', 'to_rgbs.*', 'to_rgb1'];
    const layers = generatorOf(network, { name: 'm', taps }).taps.map(({ layer }) => layer);
    const blocks = ['to_rgb1.conv', 'to_rgb1', ...[0, 1, 2].map((i) => `to_rgbs.${i}`)];
    const convolutions = Array.from({ length: 6 }, (_, i) => `convs.${i}.conv`);
    expect(layers.sort()).toEqual(['conv1.activate', ...blocks, ...convolutions].sort());
  });

  it('is not truncated without its mean w', async () => {
    const { network } = loaded[0];
    const without = new Map([...network].filter(([name]) => name !== 'latent_avg'));
    const model = generatorOf(without, { name: 'm' });
    const z = float32([1, 16], new Float32Array(16).fill(1));
    await expect(runGenerator(model, { z }, { truncation: 0.7 })).rejects.toThrow(/no "latent_avg".*truncation of 1/);
    await expect(runGenerator(model, { z })).resolves.toBeDefined();
  });
});

describe("StyleGAN2 of NVlabs' code", () => {
  it('has the settings that the file tells of its modules', () => {
    expect(loaded[1].model.card.config).toEqual({
      z: 16,
      w: 16,
      classes: 4,
      size: 32,
      architecture: 'skip',
      mapping: 3,
      mappingRate: 0.01,
      activation: 'lrelu',
      clamp: 2.5,
    });
  });

  it.each(['skip', 'orig', 'resnet'] as const)('agrees with a float64 reference: %s', async (architecture) => {
    const tensors = smallTensors(architecture);
    const model = generatorOf(tensors, { name: 'm', settings: { clamp: '1.5' }, taps: ['synthesis.**'] });
    expect(model.card.config).toMatchObject({ architecture, clamp: 1.5, size: 16 });
    const w = noise([1, 6], 99);
    const [found, expected] = [await runGenerator(model, { w }), reference(tensors, architecture, 1.5, w)];
    expect(Object.keys(found.taps).sort()).toEqual(Object.keys(expected.taps).sort());
    for (const [layer, maps] of Object.entries(expected.taps)) {
      expect(absoluteError(found.taps[layer], maps)).toBeLessThan(2e-5);
    }
    expect(absoluteError(found.output, expected.output)).toBeLessThan(2e-5);
    // Clipping took place.
    expect(Math.max(...toFloat32(found.taps['synthesis.b8.conv0']))).toBe(1.5);
  });

  it('needs a class where it has some, and refuses images that are not RGB', async () => {
    const { model } = loaded[1];
    const z = float32([1, 16], new Float32Array(16).fill(1));
    await expect(runGenerator(model, { z })).rejects.toThrow(/needs a class beside z/);
    const grey = new Map(smallTensors('skip')).set('synthesis.b16.torgb.weight', float32([1, 4, 1, 1], [1, 1, 1, 1]));
    expect(() => generatorOf(grey, { name: 'm' })).toThrow(/images of 1 channels/);
  });
});

describe('the official networks', () => {
  const names = [256, 512, 1024].flatMap((size) => [`stylegan2_rosinality_${size}`, `stylegan2_ada_${size}`]);
  it.each(names)('%s has its layers by name and shape', (name) => {
    const entry = fullShapes[name];
    const model = generatorOf(lazyTensors(entry), { name: 'm' });
    expectOfficialLayers(model, entry);
  });
});
