// The grids of positions on which maps live, and the linear operators between them.
// Only matrices here; the maps themselves never leave the engine.

import { resampleMatrix, transposed } from '../../graph/resample.ts';

export interface Grid {
  readonly height: number;
  readonly width: number;
}

export const positions = (grid: Grid): number => grid.height * grid.width;
export const gridKey = (grid: Grid): string => `${grid.height}x${grid.width}`;
export const sameGrid = (a: Grid, b: Grid): boolean => a.height === b.height && a.width === b.width;

/** The grid on which two maps are compared: the larger one, axis by axis. */
export const largerGrid = (a: Grid, b: Grid): Grid => ({
  height: Math.max(a.height, b.height),
  width: Math.max(a.width, b.width),
});

/** The grid on which the products of two maps are computed: the smaller one, axis by axis. */
export const smallerGrid = (a: Grid, b: Grid): Grid => ({
  height: Math.min(a.height, b.height),
  width: Math.min(a.width, b.width),
});

/** U `[to, from]`: bilinear interpolation of one axis to a larger size, half-pixel centres, border clamped. */
const upsampling = (from: number, to: number): Float64Array => resampleMatrix(from, to, { mode: 'bilinear' });

/** U `[large, small]` for `timesRight`: the adjoint of interpolation, it brings an axis of `large` to `small`. */
export const adjointColumns = (large: number, small: number): Float64Array | undefined =>
  large === small ? undefined : upsampling(small, large);

/** U' `[small, large]` for `timesLeft`. */
export const adjointRows = (large: number, small: number): Float64Array | undefined =>
  large === small ? undefined : transposed(upsampling(small, large), large, small);

/** U'1 `[from]`: how much each position of an axis weighs in a sum over the axis interpolated to size `to`. */
export function columnSums(from: number, to: number): Float64Array {
  const sums = new Float64Array(from);
  if (from === to) return sums.fill(1);
  upsampling(from, to).forEach((weight, i) => (sums[i % from] += weight));
  return sums;
}

/**
 * The symmetric, tridiagonal U'U `[from, from]`, by which the square of the norm of an axis interpolated to size `to` is
 * a sum over neighbours: its main diagonal and the one next to that, `[from]` each (the last entry of `next` is 0).
 */
export function gramDiagonals(from: number, to: number): { main: Float64Array; next: Float64Array } {
  const main = new Float64Array(from);
  const next = new Float64Array(from);
  if (from === to) return { main: main.fill(1), next };
  const u = upsampling(from, to);
  u.forEach((weight, i) => {
    main[i % from] += weight * weight;
    if ((i + 1) % from) next[i % from] += weight * u[i + 1];
  });
  return { main, next };
}
