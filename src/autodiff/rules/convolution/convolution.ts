// Gradients of convolutions and transposed convolutions, of any number of spatial axes, with groups, strides and dilations.
// How the two products are computed fast is in input.ts and weight.ts.

import type { GraphBuilder, Value } from '../../../graph/builder.ts';
import { ruleOf } from '../../rule.ts';
import type { GradientRules } from '../../rule.ts';
import { inputGradient } from './input.ts';
import { reached } from './layout.ts';
import { weightGradient } from './weight.ts';
import { windowFor } from './window.ts';

/** Sum over images and places: [n, m, ...] -> [m]. */
const biasGradient = (b: GraphBuilder, dy: Value): Value =>
  b.reduceSum(
    dy,
    [...dy.shape.keys()].filter((axis) => axis !== 1),
  );

export const convolution: GradientRules = {
  /**
   * y[n, m, o] = bias[m] + sum over c, k of x[n, c, o s + k d - begin] w[m, c, k]:
   * dx is the transposed convolution of dy with w, dw the correlation of dy with x, dbias the sum of dy.
   */
  Conv: ruleOf(2, (b, { call, x: [x, w], y: [y], wants }, [dy]) => {
    const window = windowFor(call, w.shape.slice(2), x.shape.slice(2), y.shape.slice(2));
    const group = call.int('group', 1);
    return [
      wants(0) ? inputGradient(b, dy, w, window, group) : undefined,
      wants(1) ? weightGradient(b, x, dy, window, group) : undefined,
      wants(2) ? biasGradient(b, dy) : undefined,
    ];
  }),
  /**
   * y[n, m, o s + k d - begin] += x[n, c, o] w[c, m, k], from bias[m]:
   * dx is the convolution of dy with w, dw the correlation of x with dy, dbias the sum of dy.
   */
  ConvTranspose: ruleOf(2, (b, { call, x: [x, w], y: [y], wants }, [dy]) => {
    const window = windowFor(call, w.shape.slice(2), y.shape.slice(2), x.shape.slice(2));
    const group = call.int('group', 1);
    const { strides, dilations } = window;
    const convolved = () => {
      const { value, pads } = reached(b, dy, window);
      return b.conv(value, w, undefined, { strides, dilations, pads, group });
    };
    return [
      wants(0) ? convolved() : undefined,
      wants(1) ? weightGradient(b, dy, x, window, group) : undefined,
      wants(2) ? biasGradient(b, dy) : undefined,
    ];
  }),
};
