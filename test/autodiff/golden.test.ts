// Gradients of whole networks against those that the official code gave: latents of generators, images of encoders.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { simplify } from '../../src/autodiff/simplify.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { toFloat32, type Tensor } from '../../src/graph/tensor.ts';
import type { BuiltModel, GeneratorInput } from '../../src/zoo/model.ts';
import { loadModel } from '../../src/zoo/node.ts';
import { golden, largestDifference } from '../golden.ts';
import { manifestOf } from '../zoo/generator-fixtures.ts';
import { engine } from '../zoo/fixtures.ts';
import { runOnce } from '../../src/runtime/run-once.ts';

const files: readonly [folder: string, file: string, settings?: Record<string, string>][] = [
  ['torchvision_resnet50', 'resnet50_small.pth', { size: '64' }],
  ['dino_resnet50', 'dino_resnet50_pretrain_small.pth', { size: '64' }],
  ['dino_vit', 'dino_vit_small_pretrain.pth'],
  ['dino_vit_teacher', 'dino_vit_pretrain_full_checkpoint_small.pth'],
  ['mae_vit', 'mae_pretrain_vit_small.pth'],
  ['clip_rn50', 'RN50_small.pt'],
  ['biggan_deep', 'pytorch_model.bin'],
  ['stylegan2_rosinality', 'stylegan2-small-config-f.pt'],
  ['stylegan2_ada', 'network-small.pkl'],
  ['styleganxl', 'imagenet32_small.pkl', { margins: 'keep' }],
  ['stylegan3r', 'stylegan3r_small.pkl', { margins: 'keep' }],
];

interface GoldenGradient {
  readonly of: 'x' | 'z';
  readonly grad_tensor: string;
  readonly grad_tensor_computed_in_float64: string;
  readonly loss_value_float64: number;
  readonly map_out: string;
  readonly maps: Readonly<Record<string, string>>;
}

describe.each(files)('%s', async (folder, file, settings) => {
  const tensor = await golden(folder);
  const main = manifestOf(folder).cases.find(({ name }) => name === 'main')!;
  const { of, ...grad } = (main as unknown as { grad: GoldenGradient }).grad;
  const constant = (name: string): Tensor => ({ dtype: 'float32', ...tensor(name) });
  const { model } = await loadModel(`test/golden/${folder}/${file}`, { name: 'm', settings, taps: ['**'] });
  const feeds = Object.fromEntries(Object.entries(main.inputs).map(([name, input]) => [name, constant(input.tensor)]));

  it.each([1, 4])('has the gradient of the official code, its forward pass in %i segments', async (segments) => {
    const b = new GraphBuilder();
    const inputs = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, b.input(name, shape)]));
    const built: BuiltModel =
      model.kind === 'encoder'
        ? model.addRawTo(b, inputs.x)
        : model.addTo(b, inputs as unknown as GeneratorInput, {
            truncation: Number(main.args.truncation_psi ?? main.args.truncation),
          });
    const mean = (value: Value, map: string) => {
      const product = b.mul(value, b.constant(constant(map)));
      return b.reduceMean(product, [...product.shape.keys()]);
    };
    const tapOf = (layer: string, shape: readonly number[]): Value => {
      // The whole synthesis network is a layer of the official code, whose activation is the image.
      if (layer === 'synthesis') return built.output;
      const tap = built.taps.get(layer) ?? built.taps.get(layer.replace('visual.', ''))!;
      if (shape.length === tap.shape.length) return tap;
      // Of a transformer, the official activation has the class token too, which is no unit's map.
      const block = Number(/blocks\.(\d+)\.mlp\.act/.exec(layer)![1]);
      const [tokens] = b.made.filter(({ op }) => op === 'Gelu')[block].outputs;
      return b.reshape(b.value(tokens), [tap.shape[0], ...shape.slice(1)]);
    };
    const terms = Object.entries(grad.maps).map(([layer, map]) => mean(tapOf(layer, tensor(map).shape), map));
    const loss = [...terms, mean(built.output, grad.map_out)].reduce((sum, term) => b.add(sum, term));
    const [gradient] = gradients(b, loss, [inputs[of]], { segments });
    b.output(loss, 'loss');
    b.output(b.identity(gradient), 'gradient');
    const tensors = await runOnce(engine, simplify(b.build()), feeds);
    expect(toFloat32(tensors.loss)[0]).toBeCloseTo(grad.loss_value_float64, 4);
    for (const expected of [tensor(grad.grad_tensor), tensor(grad.grad_tensor_computed_in_float64)]) {
      expect(tensors.gradient.shape).toEqual(expected.shape);
      const scale = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largestDifference(toFloat32(tensors.gradient), expected.data) / scale).toBeLessThan(1e-3);
    }
  });
});
