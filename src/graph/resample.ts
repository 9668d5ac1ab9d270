// Separable resampling of images and maps as two matrix products: exact torch semantics, and differentiable for free.
// It knows nothing of what the images are; engines run the products faster than their own resize operators.

import { lastOf } from '../lookup.ts';
import type { GraphBuilder, Value } from './builder.ts';
import { float32 } from './tensor.ts';

export interface ResampleOptions {
  readonly mode: 'bilinear' | 'bicubic';
  /** Widen the filter when shrinking (torch's `antialias=True`). Default false. */
  readonly antialias?: boolean;
  /** Input steps per output pixel. Default `from / to`; torch uses `1 / scale_factor` when a factor is given. */
  readonly step?: number;
}

const triangle = (x: number): number => Math.max(0, 1 - Math.abs(x));

/** Keys' cubic convolution kernel with parameter `a`. */
function cubic(x: number, a: number): number {
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return 0;
}

/**
 * The matrix `[to, from]` (float64, row-major) that resamples one axis as torch's
 * `interpolate(mode, align_corners=False)` does: half-pixel centres; without antialias the border is clamped and the
 * cubic has a = -0.75; with antialias the filter is cut at the border, renormalised, and the cubic has a = -0.5.
 */
export function resampleMatrix(from: number, to: number, options: ResampleOptions): Float64Array {
  const step = options.step ?? from / to;
  const matrix = new Float64Array(to * from);
  const cubicMode = options.mode === 'bicubic';
  for (let o = 0; o < to; o++) {
    const row = matrix.subarray(o * from, (o + 1) * from);
    if (options.antialias) {
      const scale = Math.max(step, 1);
      const centre = (o + 0.5) * step;
      const support = (cubicMode ? 2 : 1) * scale;
      const first = Math.max(Math.trunc(centre - support + 0.5), 0);
      const last = Math.min(Math.trunc(centre + support + 0.5), from);
      let total = 0;
      for (let i = first; i < last; i++) {
        const x = (i + 0.5 - centre) / scale;
        row[i] = cubicMode ? cubic(x, -0.5) : triangle(x);
        total += row[i];
      }
      for (let i = first; i < last; i++) row[i] /= total;
      continue;
    }
    let position = (o + 0.5) * step - 0.5;
    // torch clamps the position itself for linear interpolation, and only the neighbours for cubic.
    if (!cubicMode) position = Math.max(position, 0);
    const base = Math.floor(position);
    const fraction = position - base;
    for (let tap = cubicMode ? -1 : 0; tap <= (cubicMode ? 2 : 1); tap++) {
      const weight = cubicMode ? cubic(tap - fraction, -0.75) : triangle(tap - fraction);
      row[Math.min(Math.max(base + tap, 0), from - 1)] += weight;
    }
  }
  return matrix;
}

/** Transpose of a `[rows, columns]` matrix. */
export function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(matrix.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = matrix[r * columns + c];
  return out;
}

/** Applies `right` (`[w, w2]`, row-major) to the last axis of `x` `[..., h, w]`; undefined leaves it. */
export function timesRight(b: GraphBuilder, x: Value, right: Float64Array | undefined): Value {
  if (!right) return x;
  const width = lastOf(x.shape);
  const columns = right.length / width;
  // One large product over all rows: with more axes the engine would run one small product per image and channel.
  const flat = b.reshape(x, [-1, width]);
  const y = b.matmul(flat, b.constant(float32([width, columns], Float32Array.from(right))));
  return b.reshape(y, [...x.shape.slice(0, -1), columns]);
}

/** Applies `left` (`[h2, h]`, row-major) to the second-to-last axis of `x` `[..., h, w]`; undefined leaves it. */
export function timesLeft(b: GraphBuilder, x: Value, left: Float64Array | undefined): Value {
  if (!left) return x;
  const [height, width] = x.shape.slice(-2);
  const rows = left.length / height;
  const flat = b.reshape(x, [-1, height, width]);
  const y = b.matmul(b.constant(float32([rows, height], Float32Array.from(left))), flat);
  return b.reshape(y, [...x.shape.slice(0, -2), rows, width]);
}

/** Resamples `x` `[n, c, h, w]` to `[n, c, height, width]`; the same value when the size fits already. */
export function resample(
  b: GraphBuilder,
  x: Value,
  size: { readonly height: number; readonly width: number },
  options: ResampleOptions,
): Value {
  const [height, width] = x.shape.slice(-2);
  const matrix = (from: number, to: number) =>
    from === to && options.step === undefined ? undefined : resampleMatrix(from, to, options);
  const rows = matrix(height, size.height);
  const columns = matrix(width, size.width);
  return timesLeft(b, timesRight(b, x, columns && transposed(columns, size.width, width)), rows);
}
