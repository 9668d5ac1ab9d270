// Vision transformers: small ones against the activations of DINO's and MAE's own code, those of full size by their shapes.

import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.ts';
import { float32, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { modelFromTensors, type FromCheckpointOptions } from '../../../src/zoo/from-checkpoint.ts';
import type { Encoder } from '../../../src/zoo/model.ts';
import { positionsFor } from '../../../src/zoo/encoders/positions.ts';
import { Weights } from '../../../src/zoo/weights.ts';
import { largestDifference } from '../../golden.ts';
import { loadEncoder, noise, runTaps } from '../fixtures.ts';
import { expectGolden, golden, manifestOf, tensorsOf } from '../generator-fixtures.ts';
import { fullShapes, zeroTensors } from '../shapes.ts';

const files = {
  dino_vit: 'test/golden/dino_vit/dino_vit_small_pretrain.pth',
  dino_vit_teacher: 'test/golden/dino_vit_teacher/dino_vit_pretrain_full_checkpoint_small.pth',
  mae_vit: 'test/golden/mae_vit/mae_pretrain_vit_small.pth',
};
const folders = Object.keys(files) as (keyof typeof files)[];
const patches = { dino_vit: 8, dino_vit_teacher: 8, mae_vit: 16 };

/** Tokens `[n, 1 + height * width, c]` as maps `[n, c, height, width]`, without the first. */
function mapsOf({ shape: [n, tokens, c], data }: { shape: readonly number[]; data: ArrayLike<number> }, width: number) {
  const positions = tokens - 1;
  const maps = new Float32Array(n * c * positions);
  for (let i = 0; i < n; i++) {
    for (let p = 0; p < positions; p++) {
      for (let j = 0; j < c; j++) maps[(i * c + j) * positions + p] = data[(i * tokens + 1 + p) * c + j];
    }
  }
  return float32([n, c, positions / width, width], maps);
}

const goldens = await Promise.all(
  folders.map(async (folder) => ({ folder, manifest: manifestOf(folder), file: await golden(folder) })),
);
const cases = goldens.flatMap(({ folder, manifest, file }) =>
  manifest.cases.map((entry) => ({ folder, name: entry.name, entry, file })),
);

describe('a small ViT', () => {
  it.each(cases)('has the official activations and features: $folder, $name', async ({ folder, entry, file }) => {
    const { model } = await loadEncoder(files[folder], { name: 'm' });
    const x = { dtype: 'float32', ...file(entry.inputs.x.tensor) } as const;
    const { taps, output } = await runTaps(model, x);
    expect(Object.keys(taps)).toEqual(entry.layers.map(({ module }) => module));
    for (const layer of entry.layers) {
      expectGolden(taps[layer.module], mapsOf(file(layer.tensor), x.shape[3] / patches[folder]), layer);
    }
    expectGolden(output, file(entry.output.tensor), entry.output);
  });

  it.each([
    [48, 48],
    [40, 56],
  ])('has the official position embeddings at %ix%i, within 2e-6', async (height, width) => {
    const { network } = await tensorsOf(files.dino_vit);
    const b = new GraphBuilder();
    const value = positionsFor(b, new Weights(network, 'm'), 'pos_embed', { height: height / 8, width: width / 8 });
    b.output(value, 'positions');
    const found = [...b.build().initializers.values()][0];
    const expected = goldens[0].file(`pos_embed/${height}x${width}`);
    expect([1, ...found.shape]).toEqual(expected.shape);
    expect(largestDifference(toFloat32(found), expected.data)).toBeLessThan(2e-6);
  });

  it('is recognised, with its assumptions told', async () => {
    const { model, assumed } = await loadEncoder(files.mae_vit, { name: 'm' });
    expect(model.card).toMatchObject({
      architecture: 'vit',
      config: { patch: 16, width: 128, depth: 2, hidden: 512, grid: 4, heads: 2 },
      input: { height: 64, width: 64, resize: 'bicubic', antialias: true },
    });
    expect(assumed).toContain('size=64x64');
    expect(model.taps).toEqual([
      { layer: 'blocks.0.mlp.act', channels: 512, height: 4, width: 4 },
      { layer: 'blocks.1.mlp.act', channels: 512, height: 4, width: 4 },
    ]);
  });
});

describe('the layers of a ViT', async () => {
  const { network } = await tensorsOf(files.mae_vit);
  const { model } = modelFromTensors(network, { name: 'm', taps: ['**'] });
  const x = noise([2, 3, 64, 96], 1);
  const { taps, output } = await runTaps(model as Encoder, x);
  const values = (name: string): Float32Array => toFloat32(network.get(name)!);
  /** Channels of a layer's map at row 2, column 3 of image 1. */
  const at = (layer: string): Float64Array => {
    const { shape, data } = taps[layer];
    const [, channels, height, width] = shape;
    const position = 2 * width + 3;
    return Float64Array.from({ length: channels }, (_, c) => Number(data[(channels + c) * height * width + position]));
  };
  const linear = (input: Float64Array, name: string): Float64Array => {
    const [weight, bias] = [values(`${name}.weight`), values(`${name}.bias`)];
    return Float64Array.from(bias, (start, o) =>
      input.reduce((sum, value, i) => sum + value * weight[o * input.length + i], start),
    );
  };
  const normalised = (input: Float64Array, name: string): Float64Array => {
    const mean = input.reduce((sum, value) => sum + value, 0) / input.length;
    const variance = input.reduce((sum, value) => sum + (value - mean) ** 2, 0) / input.length;
    const [scale, bias] = [values(`${name}.weight`), values(`${name}.bias`)];
    return input.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-6)) * scale[i] + bias[i]);
  };
  const sum = (...terms: Float64Array[]): Float64Array => terms[0].map((_, i) => terms.reduce((s, t) => s + t[i], 0));

  it('are all on the grid of patches, in their order', () => {
    const block = ['norm1', 'attn', 'norm2', 'mlp.fc1', 'mlp.act', 'mlp'];
    const blocks = [0, 1].flatMap((i) => [...block.map((name) => `blocks.${i}.${name}`), `blocks.${i}`]);
    expect(model.taps.map(({ layer }) => layer)).toEqual(['patch_embed', ...blocks, 'norm']);
    for (const { layer, channels } of model.taps) expect(taps[layer].shape).toEqual([2, channels, 4, 6]);
  });

  it('are what their names say, computed in float64, within 2e-5', () => {
    const pixels = Float64Array.from({ length: 3 * 256 }, (_, i) => {
      const [c, dy, dx] = [i >> 8, (i >> 4) & 15, i & 15];
      return x.data[((3 + c) * 64 + 2 * 16 + dy) * 96 + 3 * 16 + dx];
    });
    const expected: Record<string, Float64Array> = {
      patch_embed: linear(pixels, 'patch_embed.proj'),
      'blocks.1.norm1': normalised(at('blocks.0'), 'blocks.1.norm1'),
      'blocks.1.norm2': normalised(sum(at('blocks.0'), at('blocks.1.attn')), 'blocks.1.norm2'),
      'blocks.1.mlp.fc1': linear(at('blocks.1.norm2'), 'blocks.1.mlp.fc1'),
      'blocks.1.mlp': linear(at('blocks.1.mlp.act'), 'blocks.1.mlp.fc2'),
      'blocks.1': sum(at('blocks.0'), at('blocks.1.attn'), at('blocks.1.mlp')),
      norm: normalised(at('blocks.1'), 'norm'),
    };
    for (const [layer, numbers] of Object.entries(expected)) {
      expect(largestDifference(at(layer), numbers), layer).toBeLessThan(2e-5);
    }
  });

  it('are followed by a classifier where there is one, or by the mean of the patches (fc_norm)', async () => {
    const head = { weight: noise([5, 128], 7), bias: noise([5], 8) };
    const tensors = new Map(network).set('head.weight', head.weight).set('head.bias', head.bias);
    const classified = await runTaps(modelFromTensors(tensors, { name: 'm' }).model as Encoder, x);
    const logits = (features: ArrayLike<number>): number[] =>
      Array.from({ length: 5 }, (_, o) =>
        Array.from(features).reduce((s, v, i) => s + v * head.weight.data[o * 128 + i], head.bias.data[o]),
      );
    expect(classified.output.shape).toEqual([2, 5]);
    expect(largestDifference(toFloat32(classified.output).slice(5), logits(toFloat32(output).slice(128)))).toBeLessThan(
      2e-5,
    );

    for (const part of ['weight', 'bias']) {
      tensors.set(`fc_norm.${part}`, tensors.get(`norm.${part}`)!).delete(`norm.${part}`);
    }
    const pooled = await runTaps(modelFromTensors(tensors, { name: 'm' }).model as Encoder, x);
    const { data } = taps['blocks.1'];
    const mean = Float64Array.from({ length: 128 }, (_, c) => {
      const map = Array.from(data.subarray((128 + c) * 24, (129 + c) * 24), Number);
      return map.reduce((s, v) => s + v, 0) / 24;
    });
    expect(largestDifference(toFloat32(pooled.output).slice(5), logits(normalised(mean, 'norm')))).toBeLessThan(2e-5);
  });
});

