// One layer of StyleGAN3's synthesis: modulated convolution, bias, filtered leaky ReLU.
// Weights are the same for all images: styles scale the maps before the convolution, and demodulation after it.

import Type from 'typebox';
import type { Read } from '../../files/json.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32, sizeOf } from '../../graph/tensor.ts';
import { above0, whole } from '../bounds.ts';
import { filteredRelu, planFilteredRelu, unusedBorder } from './filtered-relu.ts';
import type { Weights } from '../weights.ts';

const padding = Type.Integer({ minimum: -1024, maximum: 1024 });

export const layerSchema = Type.Object({
  name: Type.String({ minLength: 1, description: 'As in `synthesis.NAME`.' }),
  up: whole('Factor by which maps grow before the nonlinearity.', 16),
  down: whole('Factor by which they shrink after it.', 16),
  padding: Type.Tuple([padding, padding, padding, padding], {
    description: 'Left, right, top, bottom, of the filtered leaky ReLU.',
  }),
  clamp: Type.Union([above0('Maps are clipped to [-clamp, clamp]; null for none.'), Type.Null()]),
  toRgb: Type.Boolean({ description: 'The last layer, to colours: no demodulation, no nonlinearity.' }),
});

/** What tensors do not tell of a layer. */
export type StyleGan3Layer = Read<typeof layerSchema>;

/**
 * Channels that maps of so many are held with, the rest being zero. Engines run convolutions in blocks of 16 channels;
 * a convolution between other numbers takes a quarter longer, and a depthwise one twice as long.
 */
export const heldChannels = (channels: number): number => Math.ceil(channels / 16) * 16;

/** Maps of so many channels, of which `value` holds more: `[n, heldChannels(channels), h, w]`. */
export interface Held {
  readonly value: Value;
  readonly channels: number;
}

/**
 * Adds a layer.
 * @param w `[n, w]`.
 * @returns the maps; those of the layer to colours hold no more channels than there are.
 */
export function styleGan3Layer(b: GraphBuilder, maps: Held, w: Value, weights: Weights, layer: StyleGan3Layer): Held {
  const name = `synthesis.${layer.name}`;
  const { toRgb } = layer;
  const { value: x, channels } = maps;
  const [n, held, height, width] = x.shape;
  const [out, , kernel] = weights.shape(`${name}.weight`);
  const heldOut = toRgb ? out : heldChannels(out);

  // The gain brings the maps to unit power, as a running mean told while the network was trained.
  const power = `${name}.magnitude_ema`;
  const gain = toRgb ? 1 / Math.sqrt(channels * kernel ** 2) : 1;
  const affine = zeroPadded(b, weights, `${name}.affine.weight`, [channels, w.shape[1]], [held, w.shape[1]]);
  const affineBias = zeroPadded(b, weights, `${name}.affine.bias`, [channels], [held]);
  const raw = b.gemm(w, affine, affineBias, { transB: true, alpha: gain / Math.sqrt(w.shape[1]), beta: gain });
  const styles = toRgb ? b.mul(raw, inverseRoot(b, weights, power)) : raw;

  const size = [height + kernel - 1, width + kernel - 1] as const;
  const plan = planFilteredRelu(weights, name, size, {
    up: layer.up,
    down: layer.down,
    padding: layer.padding,
    slope: toRgb ? 1 : 0.2,
    gain: toRgb ? 1 : Math.SQRT2,
    clamp: layer.clamp,
  });
  const square = [kernel, kernel];
  const weight = zeroPadded(b, weights, `${name}.weight`, [out, channels, ...square], [heldOut, held, ...square]);
  const scaled = b.mul(x, b.reshape(styles, [n, held, 1, 1]));
  let y = convolution(b, scaled, weight, unusedBorder(plan));
  if (!toRgb) {
    // The official code also normalises weights, and styles over the batch; both cancel here.
    const powers = weights.derived(
      b,
      `${name}.weight:powers`,
      () => {
        const [values, [mean]] = [weights.values(`${name}.weight`), weights.values(power, [])];
        return float32([heldOut, held], powersOf(values, [out, channels, kernel], [heldOut, held], mean));
      },
      () => {
        const sums = b.mul(b.reduceSumSquare(weight, [2, 3]), weights.constant(b, power, []));
        if (heldOut === out) return sums;
        return b.add(sums, b.constant(float32([heldOut, 1], new Float32Array(heldOut).fill(1, out))));
      },
    );
    const scale = b.div(1, b.sqrt(b.gemm(b.mul(styles, styles), powers, undefined, { transB: true })));
    y = b.mul(y, b.reshape(scale, [n, heldOut, 1, 1]));
  }
  const bias = b.reshape(zeroPadded(b, weights, `${name}.bias`, [out], [heldOut]), [1, heldOut, 1, 1]);
  return { value: filteredRelu(b, b.add(y, bias), weights, name, plan), channels: out };
}

