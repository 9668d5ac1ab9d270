// The ResNet of CLIP: a small one against the activations of its own code, the published one by its shapes.

import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.ts';
import { float32, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { modelFromTensors, type FromCheckpointOptions } from '../../../src/zoo/from-checkpoint.ts';
import type { Encoder } from '../../../src/zoo/model.ts';
import { largestDifference } from '../../golden.ts';
import { loadEncoder, noise, runTaps } from '../fixtures.ts';
import { expectGolden, golden, manifestOf, tensorsOf } from '../generator-fixtures.ts';
import { fullShapes, zeroTensors } from '../shapes.ts';

const path = 'test/golden/clip_rn50/RN50_small.pt';
const manifest = manifestOf('clip_rn50');
const file = await golden('clip_rn50');
const { network } = await tensorsOf(path);

const open = (options: Partial<FromCheckpointOptions> = {}, changes: Record<string, Tensor | undefined> = {}) => {
  const tensors = new Map(network);
  for (const [name, tensor] of Object.entries(changes)) {
    if (tensor) tensors.set(name, tensor);
    else tensors.delete(name);
  }
  return modelFromTensors(tensors, { name: 'm', ...options }).model as Encoder;
};

describe('a small ResNet of CLIP', () => {
  it.each(manifest.cases)('has the official activations and features: $name', async ({ inputs, layers, output }) => {
    const { model } = await loadEncoder(path, { name: 'm' });
    const found = await runTaps(model, { dtype: 'float32', ...file(inputs.x.tensor) });
    expect(Object.keys(found.taps)).toEqual(layers.map(({ module }) => module));
    for (const layer of layers) expectGolden(found.taps[layer.module], file(layer.tensor), layer);
    expectGolden(found.output, file(output.tensor), output);
  });

  it('is recognised, with the input that CLIP expects', () => {
    expect(open().card).toMatchObject({
      architecture: 'clip-resnet',
      config: { depths: [2, 1, 2, 1], grid: 2, heads: 2 },
      input: { height: 64, width: 64, resize: 'bicubic', antialias: true },
    });
    const { mean, std } = open().card.input;
    // CLIP's means and standard deviations of the channels, to the digits that its paper's code prints.
    expect([...mean, ...std].map((v) => v.toFixed(4))).toEqual('0.4815 0.4578 0.4082 0.2686 0.2613 0.2758'.split(' '));
  });

  it('has the layers of its stem and blocks by their official names', () => {
    const layers = open({ taps: ['**'] }).taps.map(({ layer }) => layer);
    const stem = ['conv1', 'bn1', 'relu1', 'conv2', 'bn2', 'relu2', 'conv3', 'bn3', 'relu3', 'avgpool'];
    expect(layers.slice(0, stem.length)).toEqual(stem.map((name) => `visual.${name}`));
    const block = [...stem.slice(0, 6), 'avgpool', 'conv3', 'bn3', 'downsample.0', 'downsample.1', 'relu3'];
    expect(layers.filter((layer) => layer.startsWith('visual.layer2'))).toEqual([
      ...block.map((name) => `visual.layer2.0.${name}`),
      'visual.layer2.0',
      'visual.layer2',
    ]);
    expect(layers.filter((layer) => layer.endsWith('.avgpool'))).toEqual(
      ['visual', ...[2, 3, 4].map((stage) => `visual.layer${stage}.0`)].map((module) => `${module}.avgpool`),
    );
  });

  it('has the same maps on a larger canvas, away from its border, and features at any size', async () => {
    const model = open();
    const x = file('main/in/x');
    // The image of 64 pixels at the upper left of a canvas of 96x128: positions that see nothing but it agree.
    const canvas = new Float32Array(2 * 3 * 96 * 128);
    for (let i = 0; i < 6 * 64; i++) {
      canvas.set(x.data.subarray(i * 64, (i + 1) * 64), (Math.floor(i / 64) * 96 + (i % 64)) * 128);
    }
    const { taps, output } = await runTaps(model, float32([2, 3, 96, 128], canvas));
    expect(taps['visual.layer1'].shape).toEqual([2, 16, 24, 32]);
    expect(taps['visual.layer4'].shape).toEqual([2, 128, 3, 4]);
    const corner = (
      { shape: [n, c, h, w], data }: { shape: readonly number[]; data: ArrayLike<unknown> },
      side: number,
    ) =>
      Float32Array.from({ length: n * c * side * side }, (_, i) => {
        const [map, y, column] = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side];
        return Number(data[(map * h + y) * w + column]);
      });
    const expected = corner(file('main/act/visual.layer1'), 8);
    expect(largestDifference(corner(taps['visual.layer1'], 8), expected)).toBeLessThan(1e-4);
    expect(output.shape).toEqual([2, 32]);
    expect(toFloat32(output).every(Number.isFinite)).toBe(true);
    expect(largestDifference(toFloat32(output), file('main/image_features').data)).toBeGreaterThan(1e-3);
  });

  it('takes sizes that are odd, but none below 32 pixels', async () => {
    const { taps } = await runTaps(open(), noise([1, 3, 75, 50], 1));
    expect(Object.values(taps).map(({ shape }) => shape.slice(2))).toEqual([
      [19, 12],
      [9, 6],
      [4, 3],
      [2, 1],
    ]);
    expect(() => open({ settings: { size: '31x64' } })).toThrow(
      'm takes images of 32 pixels a side or more, not 31x64',
    );
  });

  it('is refused with heads that do not divide its channels', () => {
    expect(() => open({ settings: { heads: '3' } })).toThrow(
      'm cannot have heads=3: a whole number that divides the channels of its last stage, 128, is expected',
    );
  });

  it('is refused without one of its tensors, or with those of another network', () => {
    expect(() => open({}, { 'visual.layer3.1.bn2.bias': undefined })).toThrow(
      /the weights of m have no tensor "visual\.layer3\.1\.bn2\.bias"/,
    );
    expect(() => open({}, { 'visual.attnpool.c_proj.weight': noise([32, 96], 1) })).toThrow(
      /the tensor "visual\.attnpool\.c_proj\.weight" of m has the shape \[32, 96\]; its architecture expects \[32, 128\]/,
    );
    expect(() => open({}, { 'visual.fc.weight': noise([32, 128], 1) })).toThrow(
      /tensors that the architecture "clip-resnet" does not use: visual\.fc\.weight/,
    );
  });
});