describe('a ViT that is not what it should be', async () => {
  const { network } = await tensorsOf(files.dino_vit);
  const open = (changes: Record<string, Tensor | undefined>, options: Partial<FromCheckpointOptions> = {}) => {
    const tensors = new Map(network);
    for (const [name, tensor] of Object.entries(changes)) {
      if (tensor) tensors.set(name, tensor);
      else tensors.delete(name);
    }
    return () => modelFromTensors(tensors, { name: 'm', ...options });
  };

  it.each(['3', '256'])('is refused with %s heads', (heads) => {
    expect(open({}, { settings: { heads } })).toThrow(
      `m cannot have heads=${heads}: a whole number that divides its width, 128, is expected`,
    );
  });

  it.each([
    ['0', 'and must be at least 1'],
    ['2.5', 'not a whole number'],
    ['-2', 'and must be at least 1'],
  ])('is refused with %s heads, whatever its width', (heads, told) => {
    expect(open({}, { settings: { heads } })).toThrow(
      new RegExp(`^m cannot be .* "vit": config\\.heads is ${heads},? ${told}`),
    );
  });

  it('computes something else with other heads', async () => {
    const x = noise([1, 3, 32, 32], 1);
    const outputs = await Promise.all(
      ['2', '4'].map((heads) => runTaps(open({}, { settings: { heads } })().model as Encoder, x)),
    );
    expect(largestDifference(toFloat32(outputs[0].output), toFloat32(outputs[1].output))).toBeGreaterThan(1e-3);
  });

  it('is refused with sizes that are no multiples of its patch', () => {
    expect(open({}, { settings: { size: '50x40' } })).toThrow(
      'm takes images whose sides are multiples of its patch, 8, not 50x40; the nearest sizes are 48x40 and 56x40',
    );
    expect(open({}, { settings: { size: '5' } })).toThrow('the nearest sizes are 8x8 and 8x8');
  });

  it('is refused without one of its tensors, or with those of another network', () => {
    expect(open({ 'blocks.1.attn.proj.weight': undefined })).toThrow(
      /the weights of m have no tensor "blocks\.1\.attn\.proj\.weight"/,
    );
    expect(open({ 'head.weight': noise([10, 96], 1) })).toThrow(
      /the tensor "head\.weight" of m has the shape \[10, 96\]; its architecture expects \[10, 128\]/,
    );
    expect(open({ 'blocks.0.ls1.gamma': noise([128], 1) })).toThrow(
      /tensors that the architecture "vit" does not use: blocks\.0\.ls1\.gamma/,
    );
  });

  it('is no ViT when its positions are those of no square grid', () => {
    expect(open({ pos_embed: noise([1, 16, 128], 1) })).toThrow(/the tensors of m are not those of any architecture/);
  });
});

