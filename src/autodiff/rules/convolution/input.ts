// The adjoint of a convolution as a function of its input.
// The gradient by the weight is in weight.ts.

import { int, ints } from '../../../graph/attributes.ts';
import type { GraphBuilder, Value } from '../../../graph/builder.ts';
import { sizeOf } from '../../../graph/tensor.ts';
import { permuted } from './layout.ts';
import type { Window } from './window.ts';

/**
 * dx[n, c, o s + k d - begin] = sum over m, o, k of dy[n, m, o] w[m, c, k].
 *
 * With strides it is a ConvTranspose, which multiplies no zeros. Without, it is a convolution with the transposed, flipped
 * weight, which uses all threads throughout; but that looks at every pixel through all output channels, so that it
 * loses where there are many more output channels than input channels, or pixels than places.
 * @param dy [n, m, ...places].
 * @param w [m, c / group, ...kernel].
 * @returns [n, c, ...pixels].
 */
export function inputGradient(b: GraphBuilder, dy: Value, w: Value, window: Window, group: number): Value {
  const { kernel, strides, dilations, begin, end, pixels, places } = window;
  const [outputs, inputsPerGroup] = w.shape;
  const outputsPerGroup = outputs / group;
  const margin = (pad: number, i: number) => (kernel[i] - 1) * dilations[i] - pad;
  const pads = [...begin.map(margin), ...end.map(margin)];
  const direct =
    strides.every((stride) => stride === 1) &&
    pads.every((pad) => pad >= 0) &&
    sizeOf(pixels) <= 2 * sizeOf(places) &&
    (4 * inputsPerGroup >= outputsPerGroup || sizeOf(kernel) === 1);
  if (direct) {
    const taps = sizeOf(kernel);
    const swapped = permuted(b, w, [group, outputsPerGroup, inputsPerGroup, taps], [0, 2, 1, 3]);
    const flat = b.reshape(taps > 1 ? reversed(b, swapped) : swapped, [
      group * inputsPerGroup,
      outputsPerGroup,
      ...kernel,
    ]);
    return b.conv(dy, flat, undefined, { dilations, pads, group });
  }
  const attributes = {
    kernel_shape: ints(kernel),
    strides: ints(strides),
    dilations: ints(dilations),
    pads: ints([...begin, ...end.map((pad) => Math.max(0, pad))]),
    output_padding: ints(end.map((pad) => Math.max(0, -pad))),
    group: int(group),
  };
  return b.op('ConvTranspose', [dy, w], attributes)[0];
}

/** The elements along the last axis from the last to the first. */
const reversed = (b: GraphBuilder, x: Value): Value =>
  b.slice(x, { axes: [x.shape.length - 1], starts: [-1], ends: [-(2 ** 31)], steps: [-1] });
