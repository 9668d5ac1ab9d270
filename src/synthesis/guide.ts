// Targets: the maps that units of a generator are to have, made of the maps of the units that they are paired with.
// Here photos give them, through encoders; in bridge.ts another generator does. Pairs are chosen in guiding-pairs.ts.

import { UserError } from '../errors.ts';
import { resampleMatrix } from '../graph/resample.ts';
import { float32, type Float32Tensor } from '../graph/tensor.ts';
import { unitName } from '../mining/run/units.ts';
import { gridKey, largerGrid, positions, type Grid } from '../mining/correlation/grid.ts';
import type { RunMoments } from '../mining/run/read-run.ts';
import type { Engine } from '../runtime/engine.ts';
import type { Encoder, Generator, Model } from '../zoo/model.ts';
import type { TargetGroup } from './terms/agreement.ts';
import { encoderMaps, type Maps } from './maps.ts';
import type { GuidingPair } from './guiding-pairs.ts';
import { required, present } from '../lookup.ts';

export interface Targets {
  /** By layer of the generator and grid of the comparison, in the order of their first pairs. */
  readonly groups: readonly TargetGroup[];
  /** For the units of all groups, one group after the other: the pair's index. */
  readonly order: readonly number[];
}

/**
 * The maps of the guides on photos as targets of the generator's units.
 * @param images `[n, 3, h, w]`, RGB in [0, 1]; the targets have n rows.
 * @param moments of the run that the pairs are of.
 * @throws UserError when an encoder of the pairs is not given, or a model has other layers than in the run.
 */
export async function photoTargets(options: {
  readonly engine: Engine;
  readonly encoders: readonly Encoder[];
  readonly images: Float32Tensor;
  readonly pairs: readonly GuidingPair[];
  readonly generator: Generator;
  readonly moments: RunMoments;
}): Promise<Targets> {
  const { engine, encoders, images, pairs, generator, moments } = options;
  const guides = guideUnits(pairs);
  for (const name of guides.keys()) {
    if (encoders.some((encoder) => encoder.name === name)) continue;
    const given = encoders.map((encoder) => encoder.name).join(', ') || 'none';
    throw new UserError(
      `the pairs are guided by ${name}, and the encoders are ${given}; load ${name} too, or choose pairs without it`,
    );
  }
  const used = encoders.filter(({ name }) => guides.has(name));
  checkLayers([generator, ...used], pairs, generator, moments);
  const maps = new Map<string, Maps>();
  for (const encoder of used) {
    maps.set(encoder.name, await encoderMaps(engine, encoder, images, required(guides, encoder.name, 'guide')));
  }
  return targetsFrom({ pairs, guides, maps, generator, moments });
}

/** By model and layer: units, each once, in the order in which their maps are read out. */
type Units = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;

/** The units that guide. */
export const guideUnits = (pairs: readonly GuidingPair[]): Units => unitsOf(pairs.map(({ guide }) => guide));

function unitsOf(units: readonly GuidingPair['guide'][]): Units {
  const models = new Map<string, Map<string, number[]>>();
  for (const { model, layer, index } of units) {
    const layers = models.get(model) ?? new Map<string, number[]>();
    const list = layers.get(layer) ?? [];
    if (!list.includes(index)) list.push(index);
    models.set(model, layers.set(layer, list));
  }
  return models;
}

/**
 * @param models all that the pairs have units of.
 * @throws UserError when layers of the pairs are not in a model, or have another number of units than in the run.
 */
export function checkLayers(
  models: readonly Model[],
  pairs: readonly GuidingPair[],
  generator: Generator,
  moments: RunMoments,
): void {
  const used = unitsOf(pairs.flatMap(({ unit, guide }) => [{ model: generator.name, ...unit }, guide]));
  for (const { name, taps } of models) {
    const mined = moments.layersOf(name);
    for (const layer of used.get(name)?.keys() ?? []) {
      const channels = taps.find((tap) => tap.layer === layer)?.channels;
      if (channels === mined.get(layer)) continue;
      const told = (count: number | undefined) => (count === undefined ? 'no such layer' : `${count} units there`);
      throw new UserError(
        `the pairs need the layer ${layer} of ${name}: the model has ${told(channels)}, its run ${told(mined.get(layer))}. The run was mined with other layers; load the model with the same --taps`,
      );
    }
  }
}

/**
 * Targets from the guides' maps: less the guides' means over the run, on the larger of the two units' grids, axis by axis.
 * @param guides the units whose maps these are, in their order. @param maps by model, raw, on their own grids.
 */
