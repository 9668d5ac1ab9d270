// Where the windows of a convolution or pooling lie, from its attributes and sizes, all known when a graph is built.
// It adds no operators.

import type { Call } from '../../../graph/operators/call.ts';
import { windowOf } from '../../../graph/operators/convolution.ts';

/**
 * Windows over spatial axes: along axis `i` place `o` and tap `k` meet at the pixel
 * `o * strides[i] + k * dilations[i] - begin[i]`, which is padding where there is no such pixel.
 */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before the first pixel. */
  readonly begin: readonly number[];
  /** Padding after the last pixel that the last window reaches; -n where no window reaches the last n pixels. */
  readonly end: readonly number[];
  /** Pixels along each axis. */
  readonly pixels: readonly number[];
  /** Places of the window along each axis. */
  readonly places: readonly number[];
}

/**
 * The window of Conv or a pooling (which look at `pixels` and give `places`), or of ConvTranspose (which is given `places`
 * and adds to `pixels`).
 */
export function windowFor(
  call: Call,
  kernel: readonly number[],
  pixels: readonly number[],
  places: readonly number[],
): Window {
  const { strides, dilations, pads, autoPad } = windowOf(call, kernel.length);
  const transposed = call.node.op === 'ConvTranspose';
  const extra = (transposed && call.ints('output_padding')) || kernel.map(() => 0);
  const fitted = autoPad.startsWith('SAME') || (transposed && call.ints('output_shape') !== undefined);
  const moreAtEnd = transposed ? autoPad === 'SAME_UPPER' : autoPad !== 'SAME_LOWER';
  const reach = kernel.map((k, i) => (places[i] - 1) * strides[i] + (k - 1) * dilations[i] + 1);
  const begin = reach.map((size, i) => {
    if (!fitted) return autoPad === 'VALID' ? 0 : pads[i];
    const half = Math.max(0, size + extra[i] - pixels[i]) / 2;
    return moreAtEnd ? Math.floor(half) : Math.ceil(half);
  });
  const end = reach.map((size, i) => size - pixels[i] - begin[i]);
  return { kernel, strides, dilations, begin, end, pixels, places };
}
