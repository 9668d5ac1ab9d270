// The image tower of CLIP's ResNets: three convolutions at first, strides by averaging, attention in place of pooling.
// The text tower of the same files is not built.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import type { Read } from '../../files/json.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { each, layers, whole } from '../bounds.ts';
import type { EncoderFamily, Shapes } from '../architecture.ts';
import type { BuiltModel } from '../model.ts';
import { gridSide, positionsFor } from './positions.ts';
import type { Weights } from '../weights.ts';

const clipResNetConfig = Type.Object({
  depths: each(layers('Blocks of a stage.'), 'Blocks of each stage.', 4, 4),
  grid: whole('Side of the grid of the last stage that the position embeddings were trained for.', 1024),
  heads: layers('Heads of the attention; they divide the channels of the last stage.'),
});

/** What tensors tell of CLIP's ResNet, and the number of heads, which they cannot tell. */
export type ClipResNetConfig = Read<typeof clipResNetConfig>;

/** Pixels of the input along the side of a position of the last stage: the stem has a stride of 4, three stages of 2. */
const stride = 32;

const positions = 'visual.attnpool.positional_embedding';

/** Configuration of CLIP's ResNet from the names and shapes of its tensors; undefined when they are not those of one. */
function recogniseClipResNet(shapes: Shapes): ClipResNetConfig | undefined {
  const [count, channels] = shapes.get(positions) ?? [];
  const grid = count && gridSide(count);
  if (!grid || !shapes.has('visual.conv3.weight')) return undefined;
  const depths = [1, 2, 3, 4].map((stage) => {
    let blocks = 0;
    while (shapes.has(`visual.layer${stage}.${blocks}.conv3.weight`)) blocks++;
    return blocks;
  });
  return depths.includes(0) ? undefined : { depths, grid, heads: channels / 64 };
}

export const clipResNet: EncoderFamily<ClipResNetConfig> = {
  name: 'clip-resnet',
  kind: 'encoder',
  config: clipResNetConfig,
  recognise: recogniseClipResNet,
  choices: { heads: 'number' },
  /** The text tower, and what describes both. */
  unused: [
    'visual.**.num_batches_tracked',
    'transformer.**',
    'token_embedding.weight',
    'ln_final.{weight,bias}',
    '{positional_embedding,text_projection,logit_scale,input_resolution,context_length,vocab_size,vocabulary}',
  ],
  defaultTaps: () => ['visual.layer*'],
  defaultInput({ grid }) {
    return {
      height: grid * stride,
      width: grid * stride,
      mean: [0.48145466, 0.4578275, 0.40821073],
      std: [0.26862954, 0.26130258, 0.27577711],
      resize: 'bicubic',
      antialias: true,
    };
  },
  addTo: addClipResNet,
};

/**
 * Adds the image tower to a builder. Taps, all named as in the official code, with `visual.` before: of the stem `convN`,
 * `bnN`, `reluN` and `avgpool`; of each block `layerS.B.convN`, `bnN`, `reluN`, `avgpool`, `downsample.0`, `downsample.1`
 * and `layerS.B` (after the addition and its ReLU); of each stage `layerS`. The output is the image's features, not
 * normalised. For grids other than the trained one, which official code refuses, positions are resampled.
 * @param x `[n, 3, h, w]`, normalised, at least 32 pixels along each side.
 * @throws UserError for a smaller input, or heads that do not divide the channels of the last stage.
 */
