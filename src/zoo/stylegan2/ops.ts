// Pieces that the StyleGAN2 generators are made of: scaled dense layers, truncation, modulated convolutions, filters.
// They take names of tensors; which tensors a network has is told by the file of its family.

import { float, int, ints } from '../../graph/attributes.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32 } from '../../graph/tensor.ts';
import { spread } from '../latents.ts';
import type { Weights } from '../weights.ts';

const eps = 1e-8;

/** Rows of `x` `[n, c]` over the root of their mean square. */
export function normalised(b: GraphBuilder, x: Value): Value {
  return b.div(x, b.sqrt(b.add(b.reduceMean(b.mul(x, x), [1], true), eps)));
}

/** A tensor times a number, as a constant; `shape` lays it out anew. */
export function scaled(
  b: GraphBuilder,
  weights: Weights,
  name: string,
  gain: number,
  shape?: readonly number[],
): Value {
  const laidOut = shape ?? weights.shape(name);
  return weights.derived(
    b,
    `${name}:[${laidOut.join()}]*${gain}`,
    () =>
      float32(
        laidOut,
        weights.values(name).map((value) => value * gain),
      ),
    () => b.mul(b.reshape(weights.constant(b, name), laidOut), gain),
  );
}

/**
 * A dense layer whose weight is scaled at run time: x W' gain / sqrt(in) + bias * biasGain.
 * Source: Karras et al., "Progressive growing of GANs", 2018, section 4.1.
 */
export function dense(
  b: GraphBuilder,
  x: Value,
  weights: Weights,
  name: string,
  { gain = 1, biasGain = 1 }: { readonly gain?: number; readonly biasGain?: number } = {},
): Value {
  const weight = scaled(b, weights, `${name}.weight`, gain / Math.sqrt(x.shape[1]));
  return b.gemm(x, weight, scaled(b, weights, `${name}.bias`, biasGain), { transB: true });
}

/** Activations that commute with a positive factor, with the gain that follows them in StyleGAN2. */
export const gains = { lrelu: Math.SQRT2, relu: Math.SQRT2, linear: 1 } as const;
export type Activation = keyof typeof gains;
export const isActivation = (name: unknown): name is Activation =>
  typeof name === 'string' && Object.hasOwn(gains, name);

export function activated(b: GraphBuilder, x: Value, activation: Activation): Value {
  if (activation === 'linear') return x;
  return activation === 'relu' ? b.relu(x) : b.op('LeakyRelu', [x], { alpha: float(0.2) })[0];
}

/** The mapping network from normalised z: dense layers with a learning rate of their own. */
export function mapped(
  b: GraphBuilder,
  x: Value,
  weights: Weights,
  layers: readonly string[],
  { rate, activation }: { readonly rate: number; readonly activation: Activation },
): Value {
  const gain = rate * gains[activation];
  return layers.reduce((y, name) => activated(b, dense(b, y, weights, name, { gain, biasGain: gain }), activation), x);
}

/**
 * w+ from w, the first `cutoff` layers drawn towards the mean: mean + psi (w - mean).
 * @param mean gives the mean w, `[w]`; asked for only where truncation changes something.
 * Source: Karras et al., "A style-based generator architecture for GANs", 2019, appendix B.
 */
export function truncated(
  b: GraphBuilder,
  w: Value,
  layers: number,
  { truncation, cutoff = layers }: { readonly truncation: number; readonly cutoff?: number },
  mean: () => Value,
): Value {
  const count = Math.max(0, Math.min(layers, cutoff));
  if (truncation === 1 || count === 0) return spread(b, w, layers);
  const centre = mean();
  const drawn = spread(b, b.add(b.mul(b.sub(w, centre), truncation), centre), count);
  return count === layers ? drawn : b.concat([drawn, spread(b, w, layers - count)], 1);
}

export interface Modulated {
  /** Weight `[out, in, k, k]`, perhaps with a leading 1, and the factor that it has at run time. */
  readonly weight: string;
  readonly gain: number;
  /** Prefix of the dense layer that makes a style of w: a factor for each input channel. */
  readonly affine: string;
}

/** Filter for resampling by two: its tensor, and a factor that makes its sum 4. */
export interface Filter {
  readonly name: string;
  readonly gain: number;
}

const sizesOf = (weights: Weights, name: string): readonly number[] => weights.shape(name).slice(-4);

/**
 * A modulated, demodulated convolution of 3x3: the maps before demodulation, and the factors of demodulation
 * `[n, out, 1, 1]`. The style scales the maps in place of the weight, so that weights stay constant; demodulation then is
 * 1 / sqrt(sum_i style_i^2 sum_k weight_oik^2 + 1e-8).
 * With a filter, the size is doubled first: a transposed convolution of stride 2, then the filter.
 * Source: Karras et al., "Analyzing and improving the image quality of StyleGAN", 2020, section 2.2 and appendix B.
 */
