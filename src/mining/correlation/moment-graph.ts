// Sums and sums of squares of maps on the grids to which they are interpolated, as part of the graph of a pass.
// No map is interpolated, and nothing is summed over images here.

import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32 } from '../../graph/tensor.ts';
import { present, required } from '../../lookup.ts';
import { columnSums, gramDiagonals, positions, sameGrid, type Grid } from './grid.ts';
import type { MinedLayer } from './plan.ts';

/** Sums over positions and sums of squares. */
export interface MomentValues {
  readonly sum: Value;
  readonly square: Value;
}

/**
 * Moments of the layers of a model, `[n, rows]` each, in the order that `Moments.add` takes.
 * @param centred maps `[n, units, h, w]` by layer.
 * @param targets by layer, the grids on which its moments are needed.
 */
export function addMoments(
  b: GraphBuilder,
  layers: readonly MinedLayer[],
  centred: ReadonlyMap<MinedLayer, Value>,
  targets: readonly (readonly Grid[])[],
): MomentValues {
  const parts = layers.map((layer, i) => momentsOn(b, required(centred, layer, 'layer'), layer.grid, targets[i]));
  const joined = (values: Value[]) => (values.length === 1 ? values[0] : b.concat(values, 1));
  return { sum: joined(parts.map(({ sum }) => sum)), square: joined(parts.map(({ square }) => square)) };
}

/** Moments of `x` `[n, units, h, w]` interpolated to each of the grids `targets`: `[n, targets x units]`. */
export function momentsOn(b: GraphBuilder, x: Value, grid: Grid, targets: readonly Grid[]): MomentValues {
  if (targets.length === 1 && sameGrid(grid, targets[0])) {
    return { sum: b.reduceSum(x, [2, 3]), square: b.reduceSumSquare(x, [2, 3]) };
  }
  const [n, units] = x.shape;
  const weights = weightsOf(b, grid, targets);
  const parts = piecesOf(b, b.reshape(x, [n * units, -1])).map((piece) => weighted(b, piece, weights));
  const joined = (values: Value[]): Value => {
    const all = values.length === 1 ? values[0] : b.concat(values, 0);
    return b.reshape(b.transpose(b.reshape(all, [n, units, -1]), [0, 2, 1]), [n, -1]);
  };
  return { sum: joined(parts.map(({ sum }) => sum)), square: joined(parts.map(({ square }) => square)) };
}

/** Bytes of maps that go through all steps before the next: what a step makes is still in the cache for the one after. */
const pieceBytes = 2 ** 21;
/** Larger pieces rather than more: every operator costs time when the graph is opened. */
const mostPieces = 16;

/** Ranges of the rows of `[rows, positions]`. */
function piecesOf(b: GraphBuilder, maps: Value): Value[] {
  const [rows, columns] = maps.shape;
  const size = Math.max(Math.ceil(rows / mostPieces), Math.floor(pieceBytes / (4 * columns)));
  if (rows <= size) return [maps];
  return Array.from({ length: Math.ceil(rows / size) }, (_, i) =>
    b.slice(maps, { axes: [0], starts: [i * size], ends: [Math.min(rows, (i + 1) * size)] }),
  );
}

/** How much every position, `[positions, targets]`, weighs in the moments on each target. */
interface Weights {
  /** Weights of the values in the sums. */
  readonly plain: Value;
  /**
   * Weights of products in the sums of squares: of a value with itself, with its right, its lower, and its lower right
   * neighbour (this one together with the product of the right and the lower one). Undefined where all are 0.
   */
  readonly self: Value;
  readonly right?: Value;
  readonly lower?: Value;
  readonly diagonal?: Value;
  /** Steps from a position to its lower neighbour. */
  readonly width: number;
}

/**
 * The square of the norm of an interpolated map is x'(A (x) B)x, with A = U'U of the height and B of the width. Both are
 * symmetric and tridiagonal, so that only products of neighbours occur, whatever the target.
 */
function weightsOf(b: GraphBuilder, grid: Grid, targets: readonly Grid[]): Weights {
  const axes = targets.map((target) => ({
    rows: { ...gramDiagonals(grid.height, target.height), sums: columnSums(grid.height, target.height) },
    columns: { ...gramDiagonals(grid.width, target.width), sums: columnSums(grid.width, target.width) },
  }));
  type Part = 'sums' | 'main' | 'next';
  const table = (factor: number, row: Part, column: Part): Value | undefined => {
    const data = new Float32Array(positions(grid) * targets.length);
    axes.forEach(({ rows, columns }, t) => {
      for (let p = 0; p < positions(grid); p++) {
        data[p * targets.length + t] = factor * rows[row][Math.floor(p / grid.width)] * columns[column][p % grid.width];
      }
    });
    return data.some((weight) => weight !== 0)
      ? b.constant(float32([positions(grid), targets.length], data))
      : undefined;
  };
  return {
    plain: present(table(1, 'sums', 'sums'), 'weights'),
    self: present(table(1, 'main', 'main'), 'weights'),
    right: table(2, 'main', 'next'),
    lower: table(2, 'next', 'main'),
    diagonal: table(2, 'next', 'next'),
    width: grid.width,
  };
}

/** Moments of maps `[rows, positions]`: `[rows, targets]`. */
function weighted(b: GraphBuilder, x: Value, { plain, self, right, lower, diagonal, width }: Weights): MomentValues {
  // The neighbour of the last position of a row of the map is not one: it weighs 0.
  const shifted = (value: Value, steps: number) => b.pad(value, [0, -steps, 0, steps]);
  let square = b.matmul(b.mul(x, x), self);
  const add = (products: Value, weights: Value) => (square = b.add(square, b.matmul(products, weights)));
  const onRight = right && shifted(x, 1);
  const below = lower && shifted(x, width);
  if (right && onRight) add(b.mul(x, onRight), right);
  if (lower && below) add(b.mul(x, below), lower);
  if (diagonal && onRight && below) {
    add(b.add(b.mul(x, shifted(below, 1)), b.mul(onRight, below)), diagonal);
  }
  return { sum: b.matmul(x, plain), square };
}