/** Convolution with all positions where kernel and maps overlap, without a border of what comes out. */
function convolution(b: GraphBuilder, x: Value, weight: Value, border: readonly number[]): Value {
  const [, , height, width] = x.shape;
  const [top, left, bottom, right] = border.map((cut) => weight.shape[2] - 1 - cut);
  const pads = [top, left, bottom, right].map((pad) => Math.max(0, pad));
  if (Math.min(top, left, bottom, right) >= 0) return b.conv(x, weight, undefined, { pads });
  const [starts, ends] = [
    [Math.max(0, -top), Math.max(0, -left)],
    [height - Math.max(0, -bottom), width - Math.max(0, -right)],
  ];
  return b.conv(b.slice(x, { axes: [2, 3], starts, ends }), weight, undefined, { pads });
}

/** Sums of squares of the kernels, times the power of the maps; 1 for outputs that are only held, so that none is 0. */
function powersOf(
  values: Float32Array,
  [out, channels, kernel]: readonly number[],
  [heldOut, held]: readonly number[],
  power: number,
): Float32Array {
  const powers = new Float32Array(heldOut * held);
  powers.fill(1, out * held);
  for (let o = 0, at = 0; o < out; o++) {
    for (let i = 0; i < channels; i++) {
      let sum = 0;
      for (let k = 0; k < kernel * kernel; k++, at++) sum += values[at] * values[at];
      powers[o * held + i] = sum * power;
    }
  }
  return powers;
}

/** 1 / sqrt of a number, `[1]`. */
const inverseRoot = (b: GraphBuilder, weights: Weights, name: string): Value =>
  weights.derived(
    b,
    `${name}:inverse root`,
    () => float32([1], Float32Array.of(1 / Math.sqrt(weights.values(name, [])[0]))),
    () => b.div(1, b.sqrt(b.reshape(weights.constant(b, name, []), [1]))),
  );

/**
 * A tensor as a constant of a shape that is larger along its first one or two axes: the rest is zero.
 * @throws UserError when the tensor has another shape than `shape`.
 */
export function zeroPadded(
  b: GraphBuilder,
  weights: Weights,
  name: string,
  shape: readonly number[],
  held: readonly number[],
): Value {
  if (shape.every((size, axis) => size === held[axis])) return weights.constant(b, name, shape);
  weights.tensor(name, shape);
  return weights.derived(
    b,
    `${name}:padded`,
    () => {
      const values = weights.values(name);
      const data = new Float32Array(sizeOf(held));
      // Rows are contiguous, and so are all axes after the second.
      const [row, heldRow] = [sizeOf(shape.slice(1)), sizeOf(held.slice(1))];
      for (let i = 0; i < shape[0]; i++) data.set(values.subarray(i * row, (i + 1) * row), i * heldRow);
      return float32(held, data);
    },
    () => b.pad(weights.constant(b, name, shape), [...shape.map(() => 0), ...held.map((size, i) => size - shape[i])]),
  );
}