export function targetsFrom(options: {
  readonly pairs: readonly GuidingPair[];
  readonly guides: Units;
  readonly maps: ReadonlyMap<string, Maps>;
  readonly generator: Generator;
  readonly moments: RunMoments;
}): Targets {
  const { pairs, guides, maps, generator, moments } = options;
  const mapsOf = ({ model, layer }: GuidingPair['guide']) => required(required(maps, model, 'model'), layer, 'layer');
  const gathered = new Map<string, { layer: string; grid: Grid; members: number[] }>();
  pairs.forEach(({ unit: { layer }, guide }, i) => {
    const tap = present(
      generator.taps.find((t) => t.layer === layer),
      'layer',
    );
    const grid = largerGrid(tap, gridOf(mapsOf(guide)));
    const key = `${gridKey(grid)} ${layer}`;
    const group = gathered.get(key) ?? { layer, grid, members: [] };
    group.members.push(i);
    gathered.set(key, group);
  });
  checkMemory(gathered.values(), maps);
  const groups = [...gathered.values()].map(({ layer, grid, members }): TargetGroup => {
    const own = members.map((i) => pairs[i]);
    const units = own.map(({ unit }) => unit.index);
    const rows = mapsOf(own[0].guide).shape[0];
    const size = positions(grid);
    const target = new Float32Array(rows * own.length * size);
    const ways = new Map<string, ReturnType<typeof interpolation>>();
    own.forEach(({ guide }, k) => {
      const source = mapsOf(guide);
      const { means } = moments.momentsOf(guide.model, guide.layer, [guide.index]);
      const unit = required(required(guides, guide.model, 'model'), guide.layer, 'layer').indexOf(guide.index);
      const key = gridKey(gridOf(source));
      const way = ways.get(key) ?? interpolation(gridOf(source), grid);
      ways.set(key, way);
      for (let row = 0; row < rows; row++) {
        const out = target.subarray((row * own.length + k) * size, (row * own.length + k + 1) * size);
        way(mapIn(source, row, unit), means[0], out);
      }
    });
    return {
      layer,
      units,
      ...moments.momentsOf(generator.name, layer, units),
      target: float32([rows, own.length, grid.height, grid.width], target),
      weights: Float32Array.from(own, ({ weight }) => weight),
      targetNames: own.map(({ guide }) => unitName(guide.model, guide.layer, guide.index)),
    };
  });
  return { groups, order: [...gathered.values()].flatMap(({ members }) => members) };
}

/** Bytes that targets may take: they are held, and fed in every step. */
const targetBytes = 2 ** 31;

/** @throws UserError when the targets would be too large. */
function checkMemory(
  groups: Iterable<{ readonly grid: Grid; readonly members: readonly number[] }>,
  maps: ReadonlyMap<string, Maps>,
): void {
  const [rows] = [...[...maps.values()][0].values()][0].shape;
  let bytes = 0;
  for (const { grid, members } of groups) bytes += 4 * rows * members.length * positions(grid);
  if (bytes <= targetBytes) return;
  throw new UserError(
    `the target maps of ${rows} images would take ${(bytes / 2 ** 30).toFixed(1)} GiB; let fewer pairs guide (--pairs), or fewer images at once`,
  );
}

const gridOf = ({ shape: [, , height, width] }: Float32Tensor): Grid => ({ height, width });

function mapIn({ shape: [, units, height, width], data }: Float32Tensor, row: number, unit: number): Float32Array {
  const at = (row * units + unit) * height * width;
  return data.subarray(at, at + height * width);
}

/** Bilinear interpolation as mining does it: writes a map less its mean, on the other grid, into `out`. */
function interpolation(from: Grid, to: Grid): (map: Float32Array, mean: number, out: Float32Array) => void {
  const columns = axisWeights(from.width, to.width);
  const rows = axisWeights(from.height, to.height);
  return (map, mean, out) => {
    const wide = new Float64Array(from.height * to.width);
    for (let y = 0; y < from.height; y++) {
      columns.forEach((taps, x) => {
        for (const [i, weight] of taps) wide[y * to.width + x] += weight * (map[y * from.width + i] - mean);
      });
    }
    rows.forEach((taps, y) => {
      for (let x = 0; x < to.width; x++) {
        let sum = 0;
        for (const [i, weight] of taps) sum += weight * wide[i * to.width + x];
        out[y * to.width + x] = sum;
      }
    });
  };
}

/** For each position of an axis of size `to`, the positions of the axis of size `from` that it is made of. */
function axisWeights(from: number, to: number): (readonly [number, number])[][] {
  const matrix = resampleMatrix(from, to, { mode: 'bilinear' });
  return Array.from({ length: to }, (_, o) =>
    Array.from(matrix.subarray(o * from, (o + 1) * from), (weight, i) => [i, weight] as const).filter(([, w]) => w),
  );
}