export function modulatedConvolution(
  b: GraphBuilder,
  x: Value,
  w: Value,
  weights: Weights,
  { weight, gain, affine }: Modulated,
  filter?: Filter,
): { maps: Value; demodulation: Value } {
  const [out, channels, size] = sizesOf(weights, weight);
  const style = dense(b, w, weights, affine);
  const styled = b.mul(x, b.reshape(style, [x.shape[0], channels, 1, 1]));
  const pad = size >> 1;
  const maps = filter
    ? blurred(b, transposedConvolution(b, styled, weights, weight, gain), weights, filter, size)
    : b.conv(styled, scaled(b, weights, weight, gain, [out, channels, size, size]), undefined, {
        pads: [pad, pad, pad, pad],
      });
  const squares = weights.derived(
    b,
    `${weight}:squares*${gain}`,
    () => float32([channels, out], sumsOfSquares(weights.values(weight), out, channels, gain)),
    () => {
      const flat = b.reshape(scaled(b, weights, weight, gain), [out, channels, size * size]);
      return b.transpose(b.reduceSumSquare(flat, [2]), [1, 0]);
    },
  );
  const norms = b.sqrt(b.add(b.matmul(b.mul(style, style), squares), eps));
  return { maps, demodulation: b.reshape(b.div(1, norms), [x.shape[0], out, 1, 1]) };
}

/** `[in, out]`: sum over positions of (gain * weight)^2. */
function sumsOfSquares(weight: Float32Array, out: number, channels: number, gain: number): Float32Array {
  const positions = weight.length / (out * channels);
  const sums = new Float32Array(channels * out);
  for (let o = 0, at = 0; o < out; o++) {
    for (let i = 0; i < channels; i++) {
      let sum = 0;
      for (let p = 0; p < positions; p++, at++) sum += (weight[at] * gain) ** 2;
      sums[i * out + o] = sum;
    }
  }
  return sums;
}

/** Maps of h to 2h + k - 2: of the exact forms the fastest in ONNX Runtime, with half the work of one at full size. */
function transposedConvolution(b: GraphBuilder, x: Value, weights: Weights, name: string, gain: number): Value {
  const [out, channels, size] = sizesOf(weights, name);
  const shape = [channels, out, size, size];
  const weight = weights.derived(
    b,
    `${name}:transposed*${gain}`,
    () => {
      const values = weights.values(name);
      const area = size * size;
      const swapped = new Float32Array(values.length);
      for (let o = 0, from = 0; o < out; o++) {
        for (let i = 0; i < channels; i++) {
          const to = (i * out + o) * area;
          for (let p = 0; p < area; p++, from++) swapped[to + p] = values[from] * gain;
        }
      }
      return float32(shape, swapped);
    },
    () => {
      const flat = scaled(b, weights, name, gain, [out, channels, size * size]);
      return b.reshape(b.transpose(flat, [1, 0, 2]), shape);
    },
  );
  return b.op('ConvTranspose', [x, weight], { kernel_shape: ints([size, size]), strides: ints([2, 2]) })[0];
}

/** The filter of every channel after a transposed convolution with a kernel of `size`: maps of twice the size of its input. */
function blurred(b: GraphBuilder, x: Value, weights: Weights, filter: Filter, size: number): Value {
  const [, channels] = x.shape;
  const [taps] = weights.shape(filter.name);
  const before = ((taps + 1) >> 1) + (size >> 1) - (size - 1);
  const after = ((taps - 2) >> 1) + (size >> 1) - (size - 2);
  // A convolution in the strict sense, while Conv correlates: the filter is turned round.
  const kernel = depthwise(b, weights, filter, channels, true);
  return b.conv(x, kernel, undefined, { group: channels, pads: [before, before, after, after] });
}

/** Maps of twice the size: zeros between the pixels, then the filter. */
export function upsampled(b: GraphBuilder, x: Value, weights: Weights, filter: Filter): Value {
  const [, channels] = x.shape;
  const [taps] = weights.shape(filter.name);
  const before = taps - 1 - ((taps + 1) >> 1);
  const after = taps - 2 - before;
  return b.op('ConvTranspose', [x, depthwise(b, weights, filter, channels, false)], {
    kernel_shape: ints([taps, taps]),
    strides: ints([2, 2]),
    pads: ints([before, before, after, after]),
    group: int(channels),
  })[0];
}

/** The filter once for each channel, `[channels, 1, taps, taps]`. */
function depthwise(
  b: GraphBuilder,
  weights: Weights,
  { name, gain }: Filter,
  channels: number,
  turned: boolean,
): Value {
  const [taps] = weights.shape(name);
  return weights.derived(b, `${name}:${turned ? 'turned' : 'straight'}*${gain}x${channels}`, () => {
    const values = weights.values(name, [taps, taps]).map((value) => value * gain);
    if (turned) values.reverse();
    const out = new Float32Array(channels * values.length);
    for (let c = 0; c < channels; c++) out.set(values, c * values.length);
    return float32([channels, 1, taps, taps], out);
  });
}

/**
 * A modulated 1x1 convolution to few channels, without demodulation. Here the weight is modulated, not the maps: it is
 * the smaller by far, and the product reads the maps once.
 */
export function toColours(
  b: GraphBuilder,
  x: Value,
  w: Value,
  weights: Weights,
  { weight, gain, affine }: Modulated,
): Value {
  const [out, channels] = sizesOf(weights, weight);
  const [n, , height, width] = x.shape;
  const style = b.reshape(dense(b, w, weights, affine), [n, 1, channels]);
  const modulated = b.mul(scaled(b, weights, weight, gain, [1, out, channels]), style);
  return b.reshape(b.matmul(modulated, b.reshape(x, [n, channels, height * width])), [n, out, height, width]);
}
