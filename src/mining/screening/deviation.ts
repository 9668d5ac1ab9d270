// How far an estimate of r may be from r: by how widely the two units' energy is spread over the images.
// An estimate of the standard deviation for units alike in all positions, not a bound; how many a margin has is decided elsewhere.

import { present } from '../../lookup.ts';
import { smallerGrid } from '../correlation/grid.ts';
import type { Operand } from '../correlation/pass-graph.ts';
import type { MinedModel } from '../correlation/plan.ts';

/** Over all images, over the first half, over the second. */
export type Extent = 0 | 1 | 'all';

/** What the deviations of a layer's estimates on a grid depend on. */
export interface Spread {
  /** `[units]`: 1 where a unit's energy is the same in all slots of the sketch, their number where it is in one. */
  readonly concentration: Float32Array;
  /** The share of an image's pairs of positions that fall into one bucket. */
  readonly collisions: number;
}

export interface Spreads {
  readonly slots: Readonly<Record<Extent, number>>;
  of(operand: Operand): Spread;
}

/** Deviations of the estimates between units of two models. */
export class Deviations {
  readonly #pairs: readonly (readonly {
    readonly a: Float32Array;
    readonly b: Float32Array;
    readonly collisions: number;
  }[])[];
  readonly #layers: readonly [Uint16Array, Uint16Array];
  readonly #offsets: readonly [number[], number[]];
  readonly #slots: Spreads['slots'];

  constructor(spreads: Spreads, models: readonly MinedModel[], [a, b]: readonly [number, number]) {
    this.#pairs = models[a].layers.map((x) =>
      models[b].layers.map((y) => {
        const grid = smallerGrid(x.grid, y.grid);
        const [left, right] = [spreads.of({ model: a, layer: x, grid }), spreads.of({ model: b, layer: y, grid })];
        return { a: left.concentration, b: right.concentration, collisions: left.collisions };
      }),
    );
    this.#layers = [layersOf(models[a]), layersOf(models[b])];
    this.#offsets = [models[a].layers.map(({ offset }) => offset), models[b].layers.map(({ offset }) => offset)];
    this.#slots = spreads.slots;
  }

  /** Standard deviation of the estimate of r between unit `u` of the first model and unit `v` of the second. */
  of(u: number, v: number, extent: Extent): number {
    const [i, j] = [this.#layers[0][u], this.#layers[1][v]];
    const { a, b, collisions } = present(this.#pairs[i][j], 'layers');
    const product = a[u - this.#offsets[0][i]] * b[v - this.#offsets[1][j]];
    return Math.sqrt((collisions * Math.sqrt(product)) / this.#slots[extent]);
  }
}

/** By unit of a model, the number of its layer. */
export function layersOf({ layers, units }: MinedModel): Uint16Array {
  const out = new Uint16Array(units);
  layers.forEach(({ offset, units: count }, l) => out.fill(l, offset, offset + count));
  return out;
}