function addClipResNet(b: GraphBuilder, x: Value, weights: Weights, config: ClipResNetConfig): BuiltModel {
  const [height, width] = x.shape.slice(2);
  if (Math.min(height, width) < stride) {
    throw new UserError(`${weights.owner} takes images of ${stride} pixels a side or more, not ${height}x${width}`);
  }
  const taps = new Map<string, Value>();
  const tap = (name: string, value: Value): Value => {
    taps.set(name, value);
    return value;
  };
  const convolution = (input: Value, name: string, step = 1): Value => {
    const weight = weights.constant(b, `${name}.weight`);
    const pad = (weight.shape[2] - 1) >> 1;
    return tap(name, b.conv(input, weight, undefined, { strides: [step, step], pads: [pad, pad, pad, pad] }));
  };
  const normalisation = (input: Value, name: string): Value => {
    const [scale, bias, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
      weights.constant(b, `${name}.${part}`),
    );
    return tap(name, b.batchNormalization(input, scale, bias, mean, variance, 1e-5));
  };
  /** Convolution c of a module, with its normalisation and ReLU. */
  const layer = (input: Value, module: string, c: number, step = 1): Value =>
    tap(
      `${module}.relu${c}`,
      b.relu(normalisation(convolution(input, `${module}.conv${c}`, step), `${module}.bn${c}`)),
    );
  const halved = (input: Value): Value => b.averagePool(input, { kernel: [2, 2], strides: [2, 2] });

  let y = layer(layer(layer(x, 'visual', 1, 2), 'visual', 2), 'visual', 3);
  y = tap('visual.avgpool', halved(y));
  config.depths.forEach((blocks, s) => {
    const stage = `visual.layer${s + 1}`;
    for (let i = 0; i < blocks; i++) {
      const name = `${stage}.${i}`;
      const strided = s > 0 && i === 0;
      let branch = layer(layer(y, name, 1), name, 2);
      if (strided) branch = tap(`${name}.avgpool`, halved(branch));
      branch = normalisation(convolution(branch, `${name}.conv3`), `${name}.bn3`);
      let shortcut = y;
      if (i === 0) {
        const projected = convolution(strided ? halved(y) : y, `${name}.downsample.0`);
        shortcut = normalisation(projected, `${name}.downsample.1`);
      }
      y = tap(`${name}.relu3`, b.relu(b.add(branch, shortcut)));
      tap(name, y);
    }
    tap(stage, y);
  });
  return { taps, output: attentionPool(b, y, weights, config) };
}

/** Attention of the mean of all positions to the positions and itself: `[n, c, h, w]` -> `[n, features]`. */
function attentionPool(b: GraphBuilder, y: Value, weights: Weights, { heads }: ClipResNetConfig): Value {
  const [n, channels, height, width] = y.shape;
  if (!(Number.isInteger(heads) && heads > 0 && channels % heads === 0)) {
    throw new UserError(
      `${weights.owner} cannot have heads=${heads}: a whole number that divides the channels of its last stage, ${channels}, is expected`,
    );
  }
  const linear = (input: Value, name: string, to = channels): Value => {
    const weight = weights.constant(b, `visual.attnpool.${name}.weight`, [to, channels]);
    return b.gemm(input, weight, weights.constant(b, `visual.attnpool.${name}.bias`, [to]), { transB: true });
  };
  const [tokens, size] = [1 + height * width, channels / heads];
  const rows = b.transpose(b.reshape(y, [n, channels, height * width]), [0, 2, 1]);
  const withMean = b.concat([b.reduceMean(rows, [1], true), rows], 1);
  const placed = b.add(withMean, positionsFor(b, weights, positions, { height, width }));
  const all = b.reshape(placed, [n * tokens, channels]);

  const query = b.reshape(linear(b.gather(placed, 0, 1), 'q_proj'), [n, heads, 1, size]);
  const perHead = (value: Value, perm: readonly number[]) =>
    b.transpose(b.reshape(value, [n, tokens, heads, size]), perm);
  const scores = b.mul(b.matmul(query, perHead(linear(all, 'k_proj'), [0, 2, 3, 1])), size ** -0.5);
  const mixed = b.matmul(b.softmax(scores), perHead(linear(all, 'v_proj'), [0, 2, 1, 3]));
  const features = weights.shape('visual.attnpool.c_proj.weight')[0];
  return linear(b.reshape(mixed, [n, channels]), 'c_proj', features);
}
