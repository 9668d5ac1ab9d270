// The audit of a screened run: whole rows of exact scores for units drawn at random, against what the run found for them
// and what the screen had estimated. It changes nothing; it tells how far the run can be believed.

import { shuffled } from '../../images/sampling.ts';
import type { Direction, Scorer } from '../correlation/neighbours.ts';
import {
  chosenSegments,
  columnSegments,
  rectangles,
  type MinedModel,
  type Rectangle,
  type Tile,
} from '../correlation/plan.ts';
import type { Deviations } from './deviation.ts';

/** Units that are audited: of each model of a pair, at most, and of all pairs together, roughly. */
const audited = { each: 128, all: 512, least: 8 } as const;

/** What an audit found, over all pairs of models. */
export interface Audit {
  /** Units whose whole rows were computed. */
  readonly units: number;
  /** How many of them have the nearest unit that the whole row has. */
  readonly found: number;
  /** Largest error of an estimate, in standard deviations of its own. */
  readonly largestError: number;
}

/** Rows of one direction of a pair of models. */
export interface AuditedRows {
  /** Number of the pair, and whether the rows are of its second model. */
  readonly pair: number;
  readonly flipped: boolean;
  readonly units: readonly number[];
  /** By unit, the estimates of its scores, `[units of the other model]`. */
  readonly estimates: ReadonlyMap<number, Float32Array>;
}

/** Draws the units of a pair's two directions. */
export function drawAudit(
  models: readonly MinedModel[],
  pairs: readonly (readonly [number, number])[],
  pair: number,
  seed: number,
): AuditedRows[] {
  const [a, b] = pairs[pair];
  const count = Math.max(audited.least, Math.min(audited.each, Math.floor(audited.all / (2 * pairs.length))));
  return [a, b].map((model, d) => {
    const all = Array.from({ length: models[model].units }, (_, u) => u);
    const units = shuffled(all, seed + 2 * pair + d)
      .slice(0, count)
      .sort((x, y) => x - y);
    const width = models[d ? a : b].units;
    return { pair, flipped: d === 1, units, estimates: new Map(units.map((u) => [u, new Float32Array(width)])) };
  });
}

/** The tiles of exact scores of some rows: as the rectangles of the pair, each with the rows that it has. */
export function auditTiles(
  models: readonly MinedModel[],
  [a, b]: readonly [number, number],
  { flipped, units }: AuditedRows,
): Tile[] {
  return rectangles(models, a, b).flatMap((rectangle) => {
    const turned: Rectangle = flipped
      ? { a: b, b: a, grid: rectangle.grid, rows: rectangle.columns, columns: rectangle.rows }
      : rectangle;
    const places = new Map<number, number>();
    let place = 0;
    for (const { offset, units: count } of turned.rows) for (let i = 0; i < count; i++) places.set(offset + i, place++);
    const chosen = units.flatMap((unit) => places.get(unit) ?? []).sort((x, y) => x - y);
    const columns = turned.columns.reduce((sum, layer) => sum + layer.units, 0);
    return chosen.length ? [{ rectangle: turned, from: 0, to: chosen.length, columns, chosen }] : [];
  });
}

/** Compares a tile of exact sums with what the run found. @returns by unit the best r of the tile, and the largest error. */
export function auditTile(
  tile: Tile,
  sums: readonly [Float32Array, Float32Array],
  scorer: Scorer,
  { flipped, estimates }: AuditedRows,
  deviations: Deviations,
  best: Map<number, { r: number; v: number }>,
): number {
  let largest = 0;
  for (const row of chosenSegments(tile)) {
    for (const column of columnSegments(tile)) {
      const { n, a, b } = scorer.between({ ...row, unit: row.chosen[0], units: row.chosen.length }, column)[2];
      for (const [i, u] of row.chosen.entries()) {
        const local = u - row.layer.offset;
        if (a.inverse[local] === 0) continue;
        for (let j = 0; j < column.units; j++) {
          const v = column.unit + j;
          const c = v - column.layer.offset;
          if (b.inverse[c] === 0) continue;
          const at = (row.start + i) * tile.columns + column.start + j;
          const sum = sums[0][at] + (sums[1].length ? sums[1][at] : 0);
          const r = Math.fround((sum / n - a.mean[local] * b.mean[c]) * a.inverse[local] * b.inverse[c]);
          const known = best.get(u);
          if (!known || r > known.r || (r === known.r && v < known.v)) best.set(u, { r, v });
          const deviation = flipped ? deviations.of(v, u, 'all') : deviations.of(u, v, 'all');
          const error = Math.abs(r - (estimates.get(u)?.[v] ?? NaN));
          if (deviation > 0) largest = Math.max(largest, error / deviation);
        }
      }
    }
  }
  return largest;
}

/** How many of the audited units have in `direction` the nearest of their whole rows, or one as near but for rounding. */
export function countFound(best: ReadonlyMap<number, { r: number; v: number }>, direction: Direction): number {
  let found = 0;
  for (const [u, { r, v }] of best) {
    if (direction.all.best(u) === v || direction.all.r[u * direction.all.k] >= r - 2e-6) found++;
  }
  return found;
}

/**
 * 95 % confidence interval of a fraction, as Wilson has it.
 * Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
 */
export function wilson(found: number, of: number): [number, number] {
  if (!of) return [0, 1];
  const [z, p] = [1.959964, found / of];
  const centre = (p + z ** 2 / (2 * of)) / (1 + z ** 2 / of);
  const half = (z / (1 + z ** 2 / of)) * Math.sqrt((p * (1 - p)) / of + z ** 2 / (4 * of ** 2));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}
