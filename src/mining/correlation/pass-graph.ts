// The graph of one pass: images -> models -> centred maps -> moments and products, added to the sums so far.
// Everything large stays inside it; what goes in and out are images, sums and moments.

import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { addSamples, sampleShape, type ImageSource } from '../../images/source.ts';
import type { Model } from '../../zoo/model.ts';
import type { Graph } from '../../graph/graph.ts';
import { timesLeft, timesRight } from '../../graph/resample.ts';
import { float32 } from '../../graph/tensor.ts';
import { adjointColumns, adjointRows, gridKey, largerGrid, type Grid } from './grid.ts';
import { addMoments, momentsOn } from './moment-graph.ts';
import { countUnits, type MinedLayer, type MinedModel, type Pass, type Tile } from './plan.ts';
import { required, present } from '../../lookup.ts';

/** Samples of a source, and what models make of them. */
export interface AddedModels {
  /** `[n, 3, height, width]`, RGB in [0, 1]. */
  readonly images: Value;
  /** Maps `[n, channels, h, w]` by model index and layer name. */
  readonly maps: ReadonlyMap<number, ReadonlyMap<string, Value>>;
}

/**
 * Lays a batch of a source's samples (the graph input `samples`) and models, by index, into a builder.
 * Generated images never leave the graph: the models see what the generator just made.
 */
export type MapSource = (b: GraphBuilder, source: ImageSource, batch: number, models: readonly number[]) => AddedModels;

/** The map of a model, by index, and a layer that were laid in. */
export const mapOf = (maps: AddedModels['maps'], model: number, layer: string): Value =>
  required(required(maps, model, 'model'), layer, 'layer');

/** The maps of models of the zoo. */
export const mapsOf =
  (models: readonly Model[]): MapSource =>
  (b, source, batch, indices) => {
    const added = addSamples(b, source, b.input(names.samples, [batch, ...sampleShape(source)]));
    const maps = indices.map((m) => {
      const model = models[m];
      const own = model.kind === 'encoder' ? model.addTo(b, added.images).taps : added.maps(model);
      if (!own) throw new Error(`${model.name} has no maps on the samples of ${source.source}`);
      return [m, own] as const;
    });
    return { images: added.images, maps: new Map(maps) };
  };

export interface PassGraphOptions {
  readonly batch: number;
  /** Where the samples come from, and which models (by index) have maps on them: others of the pass are left out. */
  readonly source: ImageSource;
  readonly present: readonly number[];
  readonly pass: Pass;
  readonly models: readonly MinedModel[];
  readonly maps: MapSource;
  /** Provisional means by model and layer, `[units]`. */
  readonly centres: readonly (readonly Float32Array[])[];
  /** Grids of the moments, by model and layer. */
  readonly targets: readonly (readonly (readonly Grid[])[])[];
  /** Also the products with each image's maps paired with another image's (input `permutation`). */
  readonly nullModel: boolean;
  /** Add cosines of the batch instead of plain products (the published code's score). */
  readonly cosine: boolean;
  /** By model index: whether to output each image's largest value of every unit (`peak/m`). */
  readonly peaks?: boolean;
  readonly extra?: PassExtra;
}

/** A layer, by its model's index, and a grid to which its maps are brought. */
export interface Operand {
  readonly model: number;
  readonly layer: MinedLayer;
  readonly grid: Grid;
}

/** What a pass gathers besides moments and products: its part of the graph of a batch. */
export interface PassExtra {
  readonly operands: readonly Operand[];
  /**
   * Adds its inputs and outputs.
   * @param models that are in the graph.
   */
  addTo(b: GraphBuilder, batch: number, models: readonly number[], maps: OperandMaps): void;
}

/** Centred maps of a layer on a grid, brought there by the adjoint of interpolation; each is made once. */
export interface OperandMaps {
  /** `[n, units, positions]`. */
  readonly byImage: (operand: Operand) => Value;
  /** `[units, n, positions]`. */
  readonly byUnit: (operand: Operand) => Value;
}

/** Names of the graph's inputs and outputs. */
export const names = {
  samples: 'samples',
  permutation: 'permutation',
  real: (tile: number) => `real/${tile}`,
  null: (tile: number) => `null/${tile}`,
  out: (name: string) => `${name}/out`,
  sum: (model: number) => `sum/${model}`,
  square: (model: number) => `square/${model}`,
  peak: (model: number) => `peak/${model}`,
};

