// What is kept of the scores of two models: the nearest neighbours in both directions, over all images and over each half,
// and the best that each unit reaches under the null. Score matrices pass through it in tiles.

import type { Tensor } from '../../graph/tensor.ts';
import { largerGrid, positions } from './grid.ts';
import type { Moments, Standardiser } from './moments.ts';
import { columnSegments, rowSegments, type Segment, type Tile } from './plan.ts';
import { TopK } from './top-k.ts';
import { required } from '../../lookup.ts';
import { floats } from '../../graph/tensor.ts';

/** Sums of products of one tile, by half; the null's are empty where there is none. */
export interface TileSums {
  readonly real: readonly [Float32Array, Float32Array];
  readonly null: readonly [Float32Array, Float32Array];
}

/** Scores of a pair of units: over all images and each half, real and under the null; NaN where there are none. */
export interface PairScores {
  readonly r: number;
  readonly half0: number;
  readonly half1: number;
  readonly null: number;
  readonly null0: number;
  readonly null1: number;
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

  /** Takes in what a unit reaches under the null: over all images, and over each half; NaN is nothing. */
  raiseNull(unit: number, all: number, half0: number, half1: number): void {
    if (all > this.nullBest[unit]) this.nullBest[unit] = all;
    if (half0 > this.nullHalves[0][unit]) this.nullHalves[0][unit] = half0;
    if (half1 > this.nullHalves[1][unit]) this.nullHalves[1][unit] = half1;
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
      const saved = required(tensors, name, 'tensor').data;
      if (data instanceof Int32Array && saved instanceof Int32Array) data.set(saved);
      else floats(data).set(floats(saved));
    }
  }

  /** Takes in one pair of units. */
  offer(u: number, v: number, { r, half0, half1, null: rNull, null0, null1 }: PairScores): void {
    const extra = [NaN, NaN, NaN];
    extra[companions.rNull] = rNull;
    extra[companions.half0] = half0;
    extra[companions.half1] = half1;
    for (const [direction, unit, other] of [
      [this.forward, u, v],
      [this.backward, v, u],
    ] as const) {
      direction.all.offer(unit, other, r, extra);
      direction.halves[0].offer(unit, other, half0);
      direction.halves[1].offer(unit, other, half1);
      direction.raiseNull(unit, rNull, null0, null1);
    }
  }

  /** Takes in one tile. */
  add(tile: Tile, sums: TileSums, scorer: Scorer): void {
    const width = tile.columns;
    for (const rows of rowSegments(tile)) {
      for (const columns of columnSegments(tile)) {
        const scales = scorer.between(rows, columns);
        const row = rows.unit - rows.layer.offset;
        for (let i = 0; i < rows.units; i++) {
          if (scales[2].a.inverse[row + i] === 0) continue;
          this.#addRow(rows.unit + i, row + i, columns, (rows.start + i) * width + columns.start, sums, scales);
        }
      }
    }
  }

  /**
   * Takes in the scores of one unit. This is run for every pair of units of a zoo, billions of times: it is one loop
   * over arrays on purpose.
   * @param row number of the unit in its layer.
   * @param start place of the first sum of the row in the tile.
   */
  #addRow(u: number, row: number, columns: Segment, start: number, sums: TileSums, scales: Scales): void {
    const { forward, backward, scores, unitsB } = this;
    const [real0, real1] = sums.real;
    const [null0, null1] = sums.null;
    const hasNull = null0.length > 0;
    const twoHalves = real1.length > 0;
    const first = columns.unit - columns.layer.offset;
    const [scale0, scale1, scale] = scales;
    const [n0, n1, n] = [scale0.n, scale1.n, scale.n];
    const [mean0, mean1, mean] = [scale0.a.mean[row], scale1.a.mean[row], scale.a.mean[row]];
    const [inverse0, inverse1, inverse] = [scale0.a.inverse[row], scale1.a.inverse[row], scale.a.inverse[row]];
    const [means0, means1, means] = [scale0.b.mean, scale1.b.mean, scale.b.mean];
    const [inverses0, inverses1, inverses] = [scale0.b.inverse, scale1.b.inverse, scale.b.inverse];

    const { all, halves, nullBest, nullHalves } = backward;
    const last = all.k - 1;
    const [half0, half1] = halves;
    const halfLast = half0.k - 1;
    let threshold = forward.all.threshold(u);
    let threshold0 = forward.halves[0].threshold(u);
    let threshold1 = forward.halves[1].threshold(u);
    let best = forward.nullBest[u];
    let best0 = forward.nullHalves[0][u];
    let best1 = forward.nullHalves[1][u];
    const extra = [NaN, NaN, NaN];

    for (let j = 0; j < columns.units; j++) {
      const c = first + j;
      if (inverses[c] === 0) continue; // the column's unit never changes
      const at = start + j;
      const v = columns.unit + j;
      const sum = twoHalves ? real0[at] + real1[at] : real0[at];
      const r = (sum / n - mean * means[c]) * inverse * inverses[c];
      if (scores) scores[u * unitsB + v] = r;
      let r0 = NaN;
      let r1 = NaN;
      if (twoHalves) {
        r0 = (real0[at] / n0 - mean0 * means0[c]) * inverse0 * inverses0[c];
        r1 = (real1[at] / n1 - mean1 * means1[c]) * inverse1 * inverses1[c];
        if (r0 >= threshold0) {
          forward.halves[0].offer(u, v, r0);
          threshold0 = forward.halves[0].threshold(u);
        }
        if (r1 >= threshold1) {
          forward.halves[1].offer(u, v, r1);
          threshold1 = forward.halves[1].threshold(u);
        }
        if (r0 >= half0.r[v * half0.k + halfLast]) half0.offer(v, u, r0);
        if (r1 >= half1.r[v * half1.k + halfLast]) half1.offer(v, u, r1);
      }
      let rNull = NaN;
      if (hasNull) {
        rNull = ((null0[at] + null1[at]) / n - mean * means[c]) * inverse * inverses[c];
        if (rNull > best) best = rNull;
        if (rNull > nullBest[v]) nullBest[v] = rNull;
        const null0r = (null0[at] / n0 - mean0 * means0[c]) * inverse0 * inverses0[c];
        if (null0r > best0) best0 = null0r;
        if (null0r > nullHalves[0][v]) nullHalves[0][v] = null0r;
        const null1r = (null1[at] / n1 - mean1 * means1[c]) * inverse1 * inverses1[c];
        if (null1r > best1) best1 = null1r;
        if (null1r > nullHalves[1][v]) nullHalves[1][v] = null1r;
      }
      const isForward = r >= threshold;
      if (!isForward && !(r >= all.r[v * all.k + last])) continue;
      extra[companions.rNull] = rNull;
      extra[companions.half0] = r0;
      extra[companions.half1] = r1;
      if (isForward) {
        forward.all.offer(u, v, r, extra);
        threshold = forward.all.threshold(u);
      }
      all.offer(v, u, r, extra);
    }
    forward.nullBest[u] = best;
    forward.nullHalves[0][u] = best0;
    forward.nullHalves[1][u] = best1;
  }
}

