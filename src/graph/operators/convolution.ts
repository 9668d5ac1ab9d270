// Shapes of convolutions, transposed convolutions and their integer variants.
// The sizes of sliding windows are here too, since pooling shares them.

import { compute, formatShape } from '../dims.ts';
import type { Dim } from '../graph.ts';
import { expectEqual, expectLength, ShapeError } from './call.ts';
import type { Call, Known, OperatorRule } from './call.ts';

/** Strides, dilations and pads of a window over `rank` axes, with ONNX's defaults. */
export function windowOf(call: Call, rank: number) {
  const strides = call.ints('strides') ?? new Array<number>(rank).fill(1);
  const dilations = call.ints('dilations') ?? new Array<number>(rank).fill(1);
  const pads = call.ints('pads') ?? new Array<number>(2 * rank).fill(0);
  expectLength(strides, rank, 'strides');
  expectLength(dilations, rank, 'dilations');
  expectLength(pads, 2 * rank, 'pads');
  if ([...strides, ...dilations].some((v) => v < 1)) throw new ShapeError('strides and dilations must be at least 1');
  return { strides, dilations, pads, autoPad: call.string('auto_pad', 'NOTSET') };
}

/** Output sizes of a window that slides over the axes `sizes`. `kernel` may hold dynamic sizes. */
export function slide(call: Call, sizes: readonly Dim[], kernel: readonly Dim[], ceil = false): Dim[] {
  const { strides, dilations, pads, autoPad } = windowOf(call, sizes.length);
  expectLength(kernel, sizes.length, 'the kernel');
  return sizes.map((size, i) =>
    compute(
      (n, k) => {
        const extent = (k - 1) * dilations[i] + 1;
        if (autoPad.startsWith('SAME')) return Math.ceil(n / strides[i]);
        const begin = autoPad === 'VALID' ? 0 : pads[i];
        const end = autoPad === 'VALID' ? 0 : pads[i + sizes.length];
        const room = n + begin + end - extent;
        if (room < 0) {
          throw new ShapeError(`a window of ${extent} does not fit the padded size ${n} + ${begin} + ${end}`);
        }
        if (!ceil) return Math.floor(room / strides[i]) + 1;
        const out = Math.ceil(room / strides[i]) + 1;
        // A last window that would start in the padding at the end is left out.
        return (out - 1) * strides[i] >= n + begin ? out - 1 : out;
      },
      size,
      kernel[i],
    ),
  );
}

/** Shape of a convolution of input `xIndex` with the weights of input `wIndex`, [out, in / group, ...kernel]. */
function convolved(call: Call, xIndex: number, wIndex: number): Dim[] | undefined {
  const x = call.shape(xIndex);
  const w = call.shape(wIndex, x?.length);
  if (!x || !w) return undefined;
  if (x.length < 3) throw new ShapeError(`a convolution needs at least rank 3, not ${formatShape(x)}`);
  const group = call.int('group', 1);
  expectEqual(
    compute((c) => c * group, w[1]),
    x[1],
    `channels of the weights ${formatShape(w)} and of the input ${formatShape(x)}`,
  );
  return [x[0], w[0], ...slide(call, x.slice(2), call.ints('kernel_shape') ?? w.slice(2))];
}

const conv: OperatorRule = (call) => {
  const w = call.shape(1);
  if (call.has(2)) expectEqual(call.shape(2, 1)?.[0], w?.[0], 'bias and output channels');
  return [{ dtype: call.dtype(0), shape: convolved(call, 0, 1) }];
};

const convTranspose: OperatorRule = (call): Known[] => {
  const dtype = call.dtype(0);
  const x = call.shape(0);
  const w = call.shape(1, x?.length);
  if (!x || !w) return [{ dtype }];
  expectEqual(w[0], x[1], `input channels of the weights ${formatShape(w)} and of the input ${formatShape(x)}`);
  const group = call.int('group', 1);
  const rank = x.length - 2;
  const { strides, dilations, pads, autoPad } = windowOf(call, rank);
  const extra = call.ints('output_padding') ?? new Array<number>(rank).fill(0);
  const kernel = call.ints('kernel_shape') ?? w.slice(2);
  expectLength(kernel, rank, 'the kernel');
  expectLength(extra, rank, 'output_padding');
  const channels = compute((c) => c * group, w[1]);
  if (call.has(2)) expectEqual(call.shape(2, 1)?.[0], channels, 'bias and output channels');
  const given = call.ints('output_shape');
  if (given) return [{ dtype, shape: [x[0], channels, ...given.slice(-rank)] }];
  const sizes = x.slice(2).map((size, i) =>
    compute(
      (n, k) => {
        if (autoPad.startsWith('SAME')) return n * strides[i];
        const pad = autoPad === 'VALID' ? 0 : pads[i] + pads[i + rank];
        return strides[i] * (n - 1) + extra[i] + (k - 1) * dilations[i] + 1 - pad;
      },
      size,
      kernel[i],
    ),
  );
  return [{ dtype, shape: [x[0], channels, ...sizes] }];
};

export const convolution: Record<string, OperatorRule> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  ConvInteger: (call) => [{ dtype: 'int32', shape: convolved(call, 0, 1) }],
  QLinearConv: (call) => [{ dtype: call.dtype(7), shape: convolved(call, 0, 3) }],
};
