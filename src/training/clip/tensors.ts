// The tensors of a CLIP that does not exist yet: the official names and shapes of both towers, with fresh weights.
// The image tower itself is the zoo's, the text tower is in text.ts.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import type { Read } from '../../files/json.ts';
import { float32, floats, sizeOf, type Tensor } from '../../graph/tensor.ts';
import { fillNormal } from '../../random.ts';
import { freshWeights } from '../../zoo/twin.ts';
import { channels, closed, each, layers, whole } from '../recipe/numbers.ts';
import { textHeads } from './text.ts';

/** JSON Schema of the sizes. */
export const clipSizesSchema = Type.Object(
  {
    depths: each(layers('Blocks.'), 'Blocks of each stage of the image tower, a ResNet with attention pooling.', 4, 4),
    width: Type.Integer({
      minimum: 2,
      maximum: 2048,
      multipleOf: 2,
      description: 'Inner channels of its first stage; each further stage has twice as many.',
    }),
    grid: whole('Side of its last grid: photos are shown with 32 times as many pixels a side.', 256),
    embed: channels('Length of the features that both towers give out.'),
    text: Type.Object(
      {
        width: channels('Channels of a token; a head has 64.'),
        layers: layers('Number of blocks.'),
        context: whole('Tokens of a caption, start and end among them.', 2 ** 10, 3),
      },
      { ...closed, description: 'The text tower, a causal transformer.' },
    ),
  },
  closed,
);

export type ClipSizes = Read<typeof clipSizesSchema>;

const expansion = 4;

/** Logits begin as cosines divided by 0.07. */
const firstLogitScale = Math.log(1 / 0.07);

/**
 * Fresh weights. Convolutions are He-normal, for they are normalised; all else is as in the official code: the last
 * normalisation of each block begins at zero, matrices are normal with the standard deviations below.
 * Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021, and
 * `initialize_parameters` of its code.
 * @param vocabulary number of tokens.
 * @throws UserError for sizes that do not divide into heads.
 */
export function freshClip(sizes: ClipSizes, vocabulary: number, seed: number): Map<string, Tensor> {
  const { width } = sizes.text;
  if (sizes.depths.length !== 4)
    throw new UserError(`CLIP's ResNet has depths of 4 stages, not ${sizes.depths.length}`);
  if (sizes.width % 2) throw new UserError(`the width of CLIP's ResNet must be even, not ${sizes.width}`);
  if (width % textHeads(width)) {
    throw new UserError(`the width of the text tower, ${width}, does not divide into ${textHeads(width)} heads`);
  }
  const zeros = [...clipShapes(sizes, vocabulary)].map(
    ([name, shape]) => [name, float32(shape, new Float32Array(sizeOf(shape)))] as const,
  );
  const fresh = freshWeights(new Map(zeros), seed);
  const features = sizes.width * 8 * expansion;
  const residual = (width * 2 * sizes.text.layers) ** -0.5;
  const stds: readonly [RegExp, number][] = [
    [/^visual\.attnpool\..*(weight|embedding)$/, features ** -0.5],
    [/^token_embedding/, 0.02],
    [/^positional_embedding/, 0.01],
    [/\.in_proj_weight$|^text_projection$/, width ** -0.5],
    [/^transformer.*(out_proj|c_proj)\.weight$/, residual],
    [/\.c_fc\.weight$/, (2 * width) ** -0.5],
  ];
  let stream = fresh.size;
  for (const [name, { data }] of fresh) {
    stream++;
    const std = stds.find(([pattern]) => pattern.test(name))?.[1];
    if (std !== undefined) fillNormal(floats(data), std, seed, stream);
    if (/\.bn3\.weight$/.test(name) && name !== 'visual.bn3.weight') floats(data).fill(0);
  }
  return fresh.set('logit_scale', float32([], [firstLogitScale]));
}

/** Names and shapes of the tensors. */
export const clipShapes = (sizes: ClipSizes, vocabulary: number): Map<string, readonly number[]> =>
  new Map([...imageShapes(sizes), ...textShapes(sizes, vocabulary)]);

type Shapes = [string, readonly number[]][];

function imageShapes({ depths, width, grid, embed }: ClipSizes): Shapes {
  const shapes: Shapes = [];
  /** Convolutions of a module, each with the normalisation that has its number. */
  const convolutions = (module: string, all: readonly (readonly number[])[]) => {
    all.forEach((shape, c) => {
      shapes.push([`${module}.conv${c + 1}.weight`, shape]);
      normalisation(`${module}.bn${c + 1}`, shape[0]);
    });
  };
  const normalisation = (name: string, of: number) => {
    for (const part of ['weight', 'bias', 'running_mean', 'running_var']) shapes.push([`${name}.${part}`, [of]]);
  };
  const half = width / 2;
  convolutions('visual', [
    [half, 3, 3, 3],
    [half, half, 3, 3],
    [width, half, 3, 3],
  ]);
  let inputs = width;
  depths.forEach((blocks, s) => {
    const inner = width * 2 ** s;
    const outputs = inner * expansion;
    for (let i = 0; i < blocks; i++) {
      const name = `visual.layer${s + 1}.${i}`;
      convolutions(name, [
        [inner, inputs, 1, 1],
        [inner, inner, 3, 3],
        [outputs, inner, 1, 1],
      ]);
      if (i === 0) {
        shapes.push([`${name}.downsample.0.weight`, [outputs, inputs, 1, 1]]);
        normalisation(`${name}.downsample.1`, outputs);
      }
      inputs = outputs;
    }
  });
  shapes.push(['visual.attnpool.positional_embedding', [grid * grid + 1, inputs]]);
  for (const name of ['k_proj', 'q_proj', 'v_proj', 'c_proj']) {
    const outputs = name === 'c_proj' ? embed : inputs;
    shapes.push([`visual.attnpool.${name}.weight`, [outputs, inputs]], [`visual.attnpool.${name}.bias`, [outputs]]);
  }
  return shapes;
}

function textShapes({ embed, text: { width, layers: blocks, context } }: ClipSizes, vocabulary: number): Shapes {
  const shapes: Shapes = [
    ['token_embedding.weight', [vocabulary, width]],
    ['positional_embedding', [context, width]],
  ];
  const normalisation = (name: string) => shapes.push([`${name}.weight`, [width]], [`${name}.bias`, [width]]);
  for (let i = 0; i < blocks; i++) {
    const name = `transformer.resblocks.${i}`;
    normalisation(`${name}.ln_1`);
    shapes.push([`${name}.attn.in_proj_weight`, [3 * width, width]], [`${name}.attn.in_proj_bias`, [3 * width]]);
    shapes.push([`${name}.attn.out_proj.weight`, [width, width]], [`${name}.attn.out_proj.bias`, [width]]);
    normalisation(`${name}.ln_2`);
    shapes.push([`${name}.mlp.c_fc.weight`, [4 * width, width]], [`${name}.mlp.c_fc.bias`, [4 * width]]);
    shapes.push([`${name}.mlp.c_proj.weight`, [width, 4 * width]], [`${name}.mlp.c_proj.bias`, [width]]);
  }
  normalisation('ln_final');
  shapes.push(['text_projection', [width, embed]]);
  return shapes;
}