describe('a ViT of full size', () => {
  const official = Object.keys(fullShapes).filter((name) => /vit/.test(name));

  it.each(official)('%s has the official layers, from its shapes alone', (name) => {
    const entry = fullShapes[name] as (typeof fullShapes)[string] & {
      full_checkpoint_extra_keys?: [string, number[]][];
    };
    const tensors = zeroTensors(entry);
    for (const [extra] of entry.full_checkpoint_extra_keys ?? []) tensors.set(extra, float32([1], [0]));
    const { model } = modelFromTensors(tensors, { name });
    const shapes = entry.layers.map(({ module, units, shape }) => {
      const side = Math.sqrt(shape[1] - 1);
      return { layer: module, channels: units, height: side, width: side };
    });
    expect(model.card.architecture).toBe('vit');
    expect(model.card.config.heads).toBe({ small: 6, base: 12, large: 16, huge: 16 }[sizeNamed(name)]);
    expect(model.taps).toEqual(shapes);
    const b = new GraphBuilder();
    const { height, width } = (model as Encoder).card.input;
    const { output } = (model as Encoder).addTo(b, b.input('x', [1, 3, height, width]));
    expect(output.shape).toEqual(entry.output_shape);
  });
});

const sizeNamed = (name: string) =>
  /vits/.test(name) ? 'small' : /large/.test(name) ? 'large' : /huge/.test(name) ? 'huge' : 'base';
