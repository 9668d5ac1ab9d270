// From a script and the maps of an image to the maps that its units are to have, as groups of targets for the terms.
// It reads no maps and searches no latent.

import { UserError } from '../../errors.ts';
import { float32, type Float32Tensor } from '../../graph/tensor.ts';
import type { TargetGroup } from '../terms/agreement.ts';
import { defaultHold, type Box, type EditScript, type MapEdit, type Point, type UnitSelection } from './script.ts';
import { moved, pasted, positionsIn, rotateBy, scaled, shiftBy, zoomBy, type MapStack } from './transforms.ts';
import { present } from '../../lookup.ts';

/** Units of one layer of the generator, as they are on the image that is edited. */
export interface EditLayer {
  readonly layer: string;
  readonly units: readonly number[];
  /** Mean and standard deviation of each unit over the run's images. */
  readonly means: Float32Array;
  readonly stds: Float32Array;
  /** `[1, units, height, width]`, raw. */
  readonly maps: Float32Tensor;
}

export interface EditInput {
  readonly script: EditScript;
  readonly layers: readonly EditLayer[];
  /** Names `layer/index` of the units that a selection chooses; see `unitResolver`. */
  readonly resolve: (selection: UnitSelection) => ReadonlySet<string>;
  /** Raw maps of another image, by the `source` of a copy-paste: for each layer, as `layers[].maps`. */
  readonly other: (source: string) => readonly Float32Tensor[];
  /** Width over height of the images; default 1. */
  readonly aspect?: number;
}

export interface EditTargets {
  /** All units but those whose target is zero everywhere, which no map agrees with. */
  readonly agreement: readonly TargetGroup[];
  /** Units whose strength was changed: what `levelTerm` takes. */
  readonly level: readonly TargetGroup[];
  /** For each group of `level`, of each unit: the larger of |target|^2 and |current map|^2 over the positions that count. */
  readonly energies: readonly Float32Array[];
  /** Names `layer/index` of the units that some edit moved. */
  readonly edited: readonly string[];
  /** r of each unit's current map with its target, in the order of the units of `agreement`; 0 for a flat map. */
  readonly before: readonly number[];
}

/** Maps of a layer on their way to the targets. */
interface Working {
  readonly layer: EditLayer;
  readonly names: readonly string[];
  readonly current: MapStack;
  target: MapStack;
  readonly edited: Set<number>;
  readonly level: Set<number>;
}

const middle: Point = [0.5, 0.5];

/**
 * Targets of an edit. Edits are applied in order, each to the units that it chooses; a copy-paste from the image itself
 * takes the maps as the edits before it left them. An edit of a box moves the units whose maps have a position in it.
 * @throws UserError when an edit moves nothing, or chooses units by name of which no maps were given.
 */
export function editTargets({ script, layers, resolve, other, aspect = 1 }: EditInput): EditTargets {
  const work = layers.map(begin);
  const sources = new Map<string, MapStack[]>();
  const sourceOf = (name: string): MapStack[] => {
    const known = sources.get(name) ?? other(name).map((maps, i) => stackOf(layers[i], maps));
    sources.set(name, known);
    return known;
  };

  script.edits.forEach((edit, i) => {
    if (edit.type === 'class') return;
    const place = `edits[${i}] (${edit.type})`;
    const chosen = resolve(edit.units ?? 'all');
    checkChosen(place, edit, chosen, work);
    const from = edit.type === 'copy-paste' ? (edit.source ?? 'self') : 'self';
    const sources = from !== 'self' && sourceOf(from);
    const box = edit.type === 'copy-paste' ? edit.to : 'box' in edit ? edit.box : undefined;
    let moves = false;
    work.forEach((one, l) => {
      const rows = [...one.names.keys()].filter((row) => chosen.has(one.names[row]));
      if (!rows.length || !positionsIn(one.target.height, one.target.width, box).length) return;
      moves = true;
      const source = sources ? sources[l] : one.target;
      one.target = putRows(one.target, rows, apply(edit, takeRows(one.target, rows), takeRows(source, rows), aspect));
      for (const row of rows) {
        one.edited.add(row);
        if (changesLevel(edit)) one.level.add(row);
      }
    });
    if (!moves) throw nothingMoved(place, box, work, chosen);
  });

  const hold = script.hold ?? defaultHold;
  const agreeing = work.map((one) => [...one.names.keys()].filter((row) => product(one, row, 'target', 'target') > 0));
  const levelling = work.map((one) => [...one.level].sort((a, b) => a - b));
  return {
    agreement: groupsOf(work, agreeing, (one, row) => (one.edited.has(row) ? 1 : hold)),
    level: groupsOf(work, levelling, () => 1),
    energies: work.flatMap((one, l) => {
      if (!levelling[l].length) return [];
      const energy = (row: number) =>
        Math.max(product(one, row, 'target', 'target'), product(one, row, 'current', 'current'));
      return [Float32Array.from(levelling[l], energy)];
    }),
    edited: work.flatMap((one) => one.names.filter((_, row) => one.edited.has(row))),
    before: work.flatMap((one, l) => agreeing[l].map((row) => agreementNow(one, row))),
  };
}

