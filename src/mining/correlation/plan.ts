// Which products a run needs, and in what order: units, rectangles of layers, tiles, passes over the images.
// Pure bookkeeping; nothing is computed here.

import type { Model } from '../../zoo/model.ts';
import { gridKey, largerGrid, positions, sameGrid, smallerGrid, type Grid } from './grid.ts';
import { lastOf } from '../../lookup.ts';

/** A layer whose units take part, and where they stand among the units of its model. */
export interface MinedLayer {
  readonly layer: string;
  readonly grid: Grid;
  /** Channels that take part, in order; undefined for all of them. */
  readonly select?: readonly number[];
  /** How many units take part. */
  readonly units: number;
  /** Index of the first of them among the units of the model. */
  readonly offset: number;
}

export interface MinedModel {
  readonly name: string;
  readonly layers: readonly MinedLayer[];
  readonly units: number;
}

/** The units of a model. With `select`, only these channels (by layer; a layer without an entry is left out). */
export function minedModel(
  model: Pick<Model, 'name' | 'taps'>,
  select?: ReadonlyMap<string, readonly number[]>,
): MinedModel {
  const layers: MinedLayer[] = [];
  let units = 0;
  for (const { layer, channels, height, width } of model.taps) {
    const chosen = select?.get(layer);
    if (select && !chosen?.length) continue;
    const count = chosen?.length ?? channels;
    layers.push({ layer, grid: { height, width }, select: chosen, units: count, offset: units });
    units += count;
  }
  return { name: model.name, layers, units };
}

/** By unit of a model, the number of its layer. */
export function layersOf({ layers, units }: MinedModel): Uint16Array {
  const out = new Uint16Array(units);
  layers.forEach(({ offset, units: count }, l) => out.fill(l, offset, offset + count));
  return out;
}

/** Layers of two models whose products are one matrix product on one grid. */
export interface Rectangle {
  /** The two models, by index. */
  readonly a: number;
  readonly b: number;
  /** Grid of the product. */
  readonly grid: Grid;
  readonly rows: readonly MinedLayer[];
  readonly columns: readonly MinedLayer[];
}

export const countUnits = (layers: readonly MinedLayer[]): number =>
  layers.reduce((sum, layer) => sum + layer.units, 0);

