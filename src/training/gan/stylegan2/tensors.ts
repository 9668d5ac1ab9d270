// The tensors of a StyleGAN2 that does not exist yet: names and shapes of NVlabs/stylegan2-ada-pytorch, with fresh values.
// The network itself is the zoo's.

import Type from 'typebox';
import type { Read } from '../../../files/json.ts';
import { present } from '../../../lookup.ts';
import { float32, sizeOf, type Tensor } from '../../../graph/tensor.ts';
import { stylegan2Nvlabs } from '../../../zoo/stylegan2/nvlabs.ts';
import { channels, classes, closed, each, layers } from '../../recipe/numbers.ts';

/** JSON Schema of the sizes. */
export const styleGan2Schema = Type.Object(
  {
    z: channels('Length of z.'),
    w: channels('Length of w.'),
    mapping: layers('Layers of the mapping network; 8 in the paper, 2 in the official settings for CIFAR-10.'),
    channels: each(
      channels('Channels of the maps of one size.'),
      'Channels of the maps of 4x4, 8x8, ...: images have the side 4 * 2^(length - 1).',
      1,
      12,
    ),
    noise: Type.Optional(Type.Boolean({ description: 'Noise in every convolution; default false.' })),
    classes: Type.Optional(classes('Classes of the condition; default 0, none.', 0)),
  },
  closed,
);

export type StyleGan2Sizes = Read<typeof styleGan2Schema>;

/** Side of the images. */
export const sideOf = (sizes: StyleGan2Sizes): number => 4 * 2 ** (sizes.channels.length - 1);

/** Filter of all resampling: the outer product of these numbers with themselves, with the sum 1. */
const taps = [1, 3, 3, 1];

/** Fresh tensors, as the official code makes them: colours of every size are added up ('skip'). */
export function freshStyleGan2(sizes: StyleGan2Sizes, seed: number): Map<string, Tensor> {
  const sum = taps.reduce((total, tap) => total + tap, 0);
  const filter = Float32Array.from(taps.flatMap((row) => taps.map((column) => (row * column) / sum ** 2)));
  const empty = [...styleGan2Shapes(sizes)].map(
    ([name, shape]) =>
      [name, float32(shape, isFilter(name) ? filter.slice() : new Float32Array(sizeOf(shape)))] as const,
  );
  return present(stylegan2Nvlabs.fresh?.(new Map(empty), seed), 'fresh weights');
}

/** Names and shapes of the tensors. */
export function styleGan2Shapes(sizes: StyleGan2Sizes): Map<string, readonly number[]> {
  const { z, w, mapping, channels: widths, noise = false, classes: labels = 0 } = sizes;
  const shapes = new Map<string, readonly number[]>();
  const dense = (name: string, inputs: number, outputs: number) => {
    shapes.set(`${name}.weight`, [outputs, inputs]);
    shapes.set(`${name}.bias`, [outputs]);
  };
  const modulated = (name: string, inputs: number, outputs: number, kernel: number) => {
    shapes.set(`${name}.weight`, [outputs, inputs, kernel, kernel]);
    shapes.set(`${name}.bias`, [outputs]);
    dense(`${name}.affine`, w, inputs);
  };
  const styled = (name: string, inputs: number, outputs: number, size: number) => {
    modulated(name, inputs, outputs, 3);
    shapes.set(`${name}.resample_filter`, [taps.length, taps.length]);
    if (!noise) return;
    shapes.set(`${name}.noise_const`, [size, size]);
    shapes.set(`${name}.noise_strength`, []);
  };

  if (labels) dense('mapping.embed', labels, w);
  for (let i = 0; i < mapping; i++) dense(`mapping.fc${i}`, i ? w : z + (labels ? w : 0), w);
  shapes.set('mapping.w_avg', [w]);
  shapes.set('synthesis.b4.const', [widths[0], 4, 4]);
  widths.forEach((outputs, i) => {
    const size = 4 * 2 ** i;
    const name = `synthesis.b${size}`;
    shapes.set(`${name}.resample_filter`, [taps.length, taps.length]);
    if (i) styled(`${name}.conv0`, widths[i - 1], outputs, size);
    styled(`${name}.conv1`, outputs, outputs, size);
    modulated(`${name}.torgb`, outputs, 3, 1);
  });
  return shapes;
}

const isFilter = (name: string): boolean => name.endsWith('.resample_filter');

/** Tensors that gradients move: all but filters, noise that is kept, and the mean w. */
export const movesInStyleGan2 = (name: string): boolean =>
  !isFilter(name) && !name.endsWith('.noise_const') && name !== 'mapping.w_avg';
