// Gradients of pooling. An average is a depthwise convolution, and is treated as one.
// Ties of a maximum: the first one of a window takes all (MaxPool, as in PyTorch); all share it (GlobalMaxPool).

import { int, string } from '../../graph/attributes.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import type { Call } from '../../graph/operators/call.ts';
import { windowOf } from '../../graph/operators/convolution.ts';
import { fromNumbers, sizeOf } from '../../graph/tensor.ts';
import { GradientError, ruleOf } from '../rule.ts';
import type { GradientRules } from '../rule.ts';
import { expandTo, indicator } from '../values.ts';
import { inputGradient } from './convolution/input.ts';
import { windowFor } from './convolution/window.ts';
import type { Window } from './convolution/window.ts';

function kernelOf(call: Call): readonly number[] {
  const kernel = call.ints('kernel_shape');
  if (!kernel) throw new GradientError('the attribute kernel_shape is missing');
  return kernel;
}

const spatialAxes = ({ shape }: Value): number[] => [...shape.keys()].slice(2);

export const pooling: GradientRules = {
  /** y[o] = mean over the k counted at o of x[o s + k d - begin]: every pixel gets dy / count from each window it is in. */
  AveragePool: ruleOf(1, (b, { call, x: [x], y: [y] }, [dy]) => {
    const window = windowFor(call, kernelOf(call), x.shape.slice(2), y.shape.slice(2));
    const { share, scale } = divided(b, dy, counts(call, window));
    if (tiles(window)) {
      const sizes = window.pixels;
      return [
        b.resize(scaled(b, share, scale), { sizes, mode: 'nearest', coordinates: 'asymmetric', nearest: 'floor' }),
      ];
    }
    const [, channels] = x.shape;
    const shape = [channels, 1, ...window.kernel];
    const weight = b.constant(fromNumbers(x.dtype, shape, new Array<number>(sizeOf(shape)).fill(scale)));
    return [inputGradient(b, share, weight, window, channels)];
  }),
  /** y = mean of x: dx = dy / pixels. */
  GlobalAveragePool: ruleOf(1, (b, { x: [x] }, [dy]) => {
    return [expandTo(b, scaled(b, dy, 1 / sizeOf(x.shape.slice(2))), x.shape)];
  }),
  /** y[o] = max over k of x[o s + k d - begin]: the pixel that is the first maximum of a window gets its dy. */
  MaxPool: ruleOf(1, (b, { call, x: [x], y: [y, found] }, [dy]) => {
    const { storage_order: columnMajor, ...attributes } = call.node.attributes;
    const places = found && !columnMajor ? found : b.op('MaxPool', [x], attributes, { outputs: 2 })[1];
    const flat = (value: Value) => b.reshape(value, [sizeOf(y.shape)]);
    const zeros = b.expand(b.scalar(0, dy.dtype), [sizeOf(x.shape)]);
    const options = { axis: int(0), reduction: string('add') };
    return [b.reshape(b.op('ScatterElements', [zeros, flat(places), flat(dy)], options)[0], x.shape)];
  }),
  /** y = max of x: the pixels that are the maximum share dy. */
  GlobalMaxPool: ruleOf(1, (b, { x: [x], y: [y] }, [dy]) => {
    const hits = indicator(b, b.equal(x, y), x);
    const share = b.div(dy, b.reduceSum(hits, spatialAxes(x), true));
    return [b.mul(hits, share)];
  }),
};

/** For each axis and place of the window, the pixels that an average divides by. */
function counts(call: Call, { kernel, strides, dilations, begin, end, pixels, places }: Window): number[][] {
  const padded = call.int('count_include_pad', 0) === 1;
  const { pads, autoPad } = windowOf(call, kernel.length);
  return kernel.map((taps, i) => {
    // Where sizes are rounded up, the last window reaches beyond the padding. Nothing is counted there.
    const given = autoPad === 'NOTSET' ? pads[i + kernel.length] : 0;
    const after = autoPad.startsWith('SAME') ? Math.max(0, end[i]) : given;
    const from = padded ? -begin[i] : 0;
    const to = pixels[i] + (padded ? after : 0);
    return Array.from({ length: places[i] }, (_, place) => {
      const first = place * strides[i] - begin[i];
      const looks = Array.from({ length: taps }, (_, k) => first + k * dilations[i]);
      return looks.filter((at) => at >= from && at < to).length;
    });
  });
}

/** `dy` and the number to multiply it by; where the counts are not the same everywhere, it is divided by them already. */
function divided(b: GraphBuilder, dy: Value, perAxis: readonly (readonly number[])[]): { share: Value; scale: number } {
  const table = perAxis.reduce<number[]>((all, axis) => all.flatMap((n) => axis.map((count) => n * count)), [1]);
  if (table.every((count) => count === table[0])) return { share: dy, scale: 1 / table[0] };
  const shape = [1, 1, ...perAxis.map((axis) => axis.length)];
  return { share: b.div(dy, b.constant(fromNumbers(dy.dtype, shape, table))), scale: 1 };
}

const scaled = (b: GraphBuilder, x: Value, scale: number): Value => (scale === 1 ? x : b.mul(x, scale));

/** Whether the windows lie side by side and cover a map of two axes exactly. */
const tiles = ({ kernel, strides, dilations, begin, end }: Window): boolean =>
  kernel.length === 2 &&
  kernel.every((k, i) => strides[i] === k && (dilations[i] === 1 || k === 1) && begin[i] === 0 && end[i] === 0);