export function passGraph(options: PassGraphOptions): Graph {
  const { batch, source, models, targets } = options;
  const { tiles, ...pass } = passOn(options.pass, options.present);
  const b = new GraphBuilder({ name: 'pass' });
  const built = options.maps(b, source, batch, pass.models).maps;
  const permutation = options.nullModel ? b.input(names.permutation, [batch], 'int64') : undefined;

  const centred = new Map<MinedLayer, Value>();
  for (const m of pass.models) {
    models[m].layers.forEach((layer, i) => {
      centred.set(layer, centredMaps(b, mapOf(built, m, layer.layer), layer, options.centres[m][i]));
    });
  }
  for (const m of pass.moments) {
    const { sum, square } = addMoments(b, models[m].layers, centred, targets[m]);
    b.output(sum, names.sum(m));
    b.output(square, names.square(m));
  }
  if (options.peaks) {
    for (const m of pass.models) {
      const peaks = models[m].layers.map((layer) => b.reduceMax(required(centred, layer, 'layer'), [2, 3]));
      b.output(b.concat(peaks, 1), names.peak(m));
    }
  }

  const extras = options.extra?.operands.filter(({ model }) => pass.models.includes(model)) ?? [];
  const { stacked: operands, brought } = operandCache(b, centred, [
    ...tiles.flatMap(
      ([
        ,
        {
          rectangle: { rows, columns, grid },
        },
      ]) => [...rows, ...columns].map((layer) => ({ layer, grid })),
    ),
    ...extras,
  ]);
  options.extra?.addTo(b, batch, pass.models, {
    byImage: ({ layer, grid }) => brought(layer, grid),
    byUnit: ({ layer, grid }) => operands([layer], grid),
  });
  tiles.forEach(([i, tile]) => {
    const { grid, rows, columns } = tile.rectangle;
    const shape = [tile.to - tile.from, tile.columns];
    const right = operands(columns, grid);
    let left = operands(rows, grid);
    if (tile.chosen) left = b.gather(left, tile.chosen, 0);
    else if (left.shape[0] !== shape[0]) left = b.slice(left, { axes: [0], starts: [tile.from], ends: [tile.to] });
    const product = (x: Value, y: Value, name: string) => {
      const sums = b.input(name, shape);
      const flat = (value: Value) => b.reshape(value, [value.shape[0], -1]);
      const total = options.cosine
        ? b.add(sums, cosines(b, b.gemm(flat(x), flat(y), undefined, { transB: true }), tile, centred))
        : b.gemm(flat(x), flat(y), sums, { transB: true });
      b.output(total, names.out(name));
    };
    product(left, right, names.real(i));
    if (!permutation) return;
    // The side with fewer units is permuted: of the rectangle, not of the tile, which depends on the memory.
    if (countUnits(rows) <= countUnits(columns)) product(b.gather(left, permutation, 1), right, names.null(i));
    else product(left, b.gather(right, permutation, 1), names.null(i));
  });
  return b.build();
}

/** What a pass has to do on the samples on which these models have maps: its tiles by number, and its models. */
export function passOn({ tiles, models, moments }: Pass, present: readonly number[]) {
  const here = new Set(present);
  return {
    tiles: [...tiles.entries()].filter(
      ([
        ,
        {
          rectangle: { a, b },
        },
      ]) => here.has(a) && here.has(b),
    ),
    models: models.filter((m) => here.has(m)),
    moments: moments.filter((m) => here.has(m)),
  };
}

/** Maps `[n, channels, h, w]` -> centred maps of the chosen units, `[n, units, h, w]`. */
function centredMaps(b: GraphBuilder, maps: Value, layer: MinedLayer, centre: Float32Array): Value {
  const chosen = layer.select ? b.gather(maps, layer.select, 1) : maps;
  return b.sub(chosen, b.constant(float32([1, layer.units, 1, 1], centre)));
}

