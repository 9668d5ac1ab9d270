// Per-unit sums over images, on each grid where they are needed, for the two halves of the images: float64, streaming.
// Means and standard deviations come out at the end; what is summed is centred on a provisional mean, so nothing cancels.

import { gridKey, positions, type Grid } from './grid.ts';
import type { MinedModel } from './plan.ts';

/** The two halves of the images, by which choices are replicated. */
export type Half = 0 | 1;

interface Sums {
  /** Sum and sum of squares of centred values, by half; `[units of the layer]` each. */
  readonly sum: readonly [Float64Array, Float64Array];
  readonly square: readonly [Float64Array, Float64Array];
}

/**
 * Mean and inverse standard deviation of centred values on one grid. The inverse of units that never change is 0 over all
 * images; over a half it is not a number, so that no score of that half comes of it.
 */
export interface Standardiser {
  readonly mean: Float64Array;
  readonly inverse: Float64Array;
}

/** Unit states: `live`, zero on every image, or stuck at another value. */
export type UnitState = 'live' | 'dead' | 'constant';

export class Moments {
  readonly images: [number, number] = [0, 0];
  readonly #layers: { grid: Grid; units: number; sums: Map<string, Sums> }[];

  /**
   * @param targets by layer, the grids on which sums are kept; a layer's own grid comes first.
   * @param centres by layer, the provisional means that were subtracted.
   */
  constructor(
    readonly model: MinedModel,
    readonly targets: readonly (readonly Grid[])[],
    readonly centres: readonly Float32Array[],
  ) {
    this.#layers = model.layers.map(({ units, grid }, i) => {
      const make = (): [Float64Array, Float64Array] => [new Float64Array(units), new Float64Array(units)];
      return {
        grid,
        units,
        sums: new Map(targets[i].map((target) => [gridKey(target), { sum: make(), square: make() }])),
      };
    });
  }

  /** Number of (unit, grid) rows that `add` takes: layer by layer, grid by grid, unit by unit. */
  get rows(): number {
    return this.#layers.reduce((total, { units, sums }) => total + units * sums.size, 0);
  }

  /**
   * Adds a batch.
   * @param sum `[n, rows]`: for each image the sum of the values over the grid.
   * @param square `[n, rows]`: likewise of their squares.
   */
  add(half: Half, sum: Float32Array, square: Float32Array, n: number): void {
    this.images[half] += n;
    const { rows } = this;
    let row = 0;
    for (const { units, sums } of this.#layers) {
      for (const entry of sums.values()) {
        const [s, q] = [entry.sum[half], entry.square[half]];
        for (let i = 0; i < n; i++) {
          const start = i * rows + row;
          for (let u = 0; u < units; u++) {
            s[u] += sum[start + u];
            q[u] += square[start + u];
          }
        }
        row += units;
      }
    }
  }

  /** Standardiser of a layer's units on a grid, over one half of the images or over all of them. */
  standardiser(layer: number, grid: Grid, half: Half | 'all'): Standardiser {
    const { sums, units } = this.#layers[layer];
    const entry = sums.get(gridKey(grid));
    if (!entry) throw new Error(`no moments of layer ${this.model.layers[layer].layer} on grid ${gridKey(grid)}`);
    const n = this.#count(half) * positions(grid);
    const mean = new Float64Array(units);
    const inverse = new Float64Array(units);
    const centre = this.centres[layer];
    const silent = half === 'all' ? 0 : NaN;
    const total = (pair: Sums['sum'], u: number) => (half === 'all' ? pair[0][u] + pair[1][u] : pair[half][u]);
    for (let u = 0; u < units; u++) {
      mean[u] = total(entry.sum, u) / n;
      const variance = total(entry.square, u) / n - mean[u] ** 2;
      inverse[u] = varies(variance, centre[u] + mean[u], mean[u]) ? 1 / Math.sqrt(variance) : silent;
    }
    return { mean, inverse };
  }

  /** Mean, standard deviation (population) and state of each unit of a layer on its own grid, over all images. */
  statistics(layer: number): { mean: Float32Array; std: Float32Array; state: UnitState[] } {
    const { mean, inverse } = this.standardiser(layer, this.#layers[layer].grid, 'all');
    const centre = this.centres[layer];
    return {
      mean: Float32Array.from(mean, (m, u) => m + centre[u]),
      std: Float32Array.from(inverse, (i) => (i ? 1 / i : 0)),
      state: Array.from(inverse, (i, u) => (i ? 'live' : centre[u] + mean[u] === 0 ? 'dead' : 'constant')),
    };
  }

  /** The sums of several sets of images, over the same model, grids and provisional means. */
  static merged(parts: readonly Moments[]): Moments {
    if (parts.length === 1) return parts[0];
    const { model, targets, centres } = parts[0];
    const all = new Moments(model, targets, centres);
    const total = parts[0].save();
    for (const part of parts.slice(1)) part.save().forEach((value, i) => (total[i] += value));
    all.restore(total);
    return all;
  }

  #count(half: Half | 'all'): number {
    return half === 'all' ? this.images[0] + this.images[1] : this.images[half];
  }

  /** All sums in one array, for saving an interrupted run. */
  save(): Float64Array {
    const parts = this.#layers.flatMap(({ sums }) =>
      [...sums.values()].flatMap(({ sum, square }) => [...sum, ...square]),
    );
    const out = new Float64Array(2 + parts.reduce((total, part) => total + part.length, 0));
    out.set(this.images);
    let offset = 2;
    for (const part of parts) {
      out.set(part, offset);
      offset += part.length;
    }
    return out;
  }

  /** Takes back what `save` gave. */
  restore(saved: Float64Array): void {
    this.images[0] = saved[0];
    this.images[1] = saved[1];
    let offset = 2;
    for (const { sums } of this.#layers) {
      for (const { sum, square } of sums.values()) {
        for (const part of [...sum, ...square]) {
          part.set(saved.subarray(offset, offset + part.length));
          offset += part.length;
        }
      }
    }
  }
}

/** Whether a variance is more than the rounding of float32 values of that mean, and of their centred squares. */
const varies = (variance: number, mean: number, centred: number): boolean =>
  variance > Math.max(1e-30, (1e-5 * mean) ** 2, 1e-6 * centred ** 2);
