// The tensors of a BigGAN-deep that does not exist yet: names and shapes of pytorch-pretrained-BigGAN, with fresh weights.
// The network itself is the zoo's.

import Type from 'typebox';
import { UserError } from '../../../errors.ts';
import type { Read } from '../../../files/json.ts';
import { lastOf } from '../../../lookup.ts';
import { float32, sizeOf, type Tensor } from '../../../graph/tensor.ts';
import { fillNormal } from '../../../random.ts';
import { freshBigGan } from '../../../zoo/biggan/weights.ts';
import { channels, classes, closed, each, whole } from '../../recipe/numbers.ts';

/** JSON Schema of the sizes. */
export const bigGanSchema = Type.Object(
  {
    z: channels('Length of z.'),
    embedding: channels('Length of the embedding of a class.'),
    classes: classes('Classes of the condition.'),
    channels: each(
      channels('Channels of the maps of one size.'),
      'Channels of the maps of 4x4, 8x8, ...: images have the side 4 * 2^(length - 1). Multiples of 4, but for the last; none more than the one before. From each size to the next there is a block that keeps the size and one that doubles it.',
      2,
      12,
    ),
    attention: Type.Optional(
      whole('Side of the maps that self-attention is laid over, 8, 16, ...; default none.', 8192),
    ),
  },
  closed,
);

export type BigGanSizes = Read<typeof bigGanSchema>;

/** Truncations that statistics are stored for, 0 to 1, as in the published networks. */
const truncations = 51;
/** How many times fewer channels the inside of a block has, and keys and values of attention. */
const reduction = { block: 4, key: 8, value: 2 };

/** Side of the images. */
export const sideOf = (sizes: BigGanSizes): number => 4 * 2 ** (sizes.channels.length - 1);

/**
 * Fresh tensors. Weights that are spectrally normalised are of any scale; embeddings have about the length 1, which the
 * paper's orthogonal ones have. Of `conv_to_rgb` there are the three channels that make the image, and no more.
 * @throws UserError when the sizes do not fit each other.
 */
export function bigGanTensors(sizes: BigGanSizes, seed: number): Map<string, Tensor> {
  const shapes = bigGanShapes(sizes);
  const zeros = new Map([...shapes].map(([name, shape]) => [name, float32(shape, new Float32Array(sizeOf(shape)))]));
  const tensors = freshBigGan(zeros, seed);
  const embeddings = new Float32Array(sizes.embedding * sizes.classes);
  fillNormal(embeddings, sizes.embedding ** -0.5, seed);
  return tensors.set('embeddings.weight', float32([sizes.embedding, sizes.classes], embeddings));
}

/** Names and shapes of the tensors. @throws UserError when the sizes do not fit each other. */
export function bigGanShapes(sizes: BigGanSizes): Map<string, readonly number[]> {
  check(sizes);
  const { z, embedding, classes: ofClasses, channels: widths, attention } = sizes;
  const condition = z + embedding;
  const shapes = new Map<string, readonly number[]>([['embeddings.weight', [embedding, ofClasses]]]);
  const normalised = (name: string, shape: readonly number[], bias = true): void => {
    if (bias) shapes.set(`${name}.bias`, [shape[0]]);
    shapes.set(`${name}.weight_orig`, shape);
    shapes.set(`${name}.weight_u`, [shape[0]]);
    shapes.set(`${name}.weight_v`, [sizeOf(shape.slice(1))]);
  };
  const statistics = (name: string, width: number): void => {
    for (const part of ['running_means', 'running_vars']) shapes.set(`${name}.${part}`, [truncations, width]);
  };
  const block = (name: string, inputs: number, outputs: number): void => {
    const inner = inputs / reduction.block;
    [inputs, inner, inner, inner].forEach((width, i) => {
      statistics(`${name}.bn_${i}`, width);
      for (const part of ['scale', 'offset']) normalised(`${name}.bn_${i}.${part}`, [width, condition], false);
    });
    normalised(`${name}.conv_0`, [inner, inputs, 1, 1]);
    for (const conv of ['conv_1', 'conv_2']) normalised(`${name}.${conv}`, [inner, inner, 3, 3]);
    normalised(`${name}.conv_3`, [outputs, inner, 1, 1]);
  };
  const selfAttention = (name: string, width: number): void => {
    const [key, value] = [width / reduction.key, width / reduction.value];
    shapes.set(`${name}.gamma`, [1]);
    for (const part of ['theta', 'phi']) normalised(`${name}.snconv1x1_${part}`, [key, width, 1, 1], false);
    normalised(`${name}.snconv1x1_g`, [value, width, 1, 1], false);
    normalised(`${name}.snconv1x1_o_conv`, [width, value, 1, 1], false);
  };

  normalised('generator.gen_z', [16 * widths[0], condition]);
  let layers = 0;
  const next = (): string => `generator.layers.${layers++}`;
  widths.slice(1).forEach((outputs, i) => {
    block(next(), widths[i], widths[i]);
    block(next(), widths[i], outputs);
    if (attention === 8 * 2 ** i) selfAttention(next(), outputs);
  });
  const last = lastOf(widths);
  for (const part of ['weight', 'bias']) shapes.set(`generator.bn.${part}`, [last]);
  statistics('generator.bn', last);
  normalised('generator.conv_to_rgb', [3, last, 3, 3]);
  return shapes;
}

/** @throws UserError */
function check(sizes: BigGanSizes): void {
  const { channels: widths, attention } = sizes;
  const before = widths.slice(0, -1);
  if (!before.length) throw new UserError('"channels" of a BigGAN has one size; give two or more, for 4x4, 8x8, ...');
  if (before.some((width, i) => width % reduction.block || width < widths[i + 1])) {
    throw new UserError(
      `"channels" of a BigGAN are ${widths.join(', ')}; give multiples of ${reduction.block} (but for the last), none more than the one before`,
    );
  }
  if (attention === undefined) return;
  const width = attention < 8 ? undefined : widths[Math.log2(attention / 4)];
  if (width === undefined || width % reduction.key) {
    throw new UserError(
      `"attention" of a BigGAN is ${attention}; give the side of maps from 8 to ${sideOf(sizes)} that double, whose channels are a multiple of ${reduction.key}`,
    );
  }
}