/** How sums of products of two layers become scores: r = (sum / n - mean a * mean b) * inverse a * inverse b. */
export interface Scale {
  readonly n: number;
  /** By the numbers of the units in their layers; the inverse is 0 for units that never change. */
  readonly a: Standardiser;
  readonly b: Standardiser;
}

/** Over the first half, the second, and all images. */
export type Scales = readonly [Scale, Scale, Scale];

export interface Scorer {
  between(rows: Segment, columns: Segment): Scales;
}

/** Pearson r from sums of centred products and the moments of both models. */
export function pearson(a: Moments, b: Moments): Scorer {
  const index = (moments: Moments, segment: Segment) => moments.model.layers.indexOf(segment.layer);
  return {
    between(rows, columns) {
      const target = largerGrid(rows.layer.grid, columns.layer.grid);
      const over = (half: 0 | 1 | 'all'): Scale => ({
        n: (half === 'all' ? a.images[0] + a.images[1] : a.images[half]) * positions(target),
        a: a.standardiser(index(a, rows), target, half),
        b: b.standardiser(index(b, columns), target, half),
      });
      return [over(0), over(1), over('all')];
    },
  };
}

/** The published code's score: sums of cosines, one for each batch, over the number of batches. */
export function meanCosine(a: Moments, b: Moments, batches: number): Scorer {
  const live = pearson(a, b);
  const plain = ({ inverse }: Standardiser): Standardiser => ({
    mean: new Float64Array(inverse.length),
    inverse: inverse.map((value) => (value ? 1 : 0)),
  });
  return {
    between(rows, columns) {
      const scales = live.between(rows, columns);
      const scale: Scale = { n: batches, a: plain(scales[2].a), b: plain(scales[2].b) };
      return [scale, scale, scale];
    },
  };
}
