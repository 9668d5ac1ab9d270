// The screen: products of sketches, tile by tile, and what each unit's best partners are by them. All of it estimates:
// they decide what is looked at again, nothing else.

import { compareNames } from '../../images/image-set.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { float32, floats, int64, type Tensor } from '../../graph/tensor.ts';
import type { Engine, Outputs, Session } from '../../runtime/engine.ts';
import { pearson, type Scale } from '../correlation/neighbours.ts';
import type { Moments } from '../correlation/moments.ts';
import { countUnits, rectangles, type MinedLayer, type MinedModel, type Rectangle } from '../correlation/plan.ts';
import type { AuditedRows } from './audit.ts';
import { makeLists, type ListLengths, type Lists, type Table } from './lists.ts';
import { Reach } from './reach.ts';
import type { LayerSketch, Sketches } from './sketch.ts';

export interface ScreenOptions {
  readonly engine: Engine;
  readonly models: readonly MinedModel[];
  readonly sketches: Sketches;
  readonly nullModel: boolean;
  readonly lengths: ListLengths;
  /** Rows of either model whose estimates are kept. */
  readonly audited: readonly AuditedRows[];
  readonly signal?: AbortSignal;
  /** Called with the number of pairs of units that were screened. */
  readonly onPairs?: (count: number) => Promise<void>;
}

/** The lists of both directions of two models. */
export interface Screened {
  readonly forward: Lists;
  readonly backward: Lists;
}

/** Entries of a tile: large enough for the products, small enough to be read while it is in the cache. */
const tileEntries = 2 ** 20;

/** A range of a layer's units, and the sketch that they have on a rectangle's grid. */
interface Side {
  readonly model: number;
  readonly layer: MinedLayer;
  readonly sketch: LayerSketch;
  readonly from: number;
  readonly to: number;
}

interface Tile {
  readonly rectangle: Rectangle;
  readonly rows: Side;
  readonly columns: Side;
}

/** Which side of a rectangle the null permutes: the one with fewer units. */
export const permutesRows = ({ rows, columns }: Rectangle): boolean => countUnits(rows) <= countUnits(columns);

export async function screen(
  options: ScreenOptions,
  [a, b]: readonly [number, number],
  moments: readonly [Moments, Moments],
): Promise<Screened> {
  const { models, lengths, sketches, engine, nullModel } = options;
  const forward = makeLists(models[a].units, models[b].units, lengths);
  const backward = makeLists(models[b].units, models[a].units, lengths);
  const partners = sketches.slots.partners(sketches.images);
  const inverse = partners.map((list) => {
    const out = new Array<number>(list.length);
    list.forEach((partner, slot) => (out[partner] = slot));
    return out;
  });
  const feedsOf = ({ rectangle, rows, columns }: Tile): Record<string, Tensor> => {
    const order = permutesRows(rectangle) ? partners : inverse;
    const operand = ({ sketch, from, to }: Side, half: 0 | 1): Tensor => {
      const width = sketch.halves[half].length / sketch.layer.units;
      const slots = sketches.slots.of(half);
      return float32([to - from, slots, width / slots], sketch.halves[half].subarray(from * width, to * width));
    };
    const feeds: Record<string, Tensor> = {};
    for (const half of [0, 1] as const) {
      if (!sketches.slots.of(half)) continue;
      feeds[`x${half}`] = operand(rows, half);
      feeds[`y${half}`] = operand(columns, half);
      if (nullModel) feeds[`order${half}`] = int64(order[half]);
    }
    return feeds;
  };

  // Tiles of one shape follow each other, so that one session is open at a time.
  let open: { readonly key: string; readonly session: Session } | undefined;
  const run = async (tile: Tile): Promise<Outputs> => {
    const feeds = feedsOf(tile);
    const key = shapeKey(tile);
    if (open?.key !== key) {
      await open?.session.release();
      open = undefined;
      open = { key, session: await engine.open(tileGraph(feeds)) };
    }
    return open.session.run(feeds);
  };
  const reach = await Reach.create();
  const scorer = pearson(...moments);
  const tiles = tilesOf(options, a, b).sort((x, y) => compareNames(shapeKey(x), shapeKey(y)));
  try {
    for (const tile of tiles) {
      const outputs = await run(tile);
      const { rows, columns } = tile;
      const scales = scorer.between(
        { layer: rows.layer, start: 0, unit: rows.layer.offset, units: rows.layer.units },
        { layer: columns.layer, start: 0, unit: columns.layer.offset, units: columns.layer.units },
      );
      readTile(reach, tile, outputs, scales, forward, backward);
      keepAudited(tile, outputs, scales[2], options.audited);
      outputs.dispose();
      await options.onPairs?.((rows.to - rows.from) * (columns.to - columns.from));
      options.signal?.throwIfAborted();
    }
  } finally {
    await open?.session.release();
  }
  return { forward, backward };
}

/** Tells tiles apart whose graphs differ. */
const shapeKey = ({ rows, columns }: Tile): string =>
  [rows.to - rows.from, columns.to - columns.from, rows.sketch.buckets].join(' ');

function tilesOf({ models, sketches }: ScreenOptions, a: number, b: number): Tile[] {
  return rectangles(models, a, b).flatMap((rectangle) => {
    const { rows, columns, grid } = rectangle;
    return rows.flatMap((row) =>
      columns.flatMap((column) => {
        const whole = { model: b, layer: column, sketch: sketches.of({ model: b, layer: column, grid }) };
        const pieces = Math.ceil((row.units * column.units) / tileEntries);
        return Array.from({ length: pieces }, (_, i) => ({
          rectangle,
          rows: {
            model: a,
            layer: row,
            sketch: sketches.of({ model: a, layer: row, grid }),
            from: Math.floor((row.units * i) / pieces),
            to: Math.floor((row.units * (i + 1)) / pieces),
          },
          columns: { ...whole, from: 0, to: column.units },
        })).filter(({ rows: { from, to } }) => to > from);
      }),
    );
  });
}