/** Layers brought to a grid, `[n, units, positions]`, and stacked, `[units, n, positions]`; each is made once. */
function operandCache(
  b: GraphBuilder,
  centred: ReadonlyMap<MinedLayer, Value>,
  needed: readonly Pick<Operand, 'layer' | 'grid'>[],
) {
  const heights = neededHeights(needed);
  const lowered = new Map<MinedLayer, Map<number, Value>>();
  const smaller = new Map<string, Value>();
  const reduced = new Map<string, Value>();
  const stacks = new Map<string, Value>();
  const ids = new Map([...centred.keys()].map((layer, i) => [layer, i]));

  const lower = (layer: MinedLayer, height: number): Value => {
    let byHeight = lowered.get(layer);
    if (!byHeight) {
      byHeight = lowerRows(b, required(centred, layer, 'layer'), required(heights, layer, 'heights'));
      lowered.set(layer, byHeight);
    }
    return required(byHeight, height, 'height');
  };
  const brought = (layer: MinedLayer, grid: Grid): Value => {
    const key = `${ids.get(layer)} ${gridKey(grid)}`;
    let value = smaller.get(key);
    if (!value) {
      const small = timesRight(b, lower(layer, grid.height), adjointColumns(layer.grid.width, grid.width));
      value = b.reshape(small, [small.shape[0], layer.units, -1]);
      smaller.set(key, value);
    }
    return value;
  };
  const reduce = (layer: MinedLayer, grid: Grid): Value => {
    const key = `${ids.get(layer)} ${gridKey(grid)}`;
    let value = reduced.get(key);
    if (!value) {
      // Large maps are brought down first: there is less to transpose then.
      value = b.transpose(brought(layer, grid), [1, 0, 2]);
      reduced.set(key, value);
    }
    return value;
  };
  const stacked = (layers: readonly MinedLayer[], grid: Grid): Value => {
    const key = `${layers.map((layer) => ids.get(layer)).join()} ${gridKey(grid)}`;
    let value = stacks.get(key);
    if (!value) {
      const parts = layers.map((layer) => reduce(layer, grid));
      value = parts.length === 1 ? parts[0] : b.concat(parts, 0);
      stacks.set(key, value);
    }
    return value;
  };
  return { stacked, brought };
}

/** By layer: the heights to which its maps are brought. */
function neededHeights(needed: readonly Pick<Operand, 'layer' | 'grid'>[]): Map<MinedLayer, Set<number>> {
  const heights = new Map<MinedLayer, Set<number>>();
  for (const { layer, grid } of needed) {
    heights.set(layer, (heights.get(layer) ?? new Set()).add(grid.height));
  }
  return heights;
}

/** Maps brought to smaller heights, by height. Large maps are read once for all of them: the matrices are stacked. */
function lowerRows(b: GraphBuilder, x: Value, heights: ReadonlySet<number>): Map<number, Value> {
  const height = x.shape[2];
  const smaller = [...heights].filter((h) => h < height);
  const out = new Map<number, Value>(heights.has(height) ? [[height, x]] : []);
  if (!smaller.length) return out;
  const stacked = Float64Array.from(smaller.flatMap((h) => Array.from(present(adjointRows(height, h), 'rows'))));
  const all = timesLeft(b, x, stacked);
  let start = 0;
  for (const h of smaller) {
    const whole = smaller.length === 1;
    out.set(h, whole ? all : b.slice(all, { axes: [2], starts: [start], ends: [start + h] }));
    start += h;
  }
  return out;
}

/** Products divided by the norms of this batch's interpolated maps; 0 where a map is zero throughout. */
function cosines(b: GraphBuilder, product: Value, tile: Tile, centred: ReadonlyMap<MinedLayer, Value>): Value {
  const target = largerGrid(tile.rectangle.rows[0].grid, tile.rectangle.columns[0].grid);
  const inverseNorms = (layers: readonly MinedLayer[]): Value => {
    const parts = layers.map((layer) =>
      b.reduceSum(momentsOn(b, required(centred, layer, 'layer'), layer.grid, [target]).square, [0]),
    );
    const squares = parts.length === 1 ? parts[0] : b.concat(parts, 0);
    const positive = b.op('Greater', [squares, b.constant(float32([], [0]))])[0];
    return b.where(positive, b.div(1, b.sqrt(squares)), b.constant(float32([], [0])));
  };
  let left = inverseNorms(tile.rectangle.rows);
  if (left.shape[0] !== tile.to - tile.from) left = b.slice(left, { axes: [0], starts: [tile.from], ends: [tile.to] });
  const right = inverseNorms(tile.rectangle.columns);
  return b.mul(b.mul(product, b.reshape(left, [-1, 1])), b.reshape(right, [1, -1]));
}

/** Graph that gives the mean over positions of each unit for each image: output `mean/m`, `[n, units]`. */
export function centreGraph(
  source: ImageSource,
  batch: number,
  models: readonly MinedModel[],
  indices: readonly number[],
  maps: MapSource,
): Graph {
  const b = new GraphBuilder({ name: 'centres' });
  const built = maps(b, source, batch, indices).maps;
  for (const m of indices) {
    const means = models[m].layers.map((layer) => {
      const x = mapOf(built, m, layer.layer);
      const chosen = layer.select ? b.gather(x, layer.select, 1) : x;
      return b.reduceMean(chosen, [2, 3]);
    });
    b.output(means.length === 1 ? means[0] : b.concat(means, 1), `mean/${m}`);
  }
  return b.build();
}
