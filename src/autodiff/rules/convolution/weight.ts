// The gradient of a convolution by its weight.
// The adjoint by its input is in input.ts.

import type { GraphBuilder, Value } from '../../../graph/builder.ts';
import { sizeOf } from '../../../graph/tensor.ts';
import { reshapeTo } from '../../values.ts';
import { permuted, reached } from './layout.ts';
import type { Window } from './window.ts';

/**
 * dw[m, c, k] = sum over n, o of dy[n, m, o] x[n, c, o s + k d - begin].
 *
 * A convolution too: images are its channels, dy is its weight, and what was a stride is a dilation. As such its rows
 * would be a few taps long; but with the channels c as the innermost axis, folded into the last spatial axis and stepped
 * over by the dilation, they are taps * c long. It then runs at the speed of the forward pass, and the patches of x are
 * never in memory at once. Where a dilation becomes a stride, the channels stay an axis of their own.
 * @param x [n, c, ...pixels].
 * @param dy [n, m, ...places].
 * @returns [m, c / group, ...kernel].
 */
export function weightGradient(b: GraphBuilder, x: Value, dy: Value, window: Window, group: number): Value {
  const { kernel, strides, dilations, places } = window;
  const images = x.shape[0];
  const inputs = x.shape[1] / group;
  const outputs = dy.shape[1];
  const taps = sizeOf(kernel);
  const pointwise = taps === 1 && window.begin.every((pad) => pad === 0) && window.end.every((pad) => pad <= 0);
  if (pointwise && group === 1) return product(b, x, dy, window);

  const { value, pads } = reached(b, x, window);
  const pixels = value.shape.slice(2);
  const inner = permuted(b, value, [images, group, inputs, sizeOf(pixels)], [1, 0, 3, 2]);
  const weight = permuted(b, dy, [images, outputs, sizeOf(places)], [1, 0, 2]);
  const fold = dilations.every((dilation) => dilation === 1);
  const rank = kernel.length;
  const last = (axis: number) => axis % rank === rank - 1;
  const scaled = (list: readonly number[]) => list.map((n, axis) => (last(axis) ? n * inputs : n));
  const y = fold
    ? b.conv(
        b.reshape(inner, [1, group * images, ...scaled(pixels)]),
        b.reshape(weight, [outputs, images, ...places]),
        undefined,
        { dilations: scaled(strides), pads: scaled(pads), group },
      )
    : b.conv(
        b.reshape(inner, [1, group * images, ...pixels, inputs]),
        b.reshape(weight, [outputs, images, ...places, 1]),
        undefined,
        {
          strides: [...dilations, 1],
          dilations: [...strides, 1],
          pads: [...pads.slice(0, rank), 0, ...pads.slice(rank), 0],
          group,
        },
      );
  return b.reshape(permuted(b, y, [outputs, taps, inputs], [0, 2, 1]), [outputs, inputs, ...kernel]);
}

/** The same of a kernel of one tap without padding: dw[m, c] = sum over n, o of dy[n, m, o] x[n, c, o s]. */
function product(b: GraphBuilder, x: Value, dy: Value, { kernel, strides, places }: Window): Value {
  const inputs = x.shape[1];
  const outputs = dy.shape[1];
  const axes = places.map((_, axis) => axis + 2);
  const looked = places.map((size, axis) => (size - 1) * strides[axis] + 1);
  const whole = axes.every((axis) => x.shape[axis] === places[axis - 2]);
  const seen = whole ? x : b.slice(x, { axes, starts: axes.map(() => 0), ends: looked, steps: strides });
  // A product for each image needs no image in another layout, but makes as many small gradients to be summed.
  const perImage = inputs * outputs <= (inputs + outputs) * sizeOf(places);
  const sum = perImage ? summed(b, seen, dy) : stacked(b, seen, dy);
  return b.reshape(sum, [outputs, inputs, ...kernel]);
}

/** [n, c, ...] and [n, m, ...] -> [m, c], by products of the images that are summed. */
function summed(b: GraphBuilder, x: Value, dy: Value): Value {
  const rows = ({ shape }: Value) => [shape[0], shape[1], sizeOf(shape.slice(2))];
  const turned = b.transpose(reshapeTo(b, x, rows(x)), [0, 2, 1]);
  return b.reduceSum(b.matmul(reshapeTo(b, dy, rows(dy)), turned), [0]);
}

/** The same by one product over the places of all images. */
function stacked(b: GraphBuilder, x: Value, dy: Value): Value {
  const rows = (value: Value) => {
    const [images, channels, ...places] = value.shape;
    const turned = permuted(b, value, [images, channels, sizeOf(places)], [1, 0, 2]);
    return reshapeTo(b, turned, [channels, images * sizeOf(places)]);
  };
  return b.gemm(rows(dy), rows(x), undefined, { transB: true });
}
