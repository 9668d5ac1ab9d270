// Windows that slide over the spatial axes of an array: where each one looks, for convolution and pooling alike.
// It holds sizes and positions only, no values. Any number of spatial axes.

import { sizeOf } from '../../../src/graph/tensor.ts';
import { stridesOf } from './array.ts';
import type { Call } from './call.ts';

export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Before each axis, then after each axis. */
  readonly pads: readonly number[];
}

/** A position in the padding, and one beyond it (where rounding up lets a window reach). */
export const padding = -1;
export const beyond = -2;

/** Kernel, strides, dilations and explicit pads of a node, with ONNX's defaults. */
export function explicitWindow(call: Call, kernel: readonly number[]): Window {
  const ones = kernel.map(() => 1);
  return {
    kernel,
    strides: call.ints('strides') ?? ones,
    dilations: call.ints('dilations') ?? ones,
    pads: call.ints('pads') ?? [...kernel, ...kernel].map(() => 0),
  };
}

/** The extent of a dilated kernel along an axis. */
export const extent = ({ kernel, dilations }: Window, axis: number): number => (kernel[axis] - 1) * dilations[axis] + 1;

/** Splits padding in two halves; of an odd number the larger one is at the end, or at the start if `startHeavy`. */
export function halves(total: readonly number[], startHeavy: boolean): number[] {
  const start = total.map((n) => (startHeavy ? Math.ceil(n / 2) : Math.floor(n / 2)));
  return [...start, ...total.map((n, axis) => n - start[axis])];
}

/** The window with the padding that `auto_pad` asks for, and the number of its places along each axis. */
export function slide(
  call: Call,
  spatial: readonly number[],
  kernel: readonly number[],
): { window: Window; places: number[] } {
  const window = explicitWindow(call, kernel);
  const { strides } = window;
  const auto = call.string('auto_pad', 'NOTSET');
  if (auto.startsWith('SAME')) {
    const places = spatial.map((size, axis) => Math.ceil(size / strides[axis]));
    const total = spatial.map((size, axis) =>
      Math.max(0, (places[axis] - 1) * strides[axis] + extent(window, axis) - size),
    );
    return { window: { ...window, pads: halves(total, auto === 'SAME_LOWER') }, places };
  }
  const pads = auto === 'VALID' ? window.pads.map(() => 0) : window.pads;
  const up = auto === 'NOTSET' && call.int('ceil_mode', 0) === 1;
  const places = spatial.map((size, axis) => {
    const room = size + pads[axis] + pads[axis + spatial.length] - extent(window, axis);
    if (!up) return Math.floor(room / strides[axis]) + 1;
    const count = Math.ceil(room / strides[axis]) + 1;
    // A window may not begin in the padding at the end: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d
    return (count - 1) * strides[axis] >= size + pads[axis] ? count - 1 : count;
  });
  return { window: { ...window, pads }, places };
}

/**
 * Where the windows look: entry `place * taps + tap` is the flat index in `spatial`, `padding` or `beyond`, where `tap`
 * counts the taps of the kernel and `place` those of the window, both row-major.
 */
export function lookups(window: Window, spatial: readonly number[], places: readonly number[]): Int32Array {
  const { kernel, strides, dilations, pads } = window;
  const placeCount = sizeOf(places);
  const taps = sizeOf(kernel);
  const table = new Int32Array(placeCount * taps);
  const spatialStrides = stridesOf(spatial);
  const placeStrides = stridesOf(places);
  const kernelStrides = stridesOf(kernel);
  for (let place = 0; place < placeCount; place++) {
    for (let tap = 0; tap < taps; tap++) {
      let index = 0;
      for (let axis = 0; axis < spatial.length; axis++) {
        const p = Math.floor(place / placeStrides[axis]) % places[axis];
        const k = Math.floor(tap / kernelStrides[axis]) % kernel[axis];
        const position = p * strides[axis] + k * dilations[axis] - pads[axis];
        if (position >= spatial[axis] + pads[axis + spatial.length]) index = beyond;
        else if (index !== beyond && (position < 0 || position >= spatial[axis])) index = padding;
        else if (index >= 0) index += position * spatialStrides[axis];
      }
      table[place * taps + tap] = index;
    }
  }
  return table;
}
