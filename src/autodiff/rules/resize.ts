// Gradients of operators that sample an image at other positions.
// Resize is linear in its input: the gradient is the adjoint, a product with a matrix along each resized axis.

import { sizeOf } from '../../graph/tensor.ts';
import { transposed } from '../../graph/resample.ts';
import { ruleOf } from '../rule.ts';
import type { GradientRules } from '../rule.ts';
import { reshapeTo } from '../values.ts';
import { timesAlong } from './along.ts';
import { resizedAxes } from './resize-matrix.ts';
import type { ResizedAxis } from './resize-matrix.ts';

/**
 * y = M x along each axis: dx = M' dy. Where M only repeats pixels of images f g times, dx = f g times the mean of each
 * block of dy.
 */
const resize = ruleOf(1, (b, { call, x, y }, [dy]) => {
  const { shape } = x[0];
  const axes = resizedAxes(call, shape, y[0].shape);
  const rank = shape.length;
  const images = axes.every(({ axis }) => axis >= rank - 2 && rank > 1);
  if (axes.length > 0 && images && axes.every(repeats)) {
    const kernel = [rank - 2, rank - 1].map((axis) => y[0].shape[axis] / shape[axis]);
    const planes = rank === 4 ? dy : b.reshape(dy, [1, sizeOf(shape.slice(0, -2)), ...dy.shape.slice(-2)]);
    const sum = b.mul(b.averagePool(planes, { kernel, strides: kernel }), kernel[0] * kernel[1]);
    return [reshapeTo(b, sum, shape)];
  }
  return [axes.reduce((d, { axis, matrix, from, to }) => timesAlong(b, d, axis, transposed(matrix, to, from)), dy)];
});

/** Whether each input is repeated so many times in a row. */
function repeats({ matrix, from, to }: ResizedAxis): boolean {
  const factor = to / from;
  if (!Number.isInteger(factor)) return false;
  return Array.from({ length: to }, (_, o) => matrix[o * from + Math.floor(o / factor)]).every(
    (weight) => weight === 1,
  );
}

export const resizing: GradientRules = { Resize: resize };
