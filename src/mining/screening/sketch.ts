// Sketches of all layers on all grids on which they are compared: short random projections whose products estimate those
// of the maps. Gathered in one pass over the images; what is read off them is `screen.ts`'s.

import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32, floats, type Tensor } from '../../graph/tensor.ts';
import { present, required } from '../../lookup.ts';
import { gridKey, positions, type Grid } from '../correlation/grid.ts';
import type { Operand, OperandMaps } from '../correlation/pass-graph.ts';
import { rectangles, type MinedModel } from '../correlation/plan.ts';
import type { BatchPlace, Gatherer } from '../correlation/run-pass.ts';
import type { Spread, Spreads } from './deviation.ts';
import { dealt } from './signs.ts';
import { Slots } from './slots.ts';

export interface SketchOptions {
  readonly seed: number;
  readonly models: readonly MinedModel[];
  /** Pairs of models, by index. */
  readonly pairs: readonly (readonly [number, number])[];
  /** Images by part and half, at most. */
  readonly images: readonly (readonly number[])[];
  /** Values of a unit's sketch on a large grid, roughly: the deviation of an estimate is one over its square root. */
  readonly width: number;
}

/** The sketch of a layer on a grid. */
export interface LayerSketch extends Operand {
  /** Values for an image; as many as positions lose nothing. */
  readonly buckets: number;
  /** By half, `[units, slots of the half * buckets]`; the second may be empty. */
  readonly halves: readonly [Float32Array, Float32Array];
}

/** How sketches are laid out, of whatever they are. */
export interface SketchShape {
  readonly slots: Slots;
  readonly operands: readonly Operand[];
  /** Values for an image on a grid. */
  readonly buckets: (grid: Grid) => number;
}

export function shapeOf({ models, pairs, images, width }: Omit<SketchOptions, 'seed'>): SketchShape {
  const each = Math.max(1, Math.floor(width / images.flat().reduce((sum, n) => sum + n, 0)));
  return {
    slots: new Slots(images, width),
    operands: operandsOf(models, pairs),
    buckets: (grid) => Math.min(positions(grid), each),
  };
}

/** Bytes that sketches take. */
export function sketchBytes({ slots, operands, buckets }: SketchShape): number {
  return operands.reduce((sum, { layer, grid }) => sum + 4 * layer.units * slots.count * buckets(grid), 0);
}

/** What the deviations of estimates depend on. @param energies by operand, as `Sketches.energies` gives them. */
export function spreadsOf({ slots, operands, buckets }: SketchShape, energies: readonly Float32Array[]): Spreads {
  const spreads = new Map(
    operands.map((operand, i): [string, Spread] => {
      const [p, size] = [buckets(operand.grid), positions(operand.grid)];
      // Positions of one image that share a bucket; with folded slots other images' do, too.
      const own = size === 1 ? 0 : (size / p - 1) / (size - 1);
      return [keyOf(operand), { energies: energies[i], collisions: slots.folded ? 1 / p : own }];
    }),
  );
  return { of: (operand) => required(spreads, keyOf(operand), 'spread') };
}

/** All layers on all product grids of the pairs, each once. */
export function operandsOf(models: readonly MinedModel[], pairs: readonly (readonly [number, number])[]): Operand[] {
  const out = new Map<string, Operand>();
  for (const [a, b] of pairs) {
    for (const { rows, columns, grid } of rectangles(models, a, b)) {
      for (const [model, layers] of [
        [a, rows],
        [b, columns],
      ] as const) {
        for (const layer of layers) out.set(keyOf({ model, layer, grid }), { model, layer, grid });
      }
    }
  }
  return [...out.values()];
}

const signsName = (grid: Grid): string => `signs/${gridKey(grid)}`;

export class Sketches implements Gatherer {
  readonly slots: Slots;
  readonly layers: readonly LayerSketch[];
  readonly operands: readonly Operand[];
  readonly #byKey: ReadonlyMap<string, LayerSketch>;
  readonly #seed: number;
  readonly #grids: readonly { readonly grid: Grid; readonly buckets: number }[];
  /** By part and half, images that were taken. */
  readonly #images: number[][];

  constructor(options: SketchOptions) {
    const { slots, operands, buckets } = shapeOf(options);
    this.#seed = options.seed;
    this.slots = slots;
    this.operands = operands;
    this.layers = operands.map((operand) => {
      const own = buckets(operand.grid);
      const half = (count: number) => new Float32Array(operand.layer.units * count * own);
      return { ...operand, buckets: own, halves: [half(slots.of(0)), half(slots.of(1))] };
    });
    this.#byKey = new Map(this.layers.map((sketch) => [keyOf(sketch), sketch]));
    const grids = new Map(operands.map(({ grid }) => [gridKey(grid), grid]));
    this.#grids = [...grids.values()].map((grid) => ({ grid, buckets: buckets(grid) }));
    this.#images = options.images.map((halves) => halves.map(() => 0));
  }

