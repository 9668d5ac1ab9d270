// Augmentation that gradients pass through, of real and generated images alike, before a discriminator sees them.
// What is random is drawn here and fed, so the graph has only products; photos alone are changed by augment.ts.

import Type from 'typebox';
import type { Read } from '../../files/json.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32, sizeOf, type Float32Tensor } from '../../graph/tensor.ts';
import { randomAt } from '../../random.ts';
import type { BatchInput } from '../loop/step.ts';
import { closed, fraction } from '../recipe/numbers.ts';

export const diffAugmentSchema = Type.Object(
  {
    brightness: Type.Optional(fraction('Largest shift of all values, of 0 to 1; 0.25 in the paper.')),
    saturation: Type.Optional(
      fraction("Largest change of the factor of the colours' distance from grey; 1 in the paper."),
    ),
    contrast: Type.Optional(
      fraction("Largest change of the factor of the values' distance from their mean; 0.5 in the paper."),
    ),
    translation: Type.Optional(
      fraction('Largest shift along each axis, as a fraction of the side; 0.125 in the paper.'),
    ),
    cutout: Type.Optional(
      fraction('Side of a grey square, as a fraction of the side; 0.2 in projected GANs, 0.5 in the paper.'),
    ),
  },
  { ...closed, description: 'What is done to photos and generated images before they are judged; default nothing.' },
);

/** Each 0 or left out: not done. */
export type DiffAugment = Read<typeof diffAugmentSchema>;

interface Size {
  /** Images. */
  readonly n: number;
  /** Side. */
  readonly size: number;
}

const coloured = ({ brightness, saturation, contrast }: DiffAugment): boolean =>
  Boolean(brightness || saturation || contrast);

/** What a step is fed, by name. */
export function augmentInputs(augment: DiffAugment, { n, size }: Size): Record<string, BatchInput> {
  return {
    ...(coloured(augment) && { 'augment colour': { shape: [n, 3, 3] }, 'augment level': { shape: [2, n, 1, 1] } }),
    ...(augment.translation && {
      'augment rows': { shape: [n, 1, size, size] },
      'augment columns': { shape: [n, 1, size, size] },
    }),
    ...(augment.cutout && {
      'augment cut rows': { shape: [n, 1, size, 1] },
      'augment cut columns': { shape: [n, 1, 1, size] },
    }),
  };
}

/**
 * Draws them: a pure function of (seed, stream). Brightness, saturation and contrast of an image, one after another, are
 * x -> c s x + c (1 - s) m + (1 - c) M + b, with m the mean of a pixel's channels and M that of the image: a product of
 * its channels with a 3x3 matrix, plus (1 - c) M + b.
 */
export function drawAugment(
  augment: DiffAugment,
  { n, size }: Size,
  seed: number,
  stream: number,
): Record<string, Float32Tensor> {
  const { brightness = 0, saturation = 0, contrast = 0, translation = 0, cutout = 0 } = augment;
  const drawn = Object.fromEntries(
    Object.entries(augmentInputs(augment, { n, size })).map(([name, { shape }]) => [
      name,
      float32(shape, new Float32Array(sizeOf(shape))),
    ]),
  );
  const data = (name: string) => drawn[name].data;
  for (let i = 0; i < n; i++) {
    const uniform = (k: number) => randomAt(seed, 8 * i + k, stream);
    const around = (k: number, most: number) => most * (2 * uniform(k) - 1);
    if (coloured(augment)) {
      const s = 1 + around(1, saturation);
      const c = 1 + around(2, contrast);
      const other = (c * (1 - s)) / 3;
      const row = data('augment colour')
        .subarray(9 * i, 9 * i + 9)
        .fill(other);
      for (let channel = 0; channel < 3; channel++) row[4 * channel] = other + c * s;
      data('augment level')[i] = 1 - c;
      data('augment level')[n + i] = around(0, brightness);
    }
    if (translation) {
      const most = Math.floor(size * translation + 0.5);
      // Row r of the result is row r + down of the image, column k its column k + right.
      const [down, right] = [3, 4].map((k) => Math.floor(uniform(k) * (2 * most + 1)) - most);
      for (let at = 0; at < size; at++) {
        const inside = (shift: number) => at + shift >= 0 && at + shift < size;
        if (inside(down)) data('augment rows')[(i * size + at) * size + at + down] = 1;
        if (inside(right)) data('augment columns')[(i * size + at + right) * size + at] = 1;
      }
    }
    if (cutout) {
      const side = Math.floor(size * cutout + 0.5);
      ['augment cut rows', 'augment cut columns'].forEach((name, axis) => {
        const middle = Math.floor(uniform(5 + axis) * (size + 1 - (side % 2)));
        const first = middle - (side >> 1);
        data(name).fill(1, i * size + Math.max(0, first), i * size + Math.min(size, first + side));
      });
    }
  }
  return drawn;
}

/**
 * Lays it. What is shifted in or cut out is grey, so images are `[n, 3, size, size]` around 0, of -0.5 to 0.5.
 * Source: Zhao et al., "Differentiable augmentation for data-efficient GAN training", NeurIPS 2020: colour, translation,
 * cutout, in this order.
 * @param fed values of `augmentInputs`, by name.
 */
export function addAugment(b: GraphBuilder, x: Value, fed: Readonly<Record<string, Value | undefined>>): Value {
  const { shape } = x;
  const [n, channels, height, width] = shape;
  const { 'augment colour': colour, 'augment level': level, 'augment rows': rows, 'augment columns': columns } = fed;
  const [cutRows, cutColumns] = [fed['augment cut rows'], fed['augment cut columns']];
  let y = x;
  if (colour && level) {
    const [fraction, shift] = b.split(level, [1, 1], 0).map((value) => b.squeeze(value, [0]));
    const flat = b.reshape(y, [n, channels, height * width]);
    const grey = b.reduceMean(flat, [1, 2], true);
    y = b.reshape(b.add(b.matmul(colour, flat), b.add(b.mul(fraction, grey), shift)), shape);
  }
  if (rows && columns) y = b.matmul(b.matmul(rows, y), columns);
  if (cutRows && cutColumns) y = b.mul(y, b.sub(1, b.mul(cutRows, cutColumns)));
  return y;
}
