// Which images light a set of units up most: each image's largest value of every unit, kept and ranked.
// It holds one number per image and unit, not maps.

import type { Moments } from '../correlation/moments.ts';
import type { MinedModel } from '../correlation/plan.ts';

export class Peaks {
  readonly #samples: number[] = [];
  /** By model and place in `#samples`; undefined where a model has no maps on a sample. */
  readonly #columns: (Float32Array | undefined)[][];

  constructor(readonly models: readonly MinedModel[]) {
    this.#columns = models.map(() => []);
  }

  /** Takes a batch: by model index, the peaks of centred maps `[n, units]`. */
  add(indices: readonly number[], peaks: ReadonlyMap<number, Float32Array>): void {
    const n = indices.length;
    const start = this.#samples.length;
    this.#samples.push(...indices);
    for (const [m, values] of peaks) {
      for (let i = 0; i < n; i++) {
        const { units } = this.models[m];
        this.#columns[m][start + i] = values.slice(i * units, (i + 1) * units);
      }
    }
  }

  /**
   * The `count` samples in which the units of a set peak highest together: by the mean over its units (those that
   * have maps there) of the peak in standard deviations above the unit's mean. Samples on which more of its units have
   * maps come first.
   * @param units by model index, the unit of the set, or undefined where it has none.
   */
  best(units: readonly (number | undefined)[], moments: readonly Moments[], count: number): number[] {
    const totals = new Float64Array(this.#samples.length);
    const counts = new Float64Array(this.#samples.length);
    units.forEach((unit, m) => {
      if (unit === undefined) return;
      const { mean, inverse } = this.#standardiser(m, unit, moments);
      this.#columns[m].forEach((peaks, i) => {
        if (!peaks) return;
        totals[i] += (peaks[unit] - mean) * inverse;
        counts[i]++;
      });
    });
    totals.forEach((total, i) => (totals[i] = counts[i] ? total / counts[i] : -Infinity));
    const order = Array.from(totals.keys()).sort(
      (i, j) => counts[j] - counts[i] || totals[j] - totals[i] || this.#samples[i] - this.#samples[j],
    );
    return order.slice(0, count).map((i) => this.#samples[i]);
  }

  #standardiser(m: number, unit: number, moments: readonly Moments[]): { mean: number; inverse: number } {
    const l = this.models[m].layers.findIndex(({ offset, units }) => unit >= offset && unit < offset + units);
    const { grid, offset } = this.models[m].layers[l];
    const { mean, inverse } = moments[m].standardiser(l, grid, 'all');
    return { mean: mean[unit - offset], inverse: inverse[unit - offset] };
  }
}