describe('the ResNet-50 of CLIP', () => {
  it('has the official layers, from its shapes alone', () => {
    const entry = fullShapes.clip_rn50;
    const { model } = modelFromTensors(zeroTensors(entry), { name: 'clip' });
    expect(model.card.architecture).toBe('clip-resnet');
    expect(model.card.config).toMatchObject({ depths: [3, 4, 6, 3], grid: 7, heads: 32 });
    expect(model.taps).toEqual(
      entry.layers.map(({ module, shape: [, channels, height, width] }) => ({
        layer: module,
        channels,
        height,
        width,
      })),
    );
    const b = new GraphBuilder();
    expect((model as Encoder).addTo(b, b.input('x', [1, 3, 300, 200])).output.shape).toEqual(entry.output_shape);
  });
});

describe('a plain ResNet-50', () => {
  it.each(['torchvision_resnet50', 'dino_resnet50'])(
    '%s is none of CLIP: it has the official layers, from its shapes alone',
    (name) => {
      const entry = fullShapes[name];
      const { model } = modelFromTensors(zeroTensors(entry), { name });
      expect(model.card.architecture).toBe('resnet');
      expect(model.taps).toEqual(
        entry.layers.map(({ module, shape: [, channels, height, width] }) => ({
          layer: module,
          channels,
          height,
          width,
        })),
      );
    },
  );
});
