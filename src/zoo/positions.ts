// Position embeddings of a class token and a square grid of patches, resampled for other grids.
// It computes them when a graph is built; nothing of it is left in the graph.

import { UserError } from '../errors.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { resampleMatrix } from '../graph/resample.ts';
import { float32 } from '../graph/tensor.ts';
import type { Weights } from './weights.ts';

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
  return weights.derived(b, `${name}:${height}x${width}`, () => {
    const values = weights.values(name);
    if (height === side && width === side) return float32([positions, channels], values);
    const axis = (to: number) => resampleMatrix(side, to, { mode: 'bicubic', step: side / (to + margin) });
    const [rows, columns] = [axis(height), axis(width)];
    const out = new Float32Array((1 + height * width) * channels);
    out.set(values.subarray(0, channels));
    const sums = new Float64Array(channels);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        sums.fill(0);
        for (let i = 0; i < side; i++) {
          for (let j = 0; j < side; j++) {
            const weight = rows[y * side + i] * columns[x * side + j];
            if (weight === 0) continue;
            const from = (1 + i * side + j) * channels;
            for (let c = 0; c < channels; c++) sums[c] += weight * values[from + c];
          }
        }
        out.set(sums, (1 + y * width + x) * channels);
      }
    }
    return float32([1 + height * width, channels], out);
  });
}
