// Agreement of a generator's units with target maps: the term by which Rosetta pairs guide a latent.
// Where the targets come from (photos, other generators, edits) is in guide.ts, bridge.ts and edit/edit.ts.

import { resample } from '../../graph/resample.ts';
import type { Value } from '../../graph/builder.ts';
import { float32, sizeOf, type Float32Tensor } from '../../graph/tensor.ts';
import type { AddedTerm, Scene, Term } from './terms.ts';

/** Units of one layer of a generator with the maps that they are to have. */
export interface TargetGroup {
  readonly layer: string;
  /** Indices in the layer; one may occur several times. */
  readonly units: readonly number[];
  /** Mean and standard deviation of each unit over the run's images. */
  readonly means: Float32Array;
  readonly stds: Float32Array;
  /**
   * `[rows, units, height, width]`, one row for all or a row for each: targets as deviations from the target's own mean, on
   * the grid of the comparison, to which the generator's maps are interpolated.
   */
  readonly target: Float32Tensor;
  /** `[rows, 1 or units, height, width]` in [0, 1]: positions that count; default all. */
  readonly mask?: Float32Tensor;
  /** Of each unit in the mean; at least 0. */
  readonly weights: Float32Array;
  /** Names of the units whose maps the targets are, for reports. */
  readonly targetNames: readonly string[];
}

/** A unit whose map deviates less than this fraction of its standard deviation everywhere has no r: it counts as 0. */
const flat = 1e-3;

/**
 * One minus the weighted mean of r over all units. r is the correlation of map and target over the positions that count,
 * both taken as deviations from the unit's mean over the run: with m the run's means, r = <x - m, t> / (|x - m| |t|).
 * The run's mean, rather than the image's, tells "lit everywhere" from "lit nowhere"; standard deviations cancel.
 * Source: equation 3 of the paper. Details: `r` `[n, units of all groups]`.
 */
export function agreementTerm(groups: readonly TargetGroup[], weight = 1, name = 'rosetta'): Term {
  return {
    name,
    weight,
    addTo(scene) {
      const { b } = scene;
      const parts = groups.map((group, g) => correlations(scene, group, `${name}/${g}`));
      const r = parts.length === 1 ? parts[0] : b.concat(parts, 1);
      return { loss: b.sub(1, weightedMean(scene, r, groups)), details: { r } };
    },
  };
}

/**
 * The weighted mean, over all units, of |x - m - t|^2 / energy: how far the maps are from their targets in strength as well
 * as in shape. It is what strengthening or erasing a unit needs, which r cannot see.
 * @param energies for each group, of each unit, the squared norm that counts as a distance of 1; default |t|^2.
 * Details: `distance` `[n, units of all groups]`.
 */
export function levelTerm(
  groups: readonly TargetGroup[],
  weight = 1,
  { name = 'level', energies }: { name?: string; energies?: readonly Float32Array[] } = {},
): Term {
  return {
    name,
    weight,
    addTo(scene): AddedTerm {
      const { b } = scene;
      const parts = groups.map((group, g) => {
        const { x, target, mask } = compared(scene, group, `${name}/${g}`);
        const difference = b.sub(x, target);
        const square = b.mul(difference, difference);
        const distance = b.reduceSum(mask ? b.mul(square, mask) : square, [2, 3]);
        const scale = Float32Array.from(energies?.[g] ?? energyOf(group), (e, k) => Math.max(e, floorOf(group, k)));
        return b.div(distance, scene.given(`${name}/${g}/energy`, float32([1, scale.length], scale)));
      });
      const distance = parts.length === 1 ? parts[0] : b.concat(parts, 1);
      return { loss: weightedMean(scene, distance, groups), details: { distance } };
    },
  };
}

/** r of every unit, `[n, units]`. */
function correlations(scene: Scene, group: TargetGroup, name: string): Value {
  const { b } = scene;
  const { x, mask } = compared(scene, group, name, false);
  const unit = scene.given(`${name}/target`, normalised(group));
  const square = b.mul(x, x);
  const energy = b.reduceSum(mask ? b.mul(square, mask) : square, [2, 3]);
  const floors = Float32Array.from(group.units, (_, k) => floorOf(group, k));
  const floor = scene.given(`${name}/floor`, float32([1, floors.length], floors));
  return b.div(b.reduceSum(b.mul(x, unit), [2, 3]), b.sqrt(b.add(energy, floor)));
}

/** The generator's maps on the grid of the comparison, as deviations from the run's means. */
function compared(scene: Scene, { layer, units, means, target, mask }: TargetGroup, name: string, withTarget = true) {
  const { b, built } = scene;
  const map = built.taps.get(layer);
  if (!map) throw new RangeError(`${scene.generator.name} has no layer ${layer}`);
  const chosen = b.gather(map, units, 1);
  const [, , height, width] = target.shape;
  const same = chosen.shape[2] === height && chosen.shape[3] === width;
  const resized = same ? chosen : resample(b, chosen, { height, width }, { mode: 'bilinear' });
  return {
    x: b.sub(resized, scene.given(`${name}/mean`, float32([1, units.length, 1, 1], means))),
    target: withTarget ? scene.given(`${name}/target`, target) : resized,
    mask: mask && scene.given(`${name}/mask`, mask),
  };
}

function weightedMean(scene: Scene, values: Value, groups: readonly TargetGroup[]): Value {
  const weights = groups.flatMap((group) => Array.from(group.weights));
  const total = weights.reduce((sum, w) => sum + w, 0) || 1;
  const shares = float32(
    [1, weights.length],
    weights.map((w) => w / total),
  );
  const { b } = scene;
  return b.reduceSum(b.mul(values, scene.given(`${values.name}/weights`, shares)), [1]);
}

/** Squared norm below which a map counts as flat. */
const floorOf = ({ stds, target: { shape } }: TargetGroup, k: number): number =>
  Math.max(1e-20, (flat * stds[k]) ** 2 * shape[2] * shape[3]);

/** |t|^2 of each unit over the positions that count; the mean of the rows. */
function energyOf({ target, mask, units }: TargetGroup): Float32Array {
  const energies = new Float32Array(units.length);
  const rows = target.shape[0];
  eachMap(target, mask, (k, map, weight) => {
    energies[k] += map.reduce((sum, value, p) => sum + weight(p) * value * value, 0) / rows;
  });
  return energies;
}

/** Targets over their norms, times the mask: <x, result> is |x| r. */
function normalised(group: TargetGroup): Float32Tensor {
  const { target, mask } = group;
  const out = float32(target.shape, new Float32Array(target.data.length));
  eachMap(target, mask, (k, map, weight, at) => {
    const square = map.reduce((sum, value, p) => sum + weight(p) * value * value, 0);
    const norm = Math.sqrt(square + floorOf(group, k));
    map.forEach((value, p) => (out.data[at + p] = (weight(p) * value) / norm));
  });
  return out;
}

function eachMap(
  { shape, data }: Float32Tensor,
  mask: Float32Tensor | undefined,
  visit: (unit: number, map: Float32Array, weight: (p: number) => number, at: number) => void,
): void {
  const [rows, units, height, width] = shape;
  const plane = sizeOf([height, width]);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < units; k++) {
      const at = (row * units + k) * plane;
      const maskRow = mask && mask.shape[0] > 1 ? row : 0;
      const maskUnit = mask && mask.shape[1] > 1 ? k : 0;
      const maskAt = mask ? (maskRow * mask.shape[1] + maskUnit) * plane : 0;
      visit(k, data.subarray(at, at + plane), (p) => (mask ? mask.data[maskAt + p] : 1), at);
    }
  }
}
