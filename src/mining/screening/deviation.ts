// How far an estimate of r may be from r, by the energy that the two units have in each image.
// An estimate of the standard deviation, not a bound; how many of them a margin has is decided elsewhere.

import { present } from '../../lookup.ts';
import { smallerGrid } from '../correlation/grid.ts';
import type { Scorer } from '../correlation/neighbours.ts';
import type { Operand } from '../correlation/pass-graph.ts';
import { layersOf, type MinedLayer, type MinedModel } from '../correlation/plan.ts';

/** Over all images, over the first half, over the second. */
export type Extent = 0 | 1 | 'all';

/** What the deviations of a layer's estimates on a grid depend on. */
export interface Spread {
  /** `[units, parts, 2]`: by part and half, the sum over its slots of the squares of their energies. */
  readonly energies: Float32Array;
  /** The share of an image's pairs of positions that fall into one bucket. */
  readonly collisions: number;
}

export interface Spreads {
  of(operand: Operand): Spread;
}

export interface DeviationOptions {
  readonly spreads: Spreads;
  readonly models: readonly MinedModel[];
  readonly pair: readonly [number, number];
  readonly parts: readonly { readonly models: readonly number[] }[];
  /** Of the pair. */
  readonly scorer: Scorer;
}

/** Over the first half, the second, all: factors of the units of both layers, and of all. */
type Factors = Readonly<Record<Extent, readonly [Float64Array, Float64Array, number]>>;

/**
 * Deviations of the estimates between units of two models: the variance of a sum of products is about
 * `c sum_j |x_j|^2 |y_j|^2` over the slots j, c being the share of positions that collide, and at most that with the sum
 * bounded by Cauchy and Schwarz; r divides the sum by n and both standard deviations.
 */
export class Deviations {
  readonly #factors: readonly (readonly Factors[])[];
  readonly #layers: readonly [Uint16Array, Uint16Array];
  readonly #offsets: readonly [number[], number[]];

  constructor(options: DeviationOptions) {
    const { models, pair } = options;
    const [a, b] = pair;
    this.#factors = models[a].layers.map((x) => models[b].layers.map((y) => factorsOf(options, x, y)));
    this.#layers = [layersOf(models[a]), layersOf(models[b])];
    this.#offsets = [models[a].layers.map(({ offset }) => offset), models[b].layers.map(({ offset }) => offset)];
  }

  /** Standard deviation of the estimate of r between unit `u` of the first model and unit `v` of the second. */
  of(u: number, v: number, extent: Extent): number {
    const [i, j] = [this.#layers[0][u], this.#layers[1][v]];
    const [left, right, both] = present(this.#factors[i][j], 'layers')[extent];
    return both * left[u - this.#offsets[0][i]] * right[v - this.#offsets[1][j]];
  }
}

function factorsOf({ spreads, pair: [a, b], parts, scorer }: DeviationOptions, x: MinedLayer, y: MinedLayer): Factors {
  const grid = smallerGrid(x.grid, y.grid);
  const [left, right] = [spreads.of({ model: a, layer: x, grid }), spreads.of({ model: b, layer: y, grid })];
  const shared = parts.flatMap(({ models }, p) => (models.includes(a) && models.includes(b) ? [p] : []));
  const whole = (layer: MinedLayer) => ({ layer, start: 0, unit: layer.offset, units: layer.units });
  const scales = scorer.between(whole(x), whole(y));
  const over = (extent: Extent) => {
    const halves = extent === 'all' ? [0, 1] : [extent];
    const { n, a: own, b: other } = scales[extent === 'all' ? 2 : extent];
    const roots = ({ energies }: Spread, inverse: Float64Array) =>
      inverse.map((value, u) => {
        let sum = 0;
        for (const p of shared) for (const half of halves) sum += energies[(u * parts.length + p) * 2 + half];
        return value * sum ** 0.25;
      });
    return [roots(left, own.inverse), roots(right, other.inverse), Math.sqrt(left.collisions) / n] as const;
  };
  return { 0: over(0), 1: over(1), all: over('all') };
}
