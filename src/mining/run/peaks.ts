// Which images light a set of units up most: each image's largest value of every unit, kept and ranked.
// It holds one number per image and unit, not maps.

import type { Standardiser } from '../correlation/moments.ts';
import type { MinedModel } from '../correlation/plan.ts';

export class Peaks {
  readonly #samples: number[] = [];
  /** By sample, its place in `#samples`. */
  readonly #places = new Map<number, number>();
  /** By model and place in `#samples`; undefined where a model has no maps on a sample. */
  readonly #columns: (Float32Array | undefined)[][];

  constructor(readonly models: readonly MinedModel[]) {
    this.#columns = models.map(() => []);
  }

  /**
   * Takes a batch: by model index, the peaks of centred maps `[n, units]`. A sample may come again, with other models or
   * the same: runs whose sums do not fit the memory see their images several times.
   */
  add(indices: readonly number[], peaks: ReadonlyMap<number, Float32Array>): void {
    const places = indices.map((sample) => this.#placeOf(sample));
    for (const [m, values] of peaks) {
      const { units } = this.models[m];
      places.forEach((place, i) => (this.#columns[m][place] ??= values.slice(i * units, (i + 1) * units)));
    }
  }

  #placeOf(sample: number): number {
    const place = this.#places.get(sample) ?? this.#samples.push(sample) - 1;
    this.#places.set(sample, place);
    return place;
  }

  /**
   * The `count` samples in which the units of a set peak highest together: by the mean over its units (those that
   * have maps there) of the peak in standard deviations above the unit's mean. Samples on which more of its units have
   * maps come first.
   * @param units by model index, the unit of the set, or undefined where it has none.
   * @param standardisers by model and layer, on the layer's own grid.
   */
  best(
    units: readonly (number | undefined)[],
    standardisers: readonly (readonly Standardiser[])[],
    count: number,
  ): number[] {
    const totals = new Float64Array(this.#samples.length);
    const counts = new Float64Array(this.#samples.length);
    units.forEach((unit, m) => {
      if (unit === undefined) return;
      const { mean, inverse } = this.#standardiser(m, unit, standardisers[m]);
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

  #standardiser(m: number, unit: number, layers: readonly Standardiser[]): { mean: number; inverse: number } {
    const l = this.models[m].layers.findIndex(({ offset, units }) => unit >= offset && unit < offset + units);
    const { offset } = this.models[m].layers[l];
    return { mean: layers[l].mean[unit - offset], inverse: layers[l].inverse[unit - offset] };
  }
}