  /** By operand, once all images are taken: `[units, parts, 2]`, sums over the slots of a part and half of squared energies. */
  energies(): Float32Array[] {
    return this.layers.map((sketch) => energiesOf(sketch, this.slots, this.#images.length));
  }

  of(operand: Operand): LayerSketch {
    return required(this.#byKey, keyOf(operand), 'sketch');
  }

  /** Images by part and half that were taken. */
  get images(): readonly (readonly number[])[] {
    return this.#images;
  }

  addTo(b: GraphBuilder, batch: number, models: readonly number[], { byImage }: OperandMaps): void {
    const here = this.layers.filter(({ model }) => models.includes(model));
    const signs = new Map<string, Value>();
    for (const { grid, buckets } of this.#grids) {
      if (!here.some((sketch) => gridKey(sketch.grid) === gridKey(grid))) continue;
      signs.set(gridKey(grid), b.input(signsName(grid), [batch, positions(grid), buckets]));
    }
    this.layers.forEach((sketch, i) => {
      if (!here.includes(sketch)) return;
      b.output(b.matmul(byImage(sketch), required(signs, gridKey(sketch.grid), 'signs')), `sketch/${i}`);
    });
  }

  feeds({ part, half, start, count }: BatchPlace): Record<string, Tensor> {
    const places = this.slots.places(part, half, start, count);
    const feeds: Record<string, Tensor> = {};
    for (const { grid, buckets } of this.#grids) {
      const size = positions(grid) * buckets;
      const data = new Float32Array(count * size);
      places.forEach(({ block }, i) => {
        if (i && places[i - 1].block === block) {
          data.copyWithin(i * size, (i - 1) * size, i * size);
          return;
        }
        const { bucket, sign } = dealt(this.#seed, ((2 * part + half) << 24) | block, grid, buckets);
        for (let s = 0; s < bucket.length; s++) data[i * size + s * buckets + bucket[s]] = sign[s];
      });
      feeds[signsName(grid)] = float32([count, positions(grid), buckets], data);
    }
    return feeds;
  }

  take(outputs: Readonly<Record<string, Tensor>>, { part, half, start, count }: BatchPlace): void {
    const places = this.slots.places(part, half, start, count);
    this.layers.forEach(({ layer, buckets, halves }, i) => {
      const name = `sketch/${i}`;
      if (!(name in outputs)) return;
      const values = floats(outputs[name].data);
      const data = halves[half];
      const width = this.slots.of(half) * buckets;
      let from = 0;
      for (let n = 0; n < count; n++) {
        const first = (places[n].slot - (half ? this.slots.split : 0)) * buckets;
        for (let u = 0; u < layer.units; u++) {
          const to = u * width + first;
          for (let k = 0; k < buckets; k++) data[to + k] += values[from++];
        }
      }
    });
    this.#images[part][half] = start + count;
  }

  /** For a file. */
  tensors(): Map<string, Tensor> {
    const counts = this.#images.flat();
    return new Map([
      ['images', float32([counts.length], counts)],
      ...this.layers.flatMap(({ layer, halves }, i) =>
        halves.map((data, half): [string, Tensor] => [
          `${i} ${half}`,
          float32([layer.units, data.length / layer.units], data),
        ]),
      ),
    ]);
  }

  /** Takes back what `tensors` gave. */
  restore(tensors: ReadonlyMap<string, Tensor>): void {
    this.layers.forEach(({ halves }, i) =>
      halves.forEach((data, half) => data.set(floats(required(tensors, `${i} ${half}`, 'sketch').data))),
    );
    const counts = [...floats(required(tensors, 'images', 'sketch').data)];
    for (const halves of this.#images) halves.forEach((_, half) => (halves[half] = present(counts.shift(), 'count')));
  }
}

const keyOf = ({ model, layer, grid }: Operand): string => `${model} ${layer.layer} ${gridKey(grid)}`;

/** `[units, parts, 2]`: by part and half, the sum over its slots of the squares of their energies. */
function energiesOf({ layer, buckets, halves }: LayerSketch, slots: Slots, parts: number): Float32Array {
  const out = new Float32Array(layer.units * parts * 2);
  for (let part = 0; part < parts; part++) {
    for (const half of [0, 1] as const) {
      const { from, to } = slots.range(part, half);
      const data = halves[half];
      const width = slots.of(half) * buckets;
      for (let u = 0; u < layer.units; u++) {
        let sum = 0;
        for (let slot = from; slot < to; slot++) {
          const at = u * width + slot * buckets;
          let energy = 0;
          for (let k = 0; k < buckets; k++) energy += data[at + k] ** 2;
          sum += energy * energy;
        }
        out[(u * parts + part) * 2 + half] = sum;
      }
    }
  }
  return out;
}
