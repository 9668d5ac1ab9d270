// Resize in float64: every axis by its own list of weighted taps.
// What the attributes mean is from the text of ONNX's Resize 19; where it leaves something open, as ONNX Runtime does.

import { sizeOf } from '../../../src/graph/tensor.ts';
import { array64, axisOf, sequence } from './array.ts';
import type { Array64 } from './array.ts';
import type { Call, Rule } from './call.ts';

/** How an axis changes. The scale is the quotient `up / down`, kept apart so that ties of positions stay exact. */
interface Axis {
  readonly from: number;
  readonly to: number;
  readonly up: number;
  readonly down: number;
  /** Start and end of the region, for tf_crop_and_resize. */
  readonly roi: readonly [number, number];
}

/** One output position: a weighted sum of input positions, or undefined where it is extrapolated. */
type Taps = readonly (readonly [position: number, weight: number])[] | undefined;

/** The coordinate in the input that output position `o` stands for. */
function coordinate(mode: string, o: number, { from, to, up, down, roi }: Axis): number {
  const halfPixel = ((o + 0.5) * down) / up - 0.5;
  switch (mode) {
    case 'half_pixel':
      return halfPixel;
    case 'pytorch_half_pixel':
      return to > 1 ? halfPixel : 0;
    case 'half_pixel_symmetric': {
      const adjustment = (to * down) / (from * up);
      return (from / 2) * (1 - adjustment) + halfPixel;
    }
    case 'align_corners':
      return to > 1 ? (o * (from - 1)) / (to - 1) : 0;
    case 'asymmetric':
      return (o * down) / up;
    case 'tf_crop_and_resize':
      return to > 1
        ? roi[0] * (from - 1) + (o * (roi[1] - roi[0]) * (from - 1)) / (to - 1)
        : 0.5 * (roi[0] + roi[1]) * (from - 1);
    default:
      throw new Error(`the coordinate mode ${mode} is not known here`);
  }
}

const nearest: Record<string, (x: number) => number> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** The interpolating kernels, with the distance at which they end. */
const triangle = { support: 1, weight: (t: number) => Math.max(0, 1 - Math.abs(t)) };

/** Source: Keys, "Cubic convolution interpolation for digital image processing", 1981, equation (4). */
const cubic = (a: number) => ({
  support: 2,
  weight: (signed: number) => {
    const t = Math.abs(signed);
    if (t < 1) return (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1;
    return t < 2 ? a * t ** 3 - 5 * a * t ** 2 + 8 * a * t - 4 * a : 0;
  },
});

/** The taps of every output position along an axis. */
function tapsOf(call: Call, axis: Axis): Taps[] {
  const mode = call.string('mode', 'nearest');
  const coordinates = call.string('coordinate_transformation_mode', 'half_pixel');
  const excludeOutside = call.int('exclude_outside', 0) === 1;
  // A kernel stretched by 1 / scale smooths away what a smaller grid cannot hold.
  const squeeze = call.int('antialias', 0) === 1 ? Math.min(axis.up / axis.down, 1) : 1;
  const inside = (position: number) => Math.min(Math.max(position, 0), axis.from - 1);
  return sequence(axis.to).map((o) => {
    const x = coordinate(coordinates, o, axis);
    if (coordinates === 'tf_crop_and_resize' && (x < 0 || x > axis.from - 1)) return undefined;
    if (mode === 'nearest') {
      return [[inside(nearest[call.string('nearest_mode', 'round_prefer_floor')](x)), 1] as const];
    }
    const kernel = mode === 'cubic' ? cubic(call.float('cubic_coeff_a', -0.75)) : triangle;
    const first = Math.ceil(x - kernel.support / squeeze);
    const last = Math.floor(x + kernel.support / squeeze);
    const taps = sequence(last - first + 1, first)
      .filter((position) => !excludeOutside || position === inside(position))
      .map((position) => [inside(position), kernel.weight((position - x) * squeeze)] as const);
    const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
    return taps.map(([position, weight]) => [position, weight / total] as const);
  });
}

function applyTaps(x: Array64, axis: number, taps: readonly Taps[], extrapolation: number): Array64 {
  const shape = x.shape.map((size, i) => (i === axis ? taps.length : size));
  const inner = sizeOf(x.shape.slice(axis + 1));
  const outer = sizeOf(x.shape.slice(0, axis));
  const out = array64(shape);
  for (let i = 0; i < outer; i++) {
    taps.forEach((list, o) => {
      for (let j = 0; j < inner; j++) {
        let sum = list ? 0 : extrapolation;
        for (const [position, weight] of list ?? []) {
          sum += weight * x.data[(i * x.shape[axis] + position) * inner + j];
        }
        out.data[(i * taps.length + o) * inner + j] = sum;
      }
    });
  }
  return out;
}

/** How the axes change that `axes` names, all by default. */
function changesOf(call: Call, shape: readonly number[]): Map<number, Axis> {
  const rank = shape.length;
  const axes = call.ints('axes')?.map((axis) => axisOf(axis, rank)) ?? sequence(rank);
  const given = (index: number) => {
    const list = call.list(index) ?? [];
    return list.length > 0 ? list : undefined;
  };
  const [roi, scales, sizes] = [given(1), given(2), given(3)];
  if (!scales === !sizes) throw new Error('either scales or sizes must be given');
  const policy = call.string('keep_aspect_ratio_policy', 'stretch');
  const changes = axes.map((axis, i): Axis => {
    const from = shape[axis];
    const region = [roi?.[i] ?? 0, roi?.[i + axes.length] ?? 1] as const;
    if (sizes) return { from, to: sizes[i], up: sizes[i], down: from, roi: region };
    // The scales are float32, and so is their product with the size.
    const extent =
      call.string('coordinate_transformation_mode', '') === 'tf_crop_and_resize' ? region[1] - region[0] : 1;
    return { from, to: Math.floor(Math.fround(from * extent * scales![i])), up: scales![i], down: 1, roi: region };
  });
  if (sizes && policy !== 'stretch') {
    const byScale = [...changes].sort((a, b) => a.up / a.down - b.up / b.down);
    const { up, down } = policy === 'not_larger' ? byScale[0] : byScale[byScale.length - 1];
    changes.forEach((change, i) => {
      changes[i] = { ...change, up, down, to: Math.floor((change.from * up) / down + 0.5) };
    });
  }
  return new Map(axes.map((axis, i) => [axis, changes[i]]));
}

function resize(call: Call): Array64 {
  const extrapolation = call.float('extrapolation_value', 0);
  let x = call.input(0);
  for (const [axis, change] of changesOf(call, x.shape)) {
    x = applyTaps(x, axis, tapsOf(call, change), extrapolation);
  }
  return x;
}

export const resizing: Readonly<Record<string, Rule>> = { Resize: resize };
