// A screened run in order: a pass that gathers moments and sketches, the screen, a pass with exact sums of the candidates
// and of the audit's rows, and the neighbours that come out. The passes themselves are run by `correlate.ts`.

import type { Tensor } from '../../graph/tensor.ts';
import { present } from '../../lookup.ts';
import type { Engine } from '../../runtime/engine.ts';
import type { Moments } from '../correlation/moments.ts';
import { pearson, type Neighbours, type TileSums } from '../correlation/neighbours.ts';
import { positions } from '../correlation/grid.ts';
import type { MinedModel, Pass } from '../correlation/plan.ts';
import type { Gatherer, Part } from '../correlation/run-pass.ts';
import { auditTile, auditTiles, countFound, drawAudit, type AuditedRows } from './audit.ts';
import { chooseCandidates, type Candidates, type Rest } from './candidates.ts';
import { Deviations, type Spreads } from './deviation.ts';
import { ExactSums } from './exact-sums.ts';
import type { ListLengths } from './lists.ts';
import { reportFrom, reportTensors, vector, type ScreeningReport } from './report.ts';
import { screen } from './screen.ts';
import { settle } from './settle.ts';
import { widths } from './widths.ts';
import { operandsOf, shapeOf, sketchBytes, Sketches, spreadsOf, type SketchShape } from './sketch.ts';

export interface ScreeningOptions {
  readonly engine: Engine;
  readonly models: readonly MinedModel[];
  readonly pairs: readonly (readonly [number, number])[];
  readonly parts: readonly Part[];
  readonly nullModel: boolean;
  readonly seed: number;
  /** Nearest that must be right, over all images and over each half; and how many are kept. */
  readonly nearest: number;
  readonly k: number;
  readonly keep: number;
  /** Values of a sketch. */
  readonly width: number;
  readonly signal?: AbortSignal;
}

/** Deviations that estimates may be off. */
const margin = 4;

/** A group for each tensor: together they may be more than a file can be read back from. */
const inParts = (group: string, tensors: ReadonlyMap<string, Tensor>): [string, ReadonlyMap<string, Tensor>][] =>
  [...tensors].map(([name, tensor]) => [`${group}/${name}`, new Map([[name, tensor]])]);

/** Takes back what `inParts` gave. */
const joined = (group: string, saved: ReadonlyMap<string, ReadonlyMap<string, Tensor>>): Map<string, Tensor> =>
  new Map([...saved].flatMap(([name, tensors]) => (name.startsWith(`${group}/`) ? [...tensors] : [])));

const isThere = <Value>(value: Value | undefined): value is Value => value !== undefined;

/** Whether tensors have the same names, types and sizes. */
const alike = (expected: ReadonlyMap<string, Tensor>, found: ReadonlyMap<string, Tensor>): boolean =>
  [...expected].every(([name, { dtype, data }]) => {
    const other = found.get(name);
    return other?.dtype === dtype && other.data.length === data.length;
  });

export class Screening {
  readonly passes: readonly Pass[];
  readonly #options: ScreeningOptions;
  readonly #audited: readonly AuditedRows[];
  readonly #shape: SketchShape;
  readonly #images: readonly (readonly number[])[];
  /** While they are gathered and screened. */
  #sketches: Sketches | undefined;
  /** By operand; once there are candidates. */
  #energies: readonly Float32Array[] = [];
  #candidates: readonly Candidates[] | undefined;
  #exact: ExactSums | undefined;
  #report: ScreeningReport | undefined;

