// What is kept of the scores of two models: the nearest neighbours in both directions, over all images and over each half,
// and the best that each unit reaches under the null. Score matrices pass through it in tiles.

import type { Tensor } from '../graph/tensor.ts';
import { largerGrid, positions } from './grid.ts';
import type { Moments, Standardiser } from './moments.ts';
import { columnSegments, rowSegments, type Segment, type Tile } from './plan.ts';
import { TopK } from './top-k.ts';

/** Sums of products of one tile, by half; the null's are empty where there is none. */
export interface TileSums {
  readonly real: readonly [Float32Array, Float32Array];
  readonly null: readonly [Float32Array, Float32Array];
}

/** Companions of a neighbour, by their place in `TopK.extra`: r under the null, r over the first and the second half. */
export const companions = { rNull: 0, half0: 1, half1: 2 } as const;

/** One direction: the neighbours of every unit of a model among the units of another. */
export class Direction {
  readonly all: TopK;
  readonly halves: readonly [TopK, TopK];
  /** Largest r under the null, `[units]`: over all images, and over each half; -Infinity without a null. */
  readonly nullBest: Float32Array;
  readonly nullHalves: readonly [Float32Array, Float32Array];

  constructor(
    readonly units: number,
    keep: number,
    k: number,
  ) {
    this.all = new TopK(units, keep, 3);
    this.halves = [new TopK(units, k), new TopK(units, k)];
    const none = () => new Float32Array(units).fill(-Infinity);
    this.nullBest = none();
    this.nullHalves = [none(), none()];
  }

  /** Every array in it, by name, for files. */
  arrays(): Record<string, Int32Array | Float32Array> {
    const { all, halves, nullBest, nullHalves } = this;
    return {
      index: all.index,
      r: all.r,
      rNull: all.extra[companions.rNull],
      rHalf0: all.extra[companions.half0],
      rHalf1: all.extra[companions.half1],
      'half0.index': halves[0].index,
      'half0.r': halves[0].r,
      'half1.index': halves[1].index,
      'half1.r': halves[1].r,
      nullBest,
      'nullBest.half0': nullHalves[0],
      'nullBest.half1': nullHalves[1],
    };
  }
}

/** Both directions of a pair of models. */
export class Neighbours {
  readonly forward: Direction;
  readonly backward: Direction;
  /** The whole score matrix `[units a, units b]`, if asked for; 0 where a unit never changes. */
  readonly scores?: Float32Array;

  /**
   * @param keep neighbours kept over all images.
   * @param k neighbours kept over each half.
   */
  constructor(
    readonly unitsA: number,
    readonly unitsB: number,
    keep: number,
    k: number,
    wholeMatrix = false,
  ) {
    this.forward = new Direction(unitsA, Math.min(keep, unitsB), Math.min(k, unitsB));
    this.backward = new Direction(unitsB, Math.min(keep, unitsA), Math.min(k, unitsA));
    if (wholeMatrix) this.scores = new Float32Array(unitsA * unitsB);
  }

  /** Tensors for a file: `0.index`, ... forward, `1.index`, ... backward, and `scores`. */
  tensors(): Map<string, Tensor> {
    const out = new Map<string, Tensor>();
    [this.forward, this.backward].forEach((direction, d) => {
      for (const [name, data] of Object.entries(direction.arrays())) {
        const dtype = data instanceof Int32Array ? 'int32' : 'float32';
        out.set(`${d}.${name}`, { dtype, shape: [direction.units, data.length / direction.units], data });
      }
    });
    if (this.scores) out.set('scores', { dtype: 'float32', shape: [this.unitsA, this.unitsB], data: this.scores });
    return out;
  }

  /** Takes back what `tensors` gave. */
  restore(tensors: ReadonlyMap<string, Tensor>): void {
    for (const [name, { data }] of this.tensors()) {
      (data as Float32Array).set(tensors.get(name)!.data as Float32Array);
    }
  }

