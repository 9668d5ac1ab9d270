// Conv and ConvTranspose in float64, of any number of spatial axes.
// The second is written as what it is: the adjoint of the first.

import { sizeOf } from '../../../src/graph/tensor.ts';
import { array64 } from './array.ts';
import type { Array64 } from './array.ts';
import type { Call, Rule } from './call.ts';
import { explicitWindow, extent, halves, lookups, slide } from './window.ts';
import type { Window } from './window.ts';

/** x [n, c, ...], w [m, c / group, ...] -> [n, m, ...]. */
function conv(call: Call): Array64 {
  const x = call.input(0);
  const w = call.input(1);
  const group = call.int('group', 1);
  const spatial = x.shape.slice(2);
  const kernel = w.shape.slice(2);
  const { window, places } = slide(call, spatial, kernel);
  const table = lookups(window, spatial, places);
  const [batch, inputs] = x.shape;
  const [outputs, inputsPerGroup] = w.shape;
  if (inputsPerGroup * group !== inputs || outputs % group) throw new Error('the channels do not fit the groups');
  const pixels = sizeOf(spatial);
  const taps = sizeOf(kernel);
  const out = array64([batch, outputs, ...places]);
  const outPixels = sizeOf(places);
  for (let n = 0; n < batch; n++) {
    for (let m = 0; m < outputs; m++) {
      const firstInput = Math.floor(m / (outputs / group)) * inputsPerGroup;
      for (let p = 0; p < outPixels; p++) {
        let sum = call.inputs[2]?.data[m] ?? 0;
        for (let c = 0; c < inputsPerGroup; c++) {
          const xAt = (n * inputs + firstInput + c) * pixels;
          const wAt = (m * inputsPerGroup + c) * taps;
          for (let k = 0; k < taps; k++) {
            const at = table[p * taps + k];
            if (at >= 0) sum += x.data[xAt + at] * w.data[wAt + k];
          }
        }
        out.data[(n * outputs + m) * outPixels + p] = sum;
      }
    }
  }
  return out;
}

/** x [n, c, ...], w [c, m / group, ...] -> [n, m, ...]. */
function convTranspose(call: Call): Array64 {
  const x = call.input(0);
  const w = call.input(1);
  const group = call.int('group', 1);
  const places = x.shape.slice(2);
  const kernel = w.shape.slice(2);
  const { window, spatial } = transposedWindow(call, places, kernel);
  // Input pixel p and tap k of the kernel meet at this pixel of the output.
  const table = lookups(window, spatial, places);
  const [batch, inputs] = x.shape;
  const outputsPerGroup = w.shape[1];
  const outputs = outputsPerGroup * group;
  if (w.shape[0] !== inputs || inputs % group) throw new Error('the channels do not fit the groups');
  const pixels = sizeOf(places);
  const taps = sizeOf(kernel);
  const outPixels = sizeOf(spatial);
  const out = array64([batch, outputs, ...spatial]);
  for (let n = 0; n < batch; n++) {
    for (let m = 0; m < outputs; m++) {
      const outAt = (n * outputs + m) * outPixels;
      out.data.fill(call.inputs[2]?.data[m] ?? 0, outAt, outAt + outPixels);
    }
    for (let c = 0; c < inputs; c++) {
      const firstOutput = Math.floor(c / (inputs / group)) * outputsPerGroup;
      for (let m = 0; m < outputsPerGroup; m++) {
        const xAt = (n * inputs + c) * pixels;
        const wAt = (c * outputsPerGroup + m) * taps;
        const outAt = (n * outputs + firstOutput + m) * outPixels;
        for (let p = 0; p < pixels; p++) {
          for (let k = 0; k < taps; k++) {
            const at = table[p * taps + k];
            if (at >= 0) out.data[outAt + at] += x.data[xAt + p] * w.data[wAt + k];
          }
        }
      }
    }
  }
  return out;
}

/** Padding and spatial output shape; the first follows from the second where `output_shape` or `auto_pad` say so. */
function transposedWindow(
  call: Call,
  places: readonly number[],
  kernel: readonly number[],
): { window: Window; spatial: number[] } {
  const window = explicitWindow(call, kernel);
  const extra = call.ints('output_padding') ?? places.map(() => 0);
  const auto = call.string('auto_pad', 'NOTSET');
  const unpadded = places.map((size, axis) => window.strides[axis] * (size - 1) + extra[axis] + extent(window, axis));
  const shape =
    call.ints('output_shape') ??
    (auto.startsWith('SAME') ? places.map((size, axis) => size * window.strides[axis]) : undefined);
  if (shape) {
    const total = unpadded.map((size, axis) => Math.max(0, size - shape[axis]));
    return { window: { ...window, pads: halves(total, auto !== 'SAME_UPPER') }, spatial: [...shape] };
  }
  const pads = auto === 'VALID' ? window.pads.map(() => 0) : window.pads;
  const spatial = unpadded.map((size, axis) => size - pads[axis] - pads[axis + places.length]);
  return { window: { ...window, pads }, spatial };
}

export const convolution: Readonly<Record<string, Rule>> = { Conv: conv, ConvTranspose: convTranspose };
