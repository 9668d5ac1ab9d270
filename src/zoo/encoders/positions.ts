// Position embeddings of a class token and a square grid of patches, resampled for other grids.
// It computes them when a graph is built; in the graph is one product, and only where they are trained.

import { UserError } from '../../errors.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { resampleMatrix } from '../../graph/resample.ts';
import { float32 } from '../../graph/tensor.ts';
import type { Weights } from '../weights.ts';

/** DINO adds so much to a grid's size before it divides by the trained one, against rounding. */
const margin = 0.1;

/** Side of the trained grid that a number of position embeddings belongs to; undefined when it is not square. */
export function gridSide(positions: number): number | undefined {
  const side = Math.round(Math.sqrt(positions - 1));
  return side > 0 && side * side === positions - 1 ? side : undefined;
}

/**
 * Position embeddings for a grid of patches, `[1 + height * width, channels]`, that of the class token first: those of
 * the tensor as they are for the trained grid, else resampled as DINO does it, bicubic and without antialiasing.
 * Source: Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", 2021, `interpolate_pos_encoding`
 * of its code: the factor of an axis is (n + 0.1) / trained, also for an axis of the trained size.
 * @param name tensor `[1 + trained^2, channels]`, or the same with leading axes of 1.
 * @throws UserError when the trained grid is not square.
 */
export function positionsFor(
  b: GraphBuilder,
  weights: Weights,
  name: string,
  grid: { readonly height: number; readonly width: number },
): Value {
  const [positions, channels] = weights.shape(name).slice(-2);
  const side = gridSide(positions);
  if (side === undefined) {
    throw new UserError(
      `the tensor "${name}" of ${weights.owner} has ${positions} positions; one for a class token and those of a square grid are expected`,
    );
  }
  const { height, width } = grid;
  const same = height === side && width === side;
  return weights.derived(
    b,
    `${name}:${height}x${width}`,
    () => {
      const values = weights.values(name);
      if (same) return float32([positions, channels], values);
      return float32([1 + height * width, channels], product(resampling(side, grid), values, channels));
    },
    () => {
      const rows = b.reshape(weights.constant(b, name), [positions, channels]);
      if (same) return rows;
      const matrix = Float32Array.from(resampling(side, grid));
      return b.matmul(b.constant(float32([1 + height * width, positions], matrix)), rows);
    },
  );
}

/** The matrix `[1 + height * width, 1 + side^2]` (row-major) that leaves the class token's row and resamples the rest. */
function resampling(side: number, { height, width }: { readonly height: number; readonly width: number }) {
  const axis = (to: number) => resampleMatrix(side, to, { mode: 'bicubic', step: side / (to + margin) });
  const [rows, columns] = [axis(height), axis(width)];
  const positions = 1 + side * side;
  const matrix = new Float64Array((1 + height * width) * positions);
  matrix[0] = 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const row = (1 + y * width + x) * positions;
      for (let i = 0; i < side; i++) {
        for (let j = 0; j < side; j++) matrix[row + 1 + i * side + j] = rows[y * side + i] * columns[x * side + j];
      }
    }
  }
  return matrix;
}

/** A matrix of few entries other than zero times rows of `channels` numbers, summed in float64. */
function product(matrix: Float64Array, values: Float32Array, channels: number): Float32Array {
  const inner = values.length / channels;
  const out = new Float32Array((matrix.length / inner) * channels);
  const sums = new Float64Array(channels);
  for (let row = 0; row * inner < matrix.length; row++) {
    sums.fill(0);
    for (let i = 0; i < inner; i++) {
      const weight = matrix[row * inner + i];
      if (weight !== 0) for (let c = 0; c < channels; c++) sums[c] += weight * values[i * channels + c];
    }
    out.set(sums, row * channels);
  }
  return out;
}