  /** Takes in one tile. */
  add(tile: Tile, sums: TileSums, scorer: Scorer): void {
    const width = tile.columns;
    for (const rows of rowSegments(tile)) {
      for (const columns of columnSegments(tile)) {
        const score = scorer.between(rows, columns);
        for (let i = 0; i < rows.units; i++) {
          if (!score.liveRow(i)) continue;
          this.#addRow(rows.unit + i, columns, (rows.start + i) * width + columns.start, sums, (half, s, j) =>
            score.r(half, s, i, j),
          );
        }
      }
    }
  }

  #addRow(
    u: number,
    columns: Segment,
    offset: number,
    sums: TileSums,
    r: (half: 0 | 1 | 2, sum: number, column: number) => number,
  ): void {
    const { forward, backward, scores } = this;
    const [real0, real1] = sums.real;
    const [null0, null1] = sums.null;
    const hasNull = null0.length > 0;
    const twoHalves = real1.length > 0;
    const extra = [NaN, NaN, NaN];
    for (let j = 0; j < columns.units; j++) {
      const at = offset + j;
      const v = columns.unit + j;
      const all = r(2, twoHalves ? real0[at] + real1[at] : real0[at], j);
      if (Number.isNaN(all)) continue; // the column's unit never changes
      if (scores) scores[u * this.unitsB + v] = all;
      if (twoHalves) {
        extra[1] = r(0, real0[at], j);
        extra[2] = r(1, real1[at], j);
        for (const half of [0, 1] as const) {
          const value = extra[1 + half];
          if (value >= forward.halves[half].threshold(u)) forward.halves[half].offer(u, v, value);
          if (value >= backward.halves[half].threshold(v)) backward.halves[half].offer(v, u, value);
        }
      }
      if (hasNull) {
        const nullAll = (extra[0] = r(2, null0[at] + null1[at], j));
        if (nullAll > forward.nullBest[u]) forward.nullBest[u] = nullAll;
        if (nullAll > backward.nullBest[v]) backward.nullBest[v] = nullAll;
        for (const half of [0, 1] as const) {
          const value = r(half, half ? null1[at] : null0[at], j);
          if (value > forward.nullHalves[half][u]) forward.nullHalves[half][u] = value;
          if (value > backward.nullHalves[half][v]) backward.nullHalves[half][v] = value;
        }
      }
      if (all >= forward.all.threshold(u)) forward.all.offer(u, v, all, extra);
      if (all >= backward.all.threshold(v)) backward.all.offer(v, u, all, extra);
    }
  }
}

/** Turns sums of products into scores, segment by segment. */
export interface Scorer {
  between(
    rows: Segment,
    columns: Segment,
  ): {
    liveRow(row: number): boolean;
    /** Score from a sum: over half 0, half 1, or (2) all images. NaN where the column's unit never changes. */
    r(half: 0 | 1 | 2, sum: number, row: number, column: number): number;
  };
}

/** Pearson r from sums of centred products and the moments of both models. */
export function pearson(a: Moments, b: Moments): Scorer {
  const index = (moments: Moments, segment: Segment) => moments.model.layers.indexOf(segment.layer);
  return {
    between(rows, columns) {
      const target = largerGrid(rows.layer.grid, columns.layer.grid);
      const parts = ([0, 1, 'all'] as const).map((half) => {
        const x = a.standardiser(index(a, rows), target, half);
        const y = b.standardiser(index(b, columns), target, half);
        const images = half === 'all' ? a.images[0] + a.images[1] : a.images[half];
        return { x, y, n: images * positions(target) };
      });
      const firstRow = rows.unit - rows.layer.offset;
      const firstColumn = columns.unit - columns.layer.offset;
      const changes = (s: Standardiser, i: number) => s.inverse[i] > 0;
      return {
        liveRow: (row) => changes(parts[2].x, firstRow + row),
        r(half, sum, row, column) {
          const { x, y, n } = parts[half];
          const i = firstRow + row;
          const j = firstColumn + column;
          if (!changes(parts[2].y, j)) return NaN;
          return (sum / n - x.mean[i] * y.mean[j]) * x.inverse[i] * y.inverse[j];
        },
      };
    },
  };
}

/** The published code's score: sums of cosines, one for each batch, over the number of batches. */
export function meanCosine(a: Moments, b: Moments, batches: number): Scorer {
  const live = pearson(a, b);
  return {
    between(rows, columns) {
      const pair = live.between(rows, columns);
      return {
        liveRow: (row) => pair.liveRow(row),
        r: (_half, sum, row, column) => (Number.isNaN(pair.r(2, 0, row, column)) ? NaN : sum / batches),
      };
    },
  };
}