function byGrid(layers: readonly MinedLayer[]): { grid: Grid; layers: MinedLayer[] }[] {
  const groups = new Map<string, { grid: Grid; layers: MinedLayer[] }>();
  for (const layer of layers) {
    const key = gridKey(layer.grid);
    const group = groups.get(key) ?? { grid: layer.grid, layers: [] };
    group.layers.push(layer);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/**
 * Covers all pairs of layers of two models by few rectangles, each on one product grid: the layers of one model that
 * live on that grid, against all layers of the other that are at least as large. Each rectangle is one matrix product.
 * @param merge false gives one rectangle for each pair of grids, so that each has a single target grid.
 */
export function rectangles(models: readonly MinedModel[], a: number, b: number, merge = true): Rectangle[] {
  const out: Rectangle[] = [];
  const left = byGrid(models[a].layers);
  const right = byGrid(models[b].layers);
  const add = (grid: Grid, rows: MinedLayer[], columns: MinedLayer[]) => {
    if (rows.length && columns.length) out.push({ a, b, grid, rows, columns });
  };
  if (!merge) {
    for (const x of left) for (const y of right) add(smallerGrid(x.grid, y.grid), x.layers, y.layers);
    return out;
  }
  const covers = (large: Grid, small: Grid) => sameGrid(smallerGrid(large, small), small);
  for (const x of left) {
    add(
      x.grid,
      x.layers,
      right.filter((y) => covers(y.grid, x.grid)).flatMap((y) => y.layers),
    );
  }
  for (const y of right) {
    const larger = left.filter((x) => covers(x.grid, y.grid) && !sameGrid(x.grid, y.grid));
    add(
      y.grid,
      larger.flatMap((x) => x.layers),
      y.layers,
    );
  }
  for (const x of left) {
    for (const y of right) {
      if (!covers(x.grid, y.grid) && !covers(y.grid, x.grid)) add(smallerGrid(x.grid, y.grid), x.layers, y.layers);
    }
  }
  return out;
}

/** A range of rows of a rectangle: the piece of a score matrix that is held at a time. */
export interface Tile {
  readonly rectangle: Rectangle;
  /** Range of rows of the stacked layers, end exclusive. */
  readonly from: number;
  readonly to: number;
  /** Number of columns. */
  readonly columns: number;
  /** Only these rows of the stacked layers, ascending: then `from` is 0 and `to` their number. */
  readonly chosen?: readonly number[];
}

/** The part of a layer inside a tile: `units` units, the first at `start` in the tile and at `unit` in the model. */
export interface Segment {
  readonly layer: MinedLayer;
  readonly start: number;
  readonly unit: number;
  readonly units: number;
}

/** The part of a layer among the chosen rows of a tile. */
export interface ChosenSegment {
  readonly layer: MinedLayer;
  readonly start: number;
  /** Units of the model. */
  readonly chosen: readonly number[];
}

function segments(layers: readonly MinedLayer[], from: number, to: number): Segment[] {
  const out: Segment[] = [];
  let position = 0;
  for (const layer of layers) {
    const first = Math.max(from, position);
    const last = Math.min(to, position + layer.units);
    if (first < last) {
      out.push({ layer, start: first - from, unit: layer.offset + first - position, units: last - first });
    }
    position += layer.units;
  }
  return out;
}

export const rowSegments = (tile: Tile): Segment[] => segments(tile.rectangle.rows, tile.from, tile.to);
/** The rows of a tile, by layer; all of them unless some are chosen. */
export function chosenSegments(tile: Tile): ChosenSegment[] {
  let [start, position] = [0, 0];
  return tile.rectangle.rows.flatMap((layer) => {
    const chosen = (tile.chosen ?? Array.from({ length: tile.to - tile.from }, (_, i) => tile.from + i))
      .filter((row) => row >= position && row < position + layer.units)
      .map((row) => layer.offset + row - position);
    position += layer.units;
    start += chosen.length;
    return chosen.length ? [{ layer, start: start - chosen.length, chosen }] : [];
  });
}
export const columnSegments = (tile: Tile): Segment[] => segments(tile.rectangle.columns, 0, tile.columns);

/** What one run over the images computes. */
export interface Pass {
  readonly tiles: readonly Tile[];
  /** Models (by index) whose moments this pass gathers: those that no earlier pass had. */
  readonly moments: readonly number[];
  /** Models (by index) that it runs. */
  readonly models: readonly number[];
}

/**
 * Cuts the rectangles into tiles and groups these into passes, each within `budget` bytes of accumulators.
 * @param bytesPerEntry bytes held for each pair of units.
 */
export function planPasses(all: readonly Rectangle[], budget: number, bytesPerEntry: number): Pass[] {
  const tiles: Tile[] = [];
  for (const rectangle of all) {
    const columns = countUnits(rectangle.columns);
    const rows = countUnits(rectangle.rows);
    const most = Math.max(1, Math.floor(budget / (columns * bytesPerEntry)));
    const pieces = Math.ceil(rows / most);
    for (let i = 0; i < pieces; i++) {
      const from = Math.floor((rows * i) / pieces);
      tiles.push({ rectangle, from, to: Math.floor((rows * (i + 1)) / pieces), columns });
    }
  }
  const groups: Tile[][] = [];
  let room = 0;
  for (const tile of tiles) {
    const bytes = (tile.to - tile.from) * tile.columns * bytesPerEntry;
    if (!groups.length || bytes > room) {
      groups.push([]);
      room = budget;
    }
    lastOf(groups).push(tile);
    room -= bytes;
  }
  const seen = new Set<number>();
  return groups.map((group) => {
    const models = [...new Set(group.flatMap(({ rectangle }) => [rectangle.a, rectangle.b]))].sort((x, y) => x - y);
    const moments = models.filter((index) => !seen.has(index));
    for (const index of models) seen.add(index);
    return { tiles: group, moments, models };
  });
}

/** By model and layer: the grids on which moments of the layer are needed, its own first. */
export function targetGrids(models: readonly MinedModel[], pairs: readonly (readonly [number, number])[]): Grid[][][] {
  const targets = models.map((model) => model.layers.map((layer) => new Map([[gridKey(layer.grid), layer.grid]])));
  for (const [a, b] of pairs) {
    models[a].layers.forEach((x, i) =>
      models[b].layers.forEach((y, j) => {
        const target = largerGrid(x.grid, y.grid);
        targets[a][i].set(gridKey(target), target);
        targets[b][j].set(gridKey(target), target);
      }),
    );
  }
  return targets.map((layers) => layers.map((grids) => [...grids.values()]));
}

/** Multiply-adds that the design needs for one image: the products of all rectangles, once. */
export function productsPerImage(all: readonly Rectangle[]): number {
  return all.reduce(
    (sum, { rows, columns, grid }) => sum + countUnits(rows) * countUnits(columns) * positions(grid),
    0,
  );
}
