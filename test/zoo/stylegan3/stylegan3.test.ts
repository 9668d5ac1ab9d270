// StyleGAN3-R and StyleGAN-XL from their pickles, against activations of the official code; and full size, by its form.

import { describe, expect, it } from 'vitest';
import { networkPath } from '../../../src/checkpoint/checkpoint.ts';
import { pickledModules, type PickledModule } from '../../../src/checkpoint/modules.ts';
import { UserError } from '../../../src/errors.ts';
import { float32, sizeOf, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import type { Hints } from '../../../src/zoo/architecture.ts';
import { shapesOf } from '../../../src/zoo/from-checkpoint.ts';
import type { Generator } from '../../../src/zoo/model.ts';
import { largestDifference } from '../../golden.ts';
import { imageOf, noise, stack } from '../fixtures.ts';
import {
  expectGolden,
  generatorOf,
  golden,
  manifestOf,
  runGenerator,
  tensorsOf,
  type GoldenTensor,
} from '../generator-fixtures.ts';
import { fullShapes } from '../shapes.ts';

const files = [
  ['stylegan3r', 'stylegan3r_small.pkl'],
  ['styleganxl', 'imagenet32_small.pkl'],
  ['styleganxl', 'imagenet32_small.dill.pkl'],
] as const;

// The official activations reach beyond the image.
const settings = { margins: 'keep' };

async function open(folder: string, file: string) {
  const { network: tensors, checkpoint } = await tensorsOf(`test/golden/${folder}/${file}`);
  const hints: Hints = { modules: pickledModules(checkpoint, networkPath(checkpoint))! };
  return { tensors, hints, model: generatorOf(tensors, { name: 'm', hints, settings }) };
}

/** The inputs of a golden case, as tensors. */
async function casesOf(folder: string) {
  const tensor = await golden(folder);
  return manifestOf(folder).cases.map((entry) => {
    const feeds = Object.fromEntries(
      Object.entries(entry.inputs).map(([name, input]) => {
        const { shape, data } = tensor(input.tensor);
        return [name, float32(shape, data)];
      }),
    ) as { z: Tensor; c?: Tensor };
    const expected = (of: GoldenTensor) => [tensor(of.tensor), of] as const;
    return { ...entry, feeds, truncation: Number(entry.args.truncation_psi), expected };
  });
}

describe.each(files)('%s: %s', async (folder, file) => {
  const { model, tensors, hints } = await open(folder, file);
  const cases = await casesOf(folder);
  const main = cases.find(({ name }) => name === 'main')!;

  it.each(cases)('has the activations and the image of the official code: $name', async (golden) => {
    const found = await runGenerator(model, golden.feeds, { truncation: golden.truncation });
    expectGolden(found.output, ...golden.expected(golden.output));
    for (const layer of golden.layers) expectGolden(found.taps[layer.module], ...golden.expected(layer));
    const hooks = manifestOf(folder).hooks;
    expect(Object.keys(found.taps).sort()).toEqual([...hooks].sort());
  });

  it('makes the same of w+ as of z, for w+ of before and after truncation', async () => {
    for (const options of [{ truncation: 0.7 }, { truncation: 0.5, cutoff: 3 }, { truncation: 1 }]) {
      const fromZ = await runGenerator(model, main.feeds, options);
      expect(fromZ.ws.shape).toEqual([2, model.card.latent.layers, model.card.latent.w]);
      const fromWs = await runGenerator(model, { ws: fromZ.ws });
      expectSame(fromWs.output, fromZ.output, 1e-6);
    }
  });

  it('truncates only the layers before the cutoff', async () => {
    const { layers, w } = model.card.latent;
    const [none, all, three] = await Promise.all(
      [{ truncation: 1 }, { truncation: 0.5 }, { truncation: 0.5, cutoff: 3 }].map((o) =>
        runGenerator(model, main.feeds, o),
      ),
    );
    for (let i = 0; i < 2 * layers; i++) {
      const part = ({ ws }: { ws: Tensor }) => toFloat32(ws).slice(i * w, (i + 1) * w);
      expect(part(three)).toEqual(part(i % layers < 3 ? all : none));
      expect(part(all)).not.toEqual(part(none));
    }
  });

  it('gives each image of a batch as by itself', async () => {
    const both = await runGenerator(model, main.feeds, { truncation: 0.7 });
    const singles = await Promise.all(
      [0, 1].map((i) => {
        const one = Object.fromEntries(Object.entries(main.feeds).map(([name, tensor]) => [name, imageOf(tensor, i)]));
        return runGenerator(model, one, { truncation: 0.7 });
      }),
    );
    for (const layer of Object.keys(both.taps)) {
      expectSame(stack(singles.map(({ taps }) => taps[layer])), both.taps[layer], 1e-5);
    }
    expectSame(stack(singles.map(({ output }) => output)), both.output, 1e-5);
  });

  it('has one w for all layers, where w is given', async () => {
    const w = noise([1, model.card.latent.w], 5);
    const found = await runGenerator(model, { w });
    const ws = stack(Array.from({ length: model.card.latent.layers }, () => w));
    expect(toFloat32(found.ws)).toEqual(ws.data);
    const fromWs = await runGenerator(model, { ws: float32([1, ...ws.shape], ws.data) });
    expectSame(fromWs.output, found.output, 1e-6);
  });

  it('has an untrained twin: the same for the same seed, with filters and frequencies kept', async () => {
    const run = (twin: Generator) => runGenerator(twin, main.feeds);
    const [one, again, other] = [await run(model.twin(3)), await run(model.twin(3)), await run(model.twin(4))];
    expect(toFloat32(one.output)).toEqual(toFloat32(again.output));
    expect(largestDifference(toFloat32(one.output), toFloat32(other.output))).toBeGreaterThan(0.01);
    // With affine weights of 0, the input is not moved: it is the trained network's frequencies in other mixtures.
    const first = toFloat32(one.taps['synthesis.input']);
    expect(first.every(Number.isFinite)).toBe(true);
    const power = first.reduce((sum, value) => sum + value * value, 0) / first.length;
    expect(power).toBeGreaterThan(0.1);
    expect(power).toBeLessThan(1);
  });

  it('is told by its pickle alone: tensors without modules are refused with the reason', () => {
    expect(() => generatorOf(tensors, { name: 'm' })).toThrow(UserError);
    expect(() => generatorOf(tensors, { name: 'm' })).toThrow(/\.pkl/);
    const modules = new Map(hints.modules);
    const path = `synthesis.${(model.card.config as { network: { layers: { name: string }[] } }).network.layers[0].name}`;
    modules.set(path, { ...modules.get(path)!, attributes: { ...modules.get(path)!.attributes, padding: [1, 2] } });
    expect(() => generatorOf(tensors, { name: 'm', hints: { modules } })).toThrow(new RegExp(`${path}.*padding`));
  });

  it('can be built from the configuration of its card, without the modules', async () => {
    const config = JSON.parse(JSON.stringify(model.card.config)) as Record<string, unknown>;
    const again = generatorOf(tensors, { name: 'm', card: { ...model.card, input: undefined, config } });
    const options = { truncation: 0.7 };
    const [a, b] = [await runGenerator(again, main.feeds, options), await runGenerator(model, main.feeds, options)];
    expect(toFloat32(a.output)).toEqual(toFloat32(b.output));
  });
});

it('needs a class where there are classes', async () => {
  const { model } = await open('styleganxl', 'imagenet32_small.pkl');
  await expect(runGenerator(model, { z: noise([1, 8], 1) })).rejects.toThrow(/one-hot/);
});

it("embeds a class by StyleGAN3's own conditional mapping", async () => {
  const { tensors, hints } = await open('stylegan3r', 'stylegan3r_small.pkl');
  const [z, w, classes] = [8, 16, 4];
  const conditional = new Map(tensors);
  conditional.set('mapping.embed.weight', noise([w, classes], 1));
  conditional.set('mapping.embed.bias', noise([w], 2));
  const fc0 = noise([w, z + w], 3);
  conditional.set('mapping.fc0.weight', fc0);
  const model = generatorOf(conditional, { name: 'm', hints });
  expect(model.card.latent).toMatchObject({ z, w, classes });
  const latent = noise([1, z], 4);
  const c = float32([1, classes], Float32Array.of(0, 0, 1, 0));
  const found = await runGenerator(model, { z: latent, c }, { truncation: 0.6 });
  // In float64, by the definition: y = E c / sqrt(classes) + bias, both parts of unit power, and two layers.
  const values = (name: string) => Array.from(toFloat32(conditional.get(name)!));
  const unit = (x: number[]) => x.map((v) => v / Math.sqrt(x.reduce((s, u) => s + u * u, 0) / x.length + 1e-8));
  const times = (name: string, x: number[], gain: number) =>
    values(`${name}.bias`).map((bias, o) => {
      const row = values(`${name}.weight`).slice(o * x.length, (o + 1) * x.length);
      return row.reduce((s, v, i) => s + (v * x[i] * gain) / Math.sqrt(x.length), bias * gain);
    });
  const leaky = (x: number[]) => x.map((v) => Math.SQRT2 * (v < 0 ? 0.2 * v : v));
  let x = [...unit([...latent.data]), ...unit(times('mapping.embed', [...c.data], 1))];
  for (const layer of ['mapping.fc0', 'mapping.fc1']) x = leaky(times(layer, x, 0.01));
  const mean = values('mapping.w_avg');
  const expected = x.map((v, i) => mean[i] + 0.6 * (v - mean[i]));
  expect(largestDifference(toFloat32(found.ws).slice(0, w), expected)).toBeLessThan(1e-6);
});

describe('StyleGAN-XL at 256 pixels', () => {
  it('has the names and shapes of the official modules', () => {
    const full = fullShapes.styleganxl_imagenet256;
    const of = full.layer_attributes as readonly { name: string; in_size: number[]; in_sampling_rate: number }[];
    const module = (className: string, attributes: Record<string, unknown>): PickledModule => ({
      className,
      attributes: attributes as PickledModule['attributes'],
    });
    const modules = new Map([
      ['', module('SuperresGenerator', { img_resolution: full.output_shape[2] })],
      ['synthesis', module('SynthesisNetwork', { layer_names: of.map(({ name }) => name), output_scale: 0.25 })],
      ['mapping.fc0', module('FullyConnectedLayer', { bias_gain: 0.01 })],
      [
        'synthesis.input',
        module('SynthesisInput', { size: of[0].in_size, sampling_rate: of[0].in_sampling_rate, bandwidth: 2 }),
      ],
      ...of.map((layer) => [`synthesis.${layer.name}`, module('SynthesisLayer', { ...layer })] as const),
    ]);
    // One buffer for all: what the weights are does not matter here.
    const ones = new Float32Array(Math.max(...full.state_dict.map(([, shape]) => sizeOf(shape)))).fill(1);
    const tensors = new Map(
      full.state_dict.map(([name, shape]) => [name, float32(shape, ones.subarray(0, sizeOf(shape)))]),
    );
    expect(shapesOf(tensors).size).toBe(229);
    const model = generatorOf(tensors, { name: 'xl', hints: { modules }, settings });
    const shapes = model.taps.map(({ layer, channels, height, width }) => [layer, [1, channels, height, width]]);
    const expected = full.layers.map(({ module, shape }) => [module, shape]);
    expect(new Map(shapes as [string, number[]][])).toEqual(new Map(expected as [string, number[]][]));
    expect(model.taps.reduce((sum, { channels }) => sum + channels, 0)).toBe(full.num_units);
    expect(model.card.latent).toMatchObject({ z: 64, classes: 1000, w: 512, layers: 32, height: 256, width: 256 });
  });
});

/** Within a fraction of the spread. */
function expectSame(actual: Tensor, expected: Tensor, fraction: number): void {
  expect(actual.shape).toEqual(expected.shape);
  const values = toFloat32(expected);
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
  expect(largestDifference(toFloat32(actual), values)).toBeLessThanOrEqual(fraction * std);
}

it('gives maps of the image alone unless the margins are kept', async () => {
  const { tensors, hints, model: whole } = await open('styleganxl', 'imagenet32_small.pkl');
  const model = generatorOf(tensors, { name: 'm', hints });
  const { feeds } = (await casesOf('styleganxl')).find(({ name }) => name === 'main')!;
  const [cut, all] = [await runGenerator(model, feeds), await runGenerator(whole, feeds)];
  expect(cut.output).toEqual(all.output);
  const sizes = model.taps.map(({ layer, height, width }) => [layer, height, width]);
  expect(sizes.filter(([, height]) => ![8, 16, 32].includes(height as number))).toEqual([]);
  for (const { layer, channels, height, width } of model.taps) {
    const { shape, data } = all.taps[layer];
    expect(cut.taps[layer].shape).toEqual([2, channels, height, width]);
    const margin = (shape[2] - height) / 2;
    expect(margin === 0 || margin === 10).toBe(true);
    // One row of the last channel of the second image.
    const row = ((2 * channels - 1) * shape[2] + margin + 3) * shape[3] + margin;
    const found = toFloat32(cut.taps[layer])
      .subarray(((2 * channels - 1) * height + 3) * width)
      .subarray(0, width);
    expect(found).toEqual((data as Float32Array).subarray(row, row + width));
  }
});
