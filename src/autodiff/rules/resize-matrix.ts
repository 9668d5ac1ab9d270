// What the operator Resize does along each axis, as a matrix: the output is these matrices applied one after another.
// Its numbers are those that ONNX Runtime computes. Resampling as torch lays it is in graph/resample.ts.

import type { Call } from '../../graph/operators/call.ts';
import { resolveAxis } from '../../graph/operators/call.ts';
import { GradientError } from '../rule.ts';

/** One axis that a Resize changes. */
export interface ResizedAxis {
  readonly axis: number;
  /** `[to, from]`, row-major: weights of the inputs in each output. */
  readonly matrix: Float64Array;
  readonly from: number;
  readonly to: number;
}

/** Output size over input size, or the factor that was given: not the same where the output size was rounded. */
interface Axis {
  readonly from: number;
  readonly to: number;
  readonly scale: number;
}

const { fround, floor, ceil } = Math;

/**
 * The axes that an application of Resize changes.
 * @param from, to shapes of input and output.
 * @throws GradientError for modes that have no gradient here.
 */
export function resizedAxes(call: Call, from: readonly number[], to: readonly number[]): ResizedAxis[] {
  const rank = from.length;
  const axes = call.ints('axes')?.map((axis) => resolveAxis(axis, rank)) ?? [...from.keys()];
  const scales = call.numbers(2);
  const ratios = axes.map((axis, i) => (scales?.length ? scales[i] : (call.numbers(3)?.[i] ?? to[axis]) / from[axis]));
  const policy = scales?.length ? 'stretch' : call.string('keep_aspect_ratio_policy', 'stretch');
  const one = policy === 'stretch' ? undefined : (policy === 'not_larger' ? Math.min : Math.max)(...ratios);
  return axes.flatMap((axis, i) => {
    const scale = one ?? ratios[i];
    const size = { from: from[axis], to: to[axis], scale };
    return scale === 1 ? [] : [{ axis, from: size.from, to: size.to, matrix: resizeMatrix(call, size) }];
  });
}

/**
 * Where the output position `o` lies among the inputs, rounded after each operation by `r`.
 * Source: the operator's specification, coordinate_transformation_mode.
 */
function coordinate(mode: string, o: number, { from, to, scale }: Axis, r: (x: number) => number): number {
  const halfPixel = () => r(r(r(o + 0.5) / scale) - 0.5);
  switch (mode) {
    case 'half_pixel':
      return halfPixel();
    case 'pytorch_half_pixel':
      return to > 1 ? halfPixel() : 0;
    case 'half_pixel_symmetric': {
      const adjustment = r(to / r(scale * from));
      return r(r((from / 2) * r(1 - adjustment)) + (o + 0.5) / scale - 0.5);
    }
    case 'align_corners':
      return to > 1 ? r(r(o * (from - 1)) / (to - 1)) : 0;
    case 'asymmetric':
      return r(o / scale);
    default:
      throw new GradientError(`the coordinate mode "${mode}" has no gradient`);
  }
}

/** So near to the middle ONNX Runtime takes a position for a tie. */
const tie = 1e-6;

const nearest: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => ceil(x - 0.5 - tie),
  round_prefer_ceil: (x) => floor(x + 0.5 + tie),
  floor,
  ceil,
};

function resizeMatrix(call: Call, axis: Axis): Float64Array {
  const { from, to, scale } = axis;
  const mode = call.string('mode', 'nearest');
  const coordinates = call.string('coordinate_transformation_mode', 'half_pixel');
  const kernel = mode === 'cubic' ? cubic(call.float('cubic_coeff_a', -0.75)) : triangle;
  const dropsOutside = call.int('exclude_outside', 0) === 1;
  // A kernel stretched by 1 / scale smooths away what a smaller grid cannot hold.
  const squeeze = call.int('antialias', 0) === 1 ? Math.min(scale, 1) : 1;
  const matrix = new Float64Array(to * from);
  for (let o = 0; o < to; o++) {
    const add = (position: number, weight: number) =>
      (matrix[o * from + Math.min(Math.max(position, 0), from - 1)] += weight);
    if (mode === 'nearest') {
      // A tie goes to the side on which the engine's single precision puts it.
      const x = coordinate(coordinates, o, { ...axis, scale: fround(scale) }, fround);
      add(nearest[call.string('nearest_mode', 'round_prefer_floor')](x), 1);
      continue;
    }
    const x = coordinate(coordinates, o, axis, (value) => value);
    const last = floor(x + kernel.support / squeeze);
    const taps: [position: number, weight: number][] = [];
    for (let i = ceil(x - kernel.support / squeeze); i <= last; i++) {
      if (!dropsOutside || (i >= 0 && i < from)) taps.push([i, kernel.weight((i - x) * squeeze)]);
    }
    const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [position, weight] of taps) add(position, weight / total);
  }
  return matrix;
}

/** A kernel with the distance at which it ends. */
interface Kernel {
  readonly support: number;
  readonly weight: (distance: number) => number;
}

const triangle: Kernel = { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };

/** Keys' cubic convolution kernel with the parameter `a`. */
const cubic = (a: number): Kernel => ({
  support: 2,
  weight: (x) => {
    const t = Math.abs(x);
    if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
  },
});