  constructor(options: ScreeningOptions) {
    this.#options = options;
    const { models, pairs, seed } = options;
    this.#images = options.parts.map(({ halves }) => halves.map((half) => half.length));
    this.#shape = shapeOf({ ...options, images: this.#images });
    this.#audited = pairs.flatMap((_, i) => drawAudit(models, pairs, i, seed));
    const all = [...new Set(pairs.flat())].sort((a, b) => a - b);
    this.passes = [
      { tiles: [], models: all, moments: all },
      { tiles: this.#audited.flatMap((rows) => auditTiles(models, pairs[rows.pair], rows)), models: all, moments: [] },
    ];
  }

  /** What a pass gathers. */
  gatherer(pass: number): Gatherer {
    if (pass === 0) return (this.#sketches ??= new Sketches({ ...this.#options, images: this.#images }));
    return present(this.#exact, 'candidates');
  }

  /**
   * After the first pass: the screen.
   * @param moments of the models of a pair.
   * @param onProgress is told pairs of units.
   */
  async screen(
    moments: (pair: readonly [number, number]) => readonly [Moments, Moments],
    onProgress: (done: number, total: number) => void | Promise<void>,
  ): Promise<void> {
    const { models, pairs, nullModel, nearest, k, keep } = this.#options;
    const sketches = present(this.#sketches, 'sketches');
    this.#energies = sketches.energies();
    const spreads = this.#spreads();
    const total = pairs.reduce((sum, [a, b]) => sum + models[a].units * models[b].units, 0);
    let done = 0;
    const onPairs = async (count: number) => onProgress((done += count), total);
    const out: Candidates[] = [];
    for (const [i, pair] of pairs.entries()) {
      const audited = this.#audited.filter((rows) => rows.pair === i);
      const lengths = lengthsFor(this.#options);
      const screened = await screen(
        { ...this.#options, sketches, nullModel, lengths, audited, onPairs },
        pair,
        moments(pair),
      );
      const units = [models[pair[0]].units, models[pair[1]].units] as const;
      const deviations = new Deviations({ ...this.#options, spreads, pair, scorer: pearson(...moments(pair)) });
      out.push(chooseCandidates(screened, units, deviations, { k: nearest, kHalf: k, keep, margin }));
    }
    this.#candidates = out;
    this.#sketches = undefined;
    await this.#begin();
  }

  #spreads(): Spreads {
    return spreadsOf(this.#shape, this.#energies);
  }

  /** What a state of this pass has to have, by group: as `restore` takes it back. */
  groups(pass: number): [string, ReadonlyMap<string, Tensor>][] {
    if (pass === 0) return inParts('sketches', present(this.#sketches, 'sketches').tensors());
    if (this.#report) return [['screening', reportTensors(this.#report)]];
    const found = new Map<string, Tensor>();
    this.#energies.forEach((data, i) => found.set(`energies ${i}`, vector(data)));
    present(this.#candidates, 'candidates').forEach(({ pairs, forward, backward }, i) => {
      found.set(`pairs ${i}`, vector(pairs));
      [forward, backward].forEach((rest, d) => {
        for (const name of ['null', 'sure'] as const) found.set(`${name} ${i} ${d}`, vector(rest[name]));
      });
    });
    this.#audited.forEach(({ estimates }, i) => {
      for (const [unit, row] of estimates) found.set(`audit ${i} ${unit}`, vector(row));
    });
    return [['candidates', found], ...inParts('exact', present(this.#exact, 'candidates').tensors())];
  }

  /** Takes back what `groups` gave. @returns false where something is missing or of another size. */
  async restore(pass: number, saved: ReadonlyMap<string, ReadonlyMap<string, Tensor>>): Promise<boolean> {
    if (pass === 0) {
      const sketches = new Sketches({ ...this.#options, images: this.#images });
      const tensors = joined('sketches', saved);
      if (!alike(sketches.tensors(), tensors)) return false;
      sketches.restore(tensors);
      this.#sketches = sketches;
      return true;
    }
    if (pass === this.passes.length) {
      const told = saved.get('screening');
      this.#report = told && reportFrom(told, this.#options);
      return this.#report !== undefined;
    }
    const found = saved.get('candidates');
    const sums = joined('exact', saved);
    if (!found) return false;
    const { models, pairs } = this.#options;
    const floatsOf = (name: string, length: number): Float32Array | undefined => {
      const data = found.get(name)?.data;
      return data instanceof Float32Array && data.length === length ? data : undefined;
    };
    const energies = this.#shape.operands.map(({ layer }, i) =>
      floatsOf(`energies ${i}`, 2 * layer.units * this.#images.length),
    );
    const candidates = pairs.map(([a, b], i): Candidates | undefined => {
      const list = found.get(`pairs ${i}`)?.data;
      const [forward, backward] = [a, b].map((model, d): Rest | undefined => {
        const units = models[model].units;
        const best = floatsOf(`null ${i} ${d}`, units);
        const sure = found.get(`sure ${i} ${d}`)?.data;
        return best && sure instanceof Uint8Array && sure.length === units ? { null: best, sure } : undefined;
      });
      const within = (unit: number, n: number) => unit >= 0 && unit < models[n % 2 ? b : a].units;
      if (!(list instanceof Int32Array) || !list.every(within) || !forward || !backward) return undefined;
      return { pairs: list, forward, backward };
    });
    const rows = this.#audited.flatMap(({ estimates }, i) =>
      [...estimates].map(([unit, row]) => ({ row, saved: floatsOf(`audit ${i} ${unit}`, row.length) })),
    );
    const [knownEnergies, knownCandidates] = [energies.filter(isThere), candidates.filter(isThere)];
    if (knownEnergies.length < energies.length || knownCandidates.length < candidates.length) return false;
    if (rows.some((entry) => !entry.saved)) return false;
    this.#energies = knownEnergies;
    this.#candidates = knownCandidates;
    for (const { row, saved: data } of rows) if (data) row.set(data);
    await this.#begin();
    const exact = present(this.#exact, 'candidates');
    if (!alike(exact.tensors(), sums)) return false;
    exact.restore(sums);
    return true;
  }

  async #begin(): Promise<void> {
    const candidates = present(this.#candidates, 'candidates').map(({ pairs }) => pairs);
    this.#exact = await ExactSums.create({ ...this.#options, candidates });
  }

  /** After the second pass: neighbours by pair. */
  finish(
    neighbours: readonly Neighbours[],
    moments: (pair: readonly [number, number]) => readonly [Moments, Moments],
    sums: (tile: number) => TileSums,
  ): ScreeningReport {
    const { models, pairs } = this.#options;
    const exact = present(this.#exact, 'candidates');
    const candidates = present(this.#candidates, 'candidates');
    const spreads = this.#spreads();
    const exactSums = exact.sums();
    pairs.forEach((pair, i) => {
      const [a, b] = pair;
      settle(neighbours[i], candidates[i], exactSums[i], pearson(...moments(pair)), [models[a], models[b]]);
    });
    let [units, found, tile, largestError] = [0, 0, 0, 0];
    for (const rows of this.#audited) {
      const pair = pairs[rows.pair];
      const own = moments(pair);
      const scorer = rows.flipped ? pearson(own[1], own[0]) : pearson(...own);
      const deviations = new Deviations({ ...this.#options, spreads, pair, scorer: pearson(...moments(pair)) });
      const best = new Map<number, { r: number; v: number }>();
      for (const each of auditTiles(models, pair, rows)) {
        const error = auditTile(each, sums(tile++).real, scorer, rows, deviations, best);
        largestError = Math.max(largestError, error);
      }
      units += best.size;
      found += countFound(best, rows.flipped ? neighbours[rows.pair].backward : neighbours[rows.pair].forward);
    }
    const unsure = (rest: Rest) => rest.sure.reduce((sum, sure) => sum + (sure ? 0 : 1), 0);
    this.#report = {
      sure: candidates.map(({ forward, backward }) => [forward.sure, backward.sure]),
      width: this.#options.width,
      margin,
      candidates: candidates.reduce((sum, each) => sum + each.pairs.length / 2, 0),
      unsure: candidates.reduce((sum, { forward, backward }) => sum + unsure(forward) + unsure(backward), 0),
      audit: { units, found, largestError },
    };
    return this.#report;
  }

  /** What `finish` told, also when it was taken back. */
  get report(): ScreeningReport | undefined {
    return this.#report;
  }
}

/** Bytes of a candidate: its units, its sums by half, real and null, and its place in lists. */
const candidateBytes = 72;

/** Bytes of memory that WebAssembly has for operands and candidates, and what one of these takes of it. */
const kernelRoom = 0.9 * 2 ** 32;
const kernelBytes = 40;

/** Bytes that the second pass takes besides what every pass does: for each image of a batch, and in all. */
export function secondPassBytes({ models, pairs }: Pick<ScreeningOptions, 'models' | 'pairs'>) {
  const operands = operandsOf(models, pairs).reduce(
    (sum, { layer, grid }) => sum + 4 * layer.units * positions(grid),
    0,
  );
  const lists = pairs.reduce((sum, [a, b]) => sum + models[a].units + models[b].units, 0);
  const candidates = Math.min(mostCandidates, lists * listed);
  const kernel = kernelRoom - kernelBytes * candidates;
  return {
    // Operands leave the engine, and are copied twice, as they are and permuted.
    perImage: 3 * operands,
    inAll: candidateBytes * candidates,
    /** Images of a batch whose operands WebAssembly holds. */
    mostImages: Math.floor(kernel / (2 * operands)),
  };
}

/** The widest sketch, of those that help, whose memory is within `room` bytes. */
export function widthWithin(
  { models, pairs, parts }: Pick<ScreeningOptions, 'models' | 'pairs' | 'parts'>,
  room: number,
): number {
  const images = parts.map(({ halves }) => halves.map((half) => half.length));
  const total = images.flat().reduce((sum, count) => sum + count, 0);
  let width = Math.max(widths.usual, widths.perImage * total);
  while (width > widths.least && sketchBytes(shapeOf({ models, pairs, images, width })) > room) width /= 2;
  return Math.max(widths.least, Math.floor(width));
}

/** Estimates that are kept for each unit, and candidates that all of them may make: a quarter of the lists, at least. */
const usualLengths: ListLengths = { real: 48, half0: 24, half1: 24, null: 16, null0: 12, null1: 12 };
const mostCandidates = 20e6;
/** Length of all lists of a unit. */
const listed = Object.values(usualLengths).reduce((sum, length) => sum + length, 0);

/** How many estimates are kept of each table. */
function lengthsFor({ models, pairs, keep, nearest, k }: ScreeningOptions): ListLengths {
  const lists = pairs.reduce((sum, [a, b]) => sum + models[a].units + models[b].units, 0);
  const share = Math.max(0.25, mostCandidates / (lists * listed));
  const length = (table: keyof ListLengths, places: number, most = 2) =>
    Math.ceil(Math.min(most, share) * usualLengths[table] * Math.sqrt(places));
  return {
    real: Math.max(keep, length('real', nearest / 5)),
    half0: length('half0', k),
    half1: length('half1', k),
    // Scores under the null lie close together: where there is room, more of them are looked at.
    null: length('null', 1, 6),
    null0: length('null0', 1, 6),
    null1: length('null1', 1, 6),
  };
}
