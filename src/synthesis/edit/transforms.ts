// Moving maps about: affine resampling, pasting of boxes, strengthening. Pure functions on numbers.
// They know no script, no layers and no engine.

import type { Box, Point } from './script.ts';

/** Maps of units on one grid, as deviations from each unit's mean, with the positions that count. */
export interface MapStack {
  readonly units: number;
  readonly height: number;
  readonly width: number;
  /** `[units, height, width]`. */
  readonly data: Float32Array;
  /** `[units, height, width]`, 1 where the value is known, 0 where it came from outside of the image. */
  readonly coverage: Float32Array;
}

/**
 * From a place of the result to the place it is taken from, both in fractions of the image: `[a, b, c, d, e, f]` is
 * (x, y) -> (a x + b y + c, d x + e y + f).
 */
export type Affine = readonly [number, number, number, number, number, number];

/** Moves by fractions of the image, to the right and downwards. */
export const shiftBy = (dx: number, dy: number): Affine => [1, 0, -dx, 0, 1, -dy];

/** Enlarges by a factor; `centre` stays where it is. */
export const zoomBy = (factor: number, [x, y]: Point): Affine => [
  1 / factor,
  0,
  x - x / factor,
  0,
  1 / factor,
  y - y / factor,
];

/**
 * Rotates clockwise as seen; `centre` stays where it is.
 * @param aspect width over height of the image, in pixels: a rotation keeps lengths in pixels, not in fractions.
 */
export function rotateBy(degrees: number, [x, y]: Point, aspect: number): Affine {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [b, d] = [sin / aspect, -sin * aspect];
  return [cos, b, x - cos * x - b * y, d, cos, y - d * x - cos * y];
}

/** Maps `from` onto `to`. */
export function boxToBox(from: Box, to: Box): Affine {
  const x = (from[2] - from[0]) / (to[2] - to[0]);
  const y = (from[3] - from[1]) / (to[3] - to[1]);
  return [x, 0, from[0] - x * to[0], 0, y, from[1] - y * to[1]];
}

/** Positions of a grid, row by row, whose centres lie in a box (its left and upper edge included); default all. */
export function positionsIn(height: number, width: number, [x0, y0, x1, y1]: Box = [0, 0, 1, 1]): number[] {
  const inside = (i: number, n: number, low: number, high: number) => (i + 0.5) / n >= low && (i + 0.5) / n < high;
  return Array.from({ length: height * width }, (_, p) => p).filter(
    (p) => inside(p % width, width, x0, x1) && inside(Math.floor(p / width), height, y0, y1),
  );
}

/** The maps moved as a whole. What comes from outside of the image is 0 and does not count. */
export function moved(stack: MapStack, inverse: Affine): MapStack {
  const out = copyOf(stack);
  resampleInto(out, stack, positionsIn(stack.height, stack.width), inverse);
  return out;
}

/** The maps with the box `to` filled by the box `from` of `source`, resampled; the rest stays. */
export function pasted(stack: MapStack, source: MapStack, from: Box, to: Box): MapStack {
  const out = copyOf(stack);
  resampleInto(out, source, positionsIn(stack.height, stack.width, to), boxToBox(from, to));
  return out;
}

/** The maps with what is above the mean times `factor`, inside the box (default everywhere); 0 erases. */
export function scaled(stack: MapStack, factor: number, box?: Box): MapStack {
  const out = copyOf(stack);
  const plane = stack.height * stack.width;
  for (const p of positionsIn(stack.height, stack.width, box)) {
    for (let i = p; i < out.data.length; i += plane) if (out.data[i] > 0) out.data[i] *= factor;
  }
  return out;
}

const copyOf = (stack: MapStack): MapStack => ({
  ...stack,
  data: stack.data.slice(),
  coverage: stack.coverage.slice(),
});

/** Positions in pixels nearer than this to a whole number, or to the border, are there: rounding must not blur. */
const rounding = 1e-6;

/**
 * Bilinear interpolation with half-pixel centres; the outer half of the border's pixels is constant. Neighbours weigh by
 * their coverage, so that what does not count is never mixed into what does; the coverage is interpolated as well.
 */
function resampleInto(out: MapStack, source: MapStack, positions: readonly number[], [a, b, c, d, e, f]: Affine): void {
  // Up to four pixels for each position, the same for all units; pixels that are missing weigh nothing.
  const pixels = new Int32Array(4 * positions.length);
  const weights = new Float64Array(4 * positions.length);
  positions.forEach((p, i) => {
    const x = ((p % out.width) + 0.5) / out.width;
    const y = (Math.floor(p / out.width) + 0.5) / out.height;
    const columns = neighbours((a * x + b * y + c) * source.width - 0.5, source.width);
    const rows = neighbours((d * x + e * y + f) * source.height - 0.5, source.height);
    let tap = 4 * i;
    for (const [row, wy] of rows) {
      for (const [column, wx] of columns) {
        pixels[tap] = row * source.width + column;
        weights[tap++] = wy * wx;
      }
    }
  });
  for (let k = 0; k < out.units; k++) {
    const from = k * source.height * source.width;
    const to = k * out.height * out.width;
    for (let i = 0; i < positions.length; i++) {
      let sum = 0;
      let covered = 0;
      for (let tap = 4 * i; tap < 4 * i + 4; tap++) {
        const weight = weights[tap] * source.coverage[from + pixels[tap]];
        sum += weight * source.data[from + pixels[tap]];
        covered += weight;
      }
      out.data[to + positions[i]] = covered > 0 ? sum / covered : 0;
      out.coverage[to + positions[i]] = covered;
    }
  }
}

/** The pixels that make up the value at a position of an axis, with their weights; none outside of the image. */
function neighbours(position: number, size: number): readonly (readonly [number, number])[] {
  if (position < -0.5 - rounding || position > size - 0.5 + rounding) return [];
  const whole = Math.round(position);
  if (Math.abs(position - whole) < rounding && whole >= 0 && whole < size) return [[whole, 1]];
  const low = Math.floor(position);
  if (low < 0 || low + 1 >= size) return [[Math.min(Math.max(low, 0), size - 1), 1]];
  return [
    [low, low + 1 - position],
    [low + 1, position - low],
  ];
}
