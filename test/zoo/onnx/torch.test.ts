// Networks as torch.onnx exports them, against what PyTorch computes at their modules: tokens back on their grid, NHWC
// as NCHW, whatever the exporter made of batches and reshapes. test/golden/torch_onnx/make.py made the files.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSafetensorsBytes } from '../../../src/checkpoint/index.ts';
import { toFloat32 } from '../../../src/graph/tensor.ts';
import { graphOf, imageOf, relativeError, runTaps, loadEncoder } from '../fixtures.ts';

const folder = 'test/golden/torch_onnx/';
const golden = await readSafetensorsBytes('golden.safetensors', readFileSync(`${folder}golden.safetensors`));

interface Network {
  readonly name: string;
  /** By module of the official code, the value of the file that is its output. */
  readonly layers: Readonly<Record<string, string>>;
  /** Layers that are mined by default: the hidden layers of MLPs, and of convolutional networks the ends of stages. */
  readonly proposed: readonly string[];
  /** Copies of the network in a graph for three images. */
  readonly copies: number;
}

const networks: readonly Network[] = [
  {
    name: 'vit',
    layers: {
      'encoder.layers.encoder_layer_0.mlp.1': '/encoder/layers/encoder_layer_0/mlp/mlp.1/Mul_1_output_0',
      'encoder.layers.encoder_layer_1.mlp.1': '/encoder/layers/encoder_layer_1/mlp/mlp.1/Mul_1_output_0',
      'encoder.layers.encoder_layer_1': '/encoder/layers/encoder_layer_1/Add_1_output_0',
    },
    proposed: ['encoder.layers.encoder_layer_0.mlp.1', 'encoder.layers.encoder_layer_1.mlp.1'],
    copies: 3,
  },
  {
    name: 'swin',
    layers: {
      'features.1.0.mlp.1': '/features/features.1/features.1.0/mlp/mlp.1/Mul_1_output_0',
      'features.3.0.mlp.1': '/features/features.3/features.3.0/mlp/mlp.1/Mul_1_output_0',
      'features.3.1.mlp.1': '/features/features.3/features.3.1/mlp/mlp.1/Mul_1_output_0',
      'features.3.1': '/features/features.3/features.3.1/Add_1_output_0',
    },
    proposed: ['features.1.0.mlp.1', 'features.3.0.mlp.1', 'features.3.1.mlp.1'],
    copies: 1,
  },
  {
    name: 'convnext',
    layers: {
      'features.1.0.block.4': '/features/features.1/features.1.0/block/block.4/Mul_1_output_0',
      'features.1.0': '/features/features.1/features.1.0/Add_output_0',
      'features.3.0.block.4': '/features/features.3/features.3.0/block/block.4/Mul_1_output_0',
      'features.3.0': '/features/features.3/features.3.0/Add_output_0',
    },
    proposed: ['features.1.0.block.4', 'features.3.0.block.4', 'features.3.0'],
    copies: 1,
  },
];

describe.each(networks)('$name', ({ name, layers, proposed, copies }) => {
  const file = `${folder}${name}.onnx`;
  const x = golden.get(`${name}/x`)!;

  it('has the maps of PyTorch, one image and three', async () => {
    const { model } = await loadEncoder(file, { name: 'm', taps: Object.values(layers) });
    const [three, one] = await Promise.all([runTaps(model, x), runTaps(model, imageOf(x, 2))]);
    for (const [module, layer] of Object.entries(layers)) {
      const expected = golden.get(`${name}/maps/${module}`)!;
      expect(relativeError(three.taps[layer], expected)).toBeLessThan(1e-5);
      expect(relativeError(one.taps[layer], imageOf(expected, 2))).toBeLessThan(1e-5);
    }
    expect(relativeError(three.output, golden.get(`${name}/y`)!)).toBeLessThan(1e-5);
  });

  it('proposes hidden layers and the ends of stages', async () => {
    const { model, assumed } = await loadEncoder(file, { name: 'm' });
    expect(model.taps.map(({ layer }) => layer)).toEqual(
      expect.arrayContaining(proposed.map((module) => layers[module])),
    );
    expect(model.taps.length).toBeLessThanOrEqual(proposed.length + 1);
    expect(assumed.filter((text) => /grid|left/.test(text))).toEqual([]);
    const patches = (n: number) =>
      graphOf(model, [n, ...x.shape.slice(1)]).nodes.filter(({ op }) => op === 'Conv').length;
    expect(patches(3)).toBe(copies * patches(1));
  });

  it('has a twin that is alive', async () => {
    const { model } = await loadEncoder(file, { name: 'm' });
    const { taps } = await runTaps(model.twin(3), x);
    for (const { layer, channels } of model.taps) {
      const values = toFloat32(taps[layer]);
      expect(values.every(Number.isFinite)).toBe(true);
      expect(new Set(values).size).toBeGreaterThan(channels);
      expect(values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)).toBeGreaterThan(0.1);
    }
  });
});
