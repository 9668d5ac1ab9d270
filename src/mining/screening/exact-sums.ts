// The second look: exact sums of products of the candidates, over each half of the images, real and under the null.
// Gathered in one pass; which pairs are candidates is decided before.

import type { GraphBuilder } from '../../graph/builder.ts';
import { doubles, floats, type Tensor } from '../../graph/tensor.ts';
import { present, required } from '../../lookup.ts';
import { derangement } from '../correlation/blocks.ts';
import { gridKey, type Grid } from '../correlation/grid.ts';
import type { Operand, OperandMaps } from '../correlation/pass-graph.ts';
import { layersOf, rectangles, type MinedModel, type Rectangle } from '../correlation/plan.ts';
import type { BatchPlace, Gatherer } from '../correlation/run-pass.ts';
import { PairSums, type PairList } from './pair-sums.ts';
import { permutesRows } from './screen.ts';

/** Sums of products of the candidates of two models, by half; `[candidates]` each, empty where there is no null. */
export interface CandidateSums {
  readonly real: readonly [Float64Array, Float64Array];
  readonly null: readonly [Float64Array, Float64Array];
}

/** Units of a model on a grid that candidates have: the rows of an operand. */
interface Matrix {
  readonly model: number;
  readonly grid: Grid;
  /** Units of the model, ascending. */
  readonly units: readonly number[];
  /** By unit of the model, its row; -1 for none. */
  readonly rows: Int32Array;
}

/** Candidates of two models whose products are on one grid. */
interface Group {
  readonly pair: number;
  readonly x: string;
  readonly y: string;
  readonly permuted: 'x' | 'y';
  /** Numbers of the candidates. */
  readonly candidates: Int32Array;
  readonly list: PairList;
}

const keyOf = (model: number, grid: Grid): string => `${model} ${gridKey(grid)}`;

export class ExactSums implements Gatherer {
  readonly operands: readonly Operand[];
  readonly #models: readonly MinedModel[];
  readonly #matrices: ReadonlyMap<string, Matrix>;
  readonly #groups: readonly Group[];
  readonly #pairs: readonly (readonly [number, number])[];
  readonly #parts: readonly { readonly models: readonly number[] }[];
  readonly #nullModel: boolean;
  readonly #kernel: PairSums;
  readonly #counts: readonly number[];

  private constructor(
    options: ExactSumsOptions,
    matrices: ReadonlyMap<string, Matrix>,
    groups: readonly Group[],
    kernel: PairSums,
  ) {
    this.#kernel = kernel;
    this.#counts = options.candidates.map((pairs) => pairs.length / 2);
    this.#models = options.models;
    this.#pairs = options.pairs;
    this.#parts = options.parts;
    this.#nullModel = options.nullModel;
    this.#matrices = matrices;
    this.#groups = groups;
    this.operands = [...matrices.values()].flatMap(({ model, grid, units }) =>
      this.#layersOf(model, units).map(({ layer }) => ({ model, layer, grid })),
    );
  }

  static async create(options: ExactSumsOptions): Promise<ExactSums> {
    const { models, pairs, candidates } = options;
    const kernel = await PairSums.create();
    const chosen = new Map<string, { model: number; grid: Grid; marks: Uint8Array }>();
    const mark = (model: number, grid: Grid, unit: number) => {
      const key = keyOf(model, grid);
      let entry = chosen.get(key);
      if (!entry) chosen.set(key, (entry = { model, grid, marks: new Uint8Array(models[model].units) }));
      entry.marks[unit] = 1;
    };
    const drafts = pairs.flatMap(([a, b], pair) => {
      const all = rectangles(models, a, b);
      const rectangleOf = lookup(models, a, b, all);
      const members = all.map((): number[] => []);
      const list = candidates[pair];
      for (let i = 0; 2 * i < list.length; i++) {
        const r = rectangleOf(list[2 * i], list[2 * i + 1]);
        members[r].push(i);
        mark(a, all[r].grid, list[2 * i]);
        mark(b, all[r].grid, list[2 * i + 1]);
      }
      return all
        .map((rectangle, r) => ({ pair, rectangle, members: members[r] }))
        .filter((draft) => draft.members.length);
    });
    const matrices = new Map(
      [...chosen].map(([key, { model, grid, marks }]): [string, Matrix] => {
        const units: number[] = [];
        const rows = new Int32Array(marks.length).fill(-1);
        marks.forEach((marked, unit) => {
          if (marked) rows[unit] = units.push(unit) - 1;
        });
        return [key, { model, grid, units, rows }];
      }),
    );
    const groups: Group[] = [];
    for (const { pair, rectangle, members } of drafts) {
      const [x, y] = [keyOf(rectangle.a, rectangle.grid), keyOf(rectangle.b, rectangle.grid)];
      const [left, right] = [required(matrices, x, 'matrix').rows, required(matrices, y, 'matrix').rows];
      const rows = new Int32Array(2 * members.length);
      members.forEach((i, n) => {
        rows[2 * n] = left[candidates[pair][2 * i]];
        rows[2 * n + 1] = right[candidates[pair][2 * i + 1]];
      });
      const list = kernel.list(rows, options.nullModel, 2);
      groups.push({
        pair,
        x,
        y,
        permuted: permutesRows(rectangle) ? 'x' : 'y',
        candidates: Int32Array.from(members),
        list,
      });
    }
    return new ExactSums(options, matrices, groups, kernel);
  }