function apply(edit: MapEdit, stack: MapStack, source: MapStack, aspect: number): MapStack {
  switch (edit.type) {
    case 'shift':
      return moved(stack, shiftBy(edit.dx, edit.dy));
    case 'zoom':
      return moved(stack, zoomBy(edit.factor, edit.centre ?? middle));
    case 'rotate':
      return moved(stack, rotateBy(edit.degrees, edit.centre ?? middle, aspect));
    case 'copy-paste':
      return pasted(stack, source, edit.from, edit.to);
    case 'strengthen':
      return scaled(stack, edit.factor ?? 2, edit.box);
    case 'weaken':
      return scaled(stack, edit.factor ?? 0.5, edit.box);
    case 'erase':
      return scaled(stack, 0, edit.box);
  }
}

const changesLevel = ({ type }: MapEdit): boolean => type === 'strengthen' || type === 'weaken' || type === 'erase';

function begin(layer: EditLayer): Working {
  const current = stackOf(layer, layer.maps);
  const names = layer.units.map((unit) => `${layer.layer}/${unit}`);
  return { layer, names, current, target: current, edited: new Set(), level: new Set() };
}

/** Raw maps about their means, all of which count. */
function stackOf({ layer, units, means, maps: { shape: own } }: EditLayer, { shape, data }: Float32Tensor): MapStack {
  const [rows, count, height, width] = shape;
  if (rows !== 1 || count !== units.length || shape.join() !== own.join()) {
    throw new RangeError(`maps of ${layer} are [1, ${units.length}, height, width] of one size, not [${shape.join()}]`);
  }
  const plane = height * width;
  const centred = data.map((value, i) => value - means[Math.floor(i / plane)]);
  return { units: count, height, width, data: centred, coverage: new Float32Array(data.length).fill(1) };
}

function takeRows({ height, width, data, coverage }: MapStack, rows: readonly number[]): MapStack {
  const plane = height * width;
  const take = (array: Float32Array) => {
    const out = new Float32Array(rows.length * plane);
    rows.forEach((row, i) => out.set(array.subarray(row * plane, (row + 1) * plane), i * plane));
    return out;
  };
  return { units: rows.length, height, width, data: take(data), coverage: take(coverage) };
}

function putRows(stack: MapStack, rows: readonly number[], part: MapStack): MapStack {
  const plane = stack.height * stack.width;
  const put = (array: Float32Array, from: Float32Array) => {
    const out = array.slice();
    rows.forEach((row, i) => out.set(from.subarray(i * plane, (i + 1) * plane), row * plane));
    return out;
  };
  return { ...stack, data: put(stack.data, part.data), coverage: put(stack.coverage, part.coverage) };
}

/** Inner product of two maps of a unit over the positions that count in its target. */
function product(one: Working, row: number, a: 'current' | 'target', b: 'current' | 'target'): number {
  const { height, width, coverage } = one.target;
  let sum = 0;
  for (let i = row * height * width; i < (row + 1) * height * width; i++) {
    sum += coverage[i] * one[a].data[i] * one[b].data[i];
  }
  return sum;
}

function agreementNow(one: Working, row: number): number {
  const norms = Math.sqrt(product(one, row, 'current', 'current') * product(one, row, 'target', 'target'));
  return norms > 0 ? product(one, row, 'current', 'target') / norms : 0;
}

/** A group for every layer that has rows. */
function groupsOf(
  work: readonly Working[],
  rowsOf: readonly (readonly number[])[],
  weight: (one: Working, row: number) => number,
): TargetGroup[] {
  return work.flatMap((one, l): TargetGroup[] => {
    const rows = rowsOf[l];
    if (!rows.length) return [];
    const { height, width, data, coverage } = takeRows(one.target, rows);
    const shape = [1, rows.length, height, width];
    return [
      {
        layer: one.layer.layer,
        units: rows.map((row) => one.layer.units[row]),
        means: Float32Array.from(rows, (row) => one.layer.means[row]),
        stds: Float32Array.from(rows, (row) => one.layer.stds[row]),
        target: float32(shape, data),
        ...(coverage.some((value) => value < 1) && { mask: float32(shape, coverage) }),
        weights: Float32Array.from(rows, (row) => weight(one, row)),
        targetNames: rows.map((row) => one.names[row]),
      },
    ];
  });
}

/** A selection by name must be met whole; "all" is all that there is. */
function checkChosen(place: string, edit: MapEdit, chosen: ReadonlySet<string>, work: readonly Working[]): void {
  if ((edit.units ?? 'all') === 'all') return;
  const known = new Set(work.flatMap(({ names }) => names));
  const missing = [...chosen].filter((name) => !known.has(name));
  if (!missing.length) return;
  throw new UserError(
    `${place} chooses ${missing.slice(0, 5).join(', ')}, of which no maps are at hand; choose among units of the layers ${work.map(({ layer }) => layer.layer).join(', ')}`,
  );
}

function nothingMoved(place: string, box: Box | undefined, work: readonly Working[], chosen: ReadonlySet<string>) {
  const grids = work.filter(({ names }) => names.some((name) => chosen.has(name))).map(({ target }) => target);
  if (!grids.length) return new UserError(`${place} chooses no unit; name concepts, sets or units of the generator`);
  const finest = grids.reduce((best, grid) => (grid.height * grid.width > best.height * best.width ? grid : best));
  return new UserError(
    `${place} moves nothing: the box [${present(box, 'box').join(', ')}] holds no position of the chosen units' maps, the finest of which are ${finest.width}x${finest.height}; give a larger box`,
  );
}