/** Products of two operands `[units, slots, buckets]`, by half; the null's with the slots of the first in another order. */
function tileGraph(feeds: Readonly<Record<string, Tensor>>) {
  const b = new GraphBuilder({ name: 'screen' });
  for (const half of [0, 1]) {
    const [x, y] = [feeds[`x${half}`], feeds[`y${half}`]].map(
      (tensor, i) => tensor && b.input(`${'xy'[i]}${half}`, tensor.shape),
    );
    if (!x || !y) continue;
    const flat = (value: typeof x) => b.reshape(value, [value.shape[0], -1]);
    const product = (left: typeof x, name: string) =>
      b.output(b.gemm(flat(left), flat(y), undefined, { transB: true }), name);
    product(x, `real${half}`);
    const order = feeds[`order${half}`];
    if (order) product(b.gather(x, b.input(`order${half}`, order.shape, 'int64'), 1), `null${half}`);
  }
  return b.build();
}

function readTile(
  reach: Reach,
  { rows, columns }: Tile,
  outputs: Outputs,
  scales: readonly [Scale, Scale, Scale],
  forward: Lists,
  backward: Lists,
): void {
  const sums = (name: string) => (name in outputs.tensors ? floats(outputs.tensors[name].data) : undefined);
  const read = (names: readonly Table[], first: Float32Array | undefined, second: Float32Array | undefined) => {
    const tables = names.map((name, i) => ({ scale: scales[i], forward: forward[name], backward: backward[name] }));
    if (first) readTables(reach, rows, columns, first, second, tables);
  };
  read(['half0', 'half1', 'real'], sums('real0'), sums('real1'));
  read(['null0', 'null1', 'null'], sums('null0'), sums('null1'));
}

/** Reads the tables of one kind: over the first half, the second, and all images. */
function readTables(
  reach: Reach,
  rows: Side,
  columns: Side,
  first: Float32Array,
  second: Float32Array | undefined,
  tables: readonly { readonly scale: Scale; readonly forward: Lists[Table]; readonly backward: Lists[Table] }[],
): void {
  const width = columns.to - columns.from;
  const start = columns.layer.offset + columns.from;
  const terms = reach.load(rows.to - rows.from, width, first, second);
  // Without a second half the tables of the halves are those of all images, and left out.
  const used = second ? [0, 1, 2] : [2];
  for (const t of used) {
    const { scale, backward } = tables[t];
    for (let j = 0; j < width; j++) {
      const gain = scale.b.inverse[columns.from + j];
      terms[t].gain[j] = gain;
      terms[t].shift[j] = scale.b.mean[columns.from + j] * gain;
      // A unit that never changes is in no list.
      if (gain) terms[t].floor[j] = backward.floor[start + j];
    }
  }
  const live = terms[2].gain;
  for (let i = rows.from; i < rows.to; i++) {
    if (tables[2].scale.a.inverse[i] === 0) continue;
    const u = rows.layer.offset + i;
    const own = tables.map(({ scale: { a, n }, forward }, t) => ({
      scale: a.inverse[i] / n,
      mean: a.mean[i] * a.inverse[i],
      floor: used.includes(t) ? forward.floor[u] : Infinity,
    }));
    const base = (i - rows.from) * width;
    for (const four of reach.row(i - rows.from, own)) {
      for (let j = four / 4; j < Math.min(width, four / 4 + 4); j++) {
        if (live[j] === 0) continue;
        const x = first[base + j];
        const y = second ? second[base + j] : 0;
        for (const t of used) {
          const sum = t === 0 ? x : t === 1 ? y : x + y;
          const r = sum * own[t].scale * terms[t].gain[j] - own[t].mean * terms[t].shift[j];
          const { forward, backward } = tables[t];
          if (r >= forward.floor[u]) forward.offer(u, start + j, r);
          if (r >= backward.floor[start + j]) {
            backward.offer(start + j, u, r);
            terms[t].floor[j] = backward.floor[start + j];
          }
        }
      }
    }
  }
}

/** Keeps the estimates of r over all images of the units that are audited. */
function keepAudited(
  { rows, columns }: Tile,
  outputs: Outputs,
  { n, a, b }: Scale,
  audited: readonly AuditedRows[],
): void {
  const first = floats(outputs.tensors.real0.data);
  const second = 'real1' in outputs.tensors ? floats(outputs.tensors.real1.data) : undefined;
  const width = columns.to - columns.from;
  const estimate = (i: number, j: number): number => {
    const at = (i - rows.from) * width + j - columns.from;
    const sum = first[at] + (second ? second[at] : 0);
    return (sum / n - a.mean[i] * b.mean[j]) * a.inverse[i] * b.inverse[j];
  };
  for (const { flipped, estimates } of audited) {
    for (const [unit, row] of estimates) {
      const [own, other] = flipped ? [columns, rows] : [rows, columns];
      const local = unit - own.layer.offset;
      if (local < own.from || local >= own.to) continue;
      for (let j = other.from; j < other.to; j++) {
        row[other.layer.offset + j] = flipped ? estimate(j, local) : estimate(local, j);
      }
    }
  }
}