  addTo(b: GraphBuilder, _batch: number, models: readonly number[], { byUnit }: OperandMaps): void {
    for (const [key, { model, grid, units }] of this.#matrices) {
      if (!models.includes(model)) continue;
      const parts = this.#layersOf(model, units).map(({ layer, chosen }) => {
        const all = byUnit({ model, layer, grid });
        return chosen.length === layer.units ? all : b.gather(all, chosen, 0);
      });
      b.output(parts.length === 1 ? parts[0] : b.concat(parts, 0), `operand/${key}`);
    }
  }

  feeds(): Record<string, Tensor> {
    return {};
  }

  take(outputs: Readonly<Record<string, Tensor>>, { part, half, count }: BatchPlace): void {
    const here = new Set(this.#parts[part].models);
    const groups = this.#groups.filter(({ pair }) => this.#pairs[pair].every((model) => here.has(model)));
    const permuted = new Set(groups.map((group) => group[group.permuted]));
    const reordering = { images: count, permutation: derangement(count) };
    for (const key of new Set(groups.flatMap(({ x, y }) => [x, y]))) {
      const { shape, data } = outputs[`operand/${key}`];
      this.#kernel.put(key, shape[0], floats(data), this.#nullModel && permuted.has(key) ? reordering : undefined);
    }
    for (const { x, y, permuted: side, list } of groups) list.add(x, y, this.#nullModel ? side : undefined, half);
  }

  /** The sums so far, by pair of models. */
  sums(): CandidateSums[] {
    const out = this.#counts.map((count): CandidateSums => {
      const both = (size: number): [Float64Array, Float64Array] => [new Float64Array(size), new Float64Array(size)];
      return { real: both(count), null: both(this.#nullModel ? count : 0) };
    });
    for (const { pair, candidates, list } of this.#groups) {
      for (const half of [0, 1] as const) {
        const [real, none] = [list.real(half), list.null(half)];
        candidates.forEach((i, n) => {
          out[pair].real[half][i] = real[n];
          if (this.#nullModel) out[pair].null[half][i] = none[n];
        });
      }
    }
    return out;
  }

  /** The layers of a model that have some of these units, and their channels among the mined ones. */
  #layersOf(model: number, units: readonly number[]) {
    return this.#models[model].layers.flatMap((layer) => {
      const chosen = units
        .filter((unit) => unit >= layer.offset && unit < layer.offset + layer.units)
        .map((unit) => unit - layer.offset);
      return chosen.length ? [{ layer, chosen }] : [];
    });
  }

  /** For a file: of each group `real` and `null` of each half. */
  tensors(): Map<string, Tensor> {
    return new Map(
      this.#groups.flatMap(({ list }, i) =>
        [0, 1].flatMap((half) =>
          [list.real(half), list.null(half)].map((data, kind): [string, Tensor] => [
            `${i} ${half} ${kind}`,
            { dtype: 'float64', shape: [data.length], data },
          ]),
        ),
      ),
    );
  }

  /** Takes back what `tensors` gave. */
  restore(tensors: ReadonlyMap<string, Tensor>): void {
    const array = (name: string) => doubles(required(tensors, name, 'sums').data);
    this.#groups.forEach(({ list }, i) => {
      for (const half of [0, 1]) list.restore(array(`${i} ${half} 0`), array(`${i} ${half} 1`), half);
    });
  }
}

export interface ExactSumsOptions {
  readonly models: readonly MinedModel[];
  readonly pairs: readonly (readonly [number, number])[];
  readonly parts: readonly { readonly models: readonly number[] }[];
  /** By pair of models: `[count, 2]` units. */
  readonly candidates: readonly Int32Array[];
  readonly nullModel: boolean;
}

/** The number of the rectangle that has the layers of two units. */
function lookup(models: readonly MinedModel[], a: number, b: number, all: readonly Rectangle[]) {
  const table = models[a].layers.map((x) =>
    models[b].layers.map((y) => all.findIndex((r) => r.rows.includes(x) && r.columns.includes(y))),
  );
  const [left, right] = [layersOf(models[a]), layersOf(models[b])];
  return (u: number, v: number): number => present(table[left[u]][right[v]], 'rectangle');
}
