// Maps of guiding pairs and of edited units, as a page shows them: beside each other, in deviations from each unit's mean.
// It draws nothing; output.ts makes pictures of them.

import type { Float32Tensor } from '../../graph/tensor.ts';
import { unitName } from '../../mining/run/units.ts';
import type { RunMoments } from '../../mining/run/read-run.ts';
import type { Engine } from '../../runtime/engine.ts';
import type { TargetGroup } from '../../synthesis/terms/agreement.ts';
import type { Edited } from '../../synthesis/edit/edit.ts';
import { guideUnits } from '../../synthesis/guide.ts';
import type { Inversion } from '../../synthesis/invert.ts';
import type { Latents } from '../../synthesis/search/latents.ts';
import { generatorMaps, type Maps } from '../../synthesis/maps.ts';
import type { GuidingPair } from '../../synthesis/guiding-pairs.ts';
import type { Generator, GeneratorOptions } from '../../zoo/model.ts';
import type { Match } from './page.ts';
import { required, present } from '../../lookup.ts';

/** A map in deviations from its unit's mean, `[height, width]`. */
export interface UnitMap {
  readonly caption: string;
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
}

/** A pair of units, its agreement, and the maps that are shown of it. */
export interface ShownPair extends Omit<Match, 'maps'> {
  readonly maps: readonly UnitMap[];
}

/** A page with more heatmaps is no longer looked through. */
const most = 24;

type Units = ReturnType<typeof guideUnits>;

interface Stage {
  readonly engine: Engine;
  readonly generator: Generator;
  readonly generatorOptions?: Partial<GeneratorOptions>;
}

/**
 * Up to 24 of the pairs, those with the largest r over the run, each unit of the generator once.
 * @param guideMaps raw maps of the guides, by model and layer, units in the order asked for.
 */
export async function guidedMaps(
  options: Stage & {
    readonly inversion: Inversion;
    readonly pairs: readonly GuidingPair[];
    readonly moments: RunMoments;
    readonly guideMaps: (units: Units) => Promise<ReadonlyMap<string, Maps>>;
  },
): Promise<ShownPair[]> {
  const { generator, inversion, pairs, moments } = options;
  const key = ({ unit }: GuidingPair) => `${unit.layer}/${unit.index}`;
  const first = new Map([...pairs.keys()].reverse().map((i) => [key(pairs[i]), i]));
  const chosen = [...pairs.keys()].filter((i) => first.get(key(pairs[i])) === i).slice(0, most);
  const guides = guideUnits(chosen.map((i) => pairs[i]));
  const own = guideUnits(chosen.map((i) => ({ ...pairs[i], guide: { model: generator.name, ...pairs[i].unit } })));
  const looked = await options.guideMaps(guides);
  const ownUnits = required(own, generator.name, 'generator');
  const [before, after] = [
    await mapsAt(options, inversion.start, ownUnits),
    await mapsAt(options, inversion.latents, ownUnits),
  ];
  return chosen.map((i) => {
    const { guide, unit, r } = pairs[i];
    const of = (model: string, { layer, index }: GuidingPair['unit'], units: Units, maps: Maps, caption: string) => {
      const { means, stds } = moments.momentsOf(model, layer, [index]);
      const at = required(required(units, model, 'model'), layer, 'layer').indexOf(index);
      return unitMap(required(maps, layer, 'layer'), at, means[0], stds[0], caption);
    };
    return {
      generatorUnit: unitName(generator.name, unit.layer, unit.index),
      guideUnit: unitName(guide.model, guide.layer, guide.index),
      r: {
        before: present(inversion.before, 'agreement').each[i],
        after: present(inversion.after, 'agreement').each[i],
        mined: r,
      },
      maps: [
        of(guide.model, guide, guides, required(looked, guide.model, 'guide'), 'guide'),
        of(generator.name, unit, own, before, 'generator, before'),
        of(generator.name, unit, own, after, 'generator, after'),
      ],
    };
  });
}

/** Up to 24 of the units that a script moved, those with the strongest targets: before, as asked for, and after. */
export async function editedMaps(
  options: Stage & { readonly latents: Latents; readonly edited: Edited },
): Promise<ShownPair[]> {
  const { generator, edited } = options;
  const { targets, each } = edited;
  const moved = new Set(targets.edited);
  const agreeing = rowsOf(targets.agreement).map((row, i) => ({
    ...row,
    r: { before: each.before[i], after: each.after[i] },
  }));
  const known = new Set(agreeing.map(({ name }) => name));
  // A target of zero everywhere has no r.
  const erased = rowsOf(targets.level).map((row) => ({ ...row, r: { before: NaN, after: NaN } }));
  const chosen = [...agreeing, ...erased.filter(({ name }) => !known.has(name))]
    .filter(({ name }) => moved.has(name))
    .sort((a, b) => b.strength - a.strength)
    .slice(0, most);
  const wanted = new Map<string, number[]>();
  for (const { layer, unit } of chosen) wanted.set(layer, [...(wanted.get(layer) ?? []), unit]);
  const [before, after] = [
    await mapsAt(options, options.latents, wanted),
    await mapsAt(options, edited.latents, wanted),
  ];
  return chosen.map(({ layer, unit, mean, std, target, r }) => {
    const name = unitName(generator.name, layer, unit);
    const at = required(wanted, layer, 'layer').indexOf(unit);
    return {
      generatorUnit: name,
      guideUnit: 'its own map, edited',
      r,
      maps: [
        unitMap(required(before, layer, 'layer'), at, mean, std, 'before'),
        unitMap(target.maps, target.row, 0, std, 'asked for'),
        unitMap(required(after, layer, 'layer'), at, mean, std, 'after'),
      ],
    };
  });
}

/** The units of groups of targets, in order; `strength` is the mean square of the target in standard deviations. */
function rowsOf(groups: readonly TargetGroup[]) {
  return groups.flatMap(({ layer, units, means, stds, target }) => {
    const plane = target.data.length / units.length;
    return units.map((unit, row) => {
      const map = target.data.subarray(row * plane, (row + 1) * plane);
      const square = map.reduce((sum, value) => sum + value * value, 0) / plane;
      return {
        name: `${layer}/${unit}`,
        layer,
        unit,
        mean: means[row],
        std: stds[row],
        target: { maps: target, row },
        strength: square / Math.max(stds[row] ** 2, tiny),
      };
    });
  });
}

async function mapsAt(
  { engine, generator, generatorOptions }: Stage,
  latents: Latents,
  units: ReadonlyMap<string, readonly number[]>,
): Promise<Maps> {
  return (await generatorMaps(engine, generator, latents, units, generatorOptions)).maps;
}

const tiny = 1e-20;

/** Map `at` of `[1, units, height, width]`, raw, in standard deviations. */
function unitMap(
  { shape: [, , height, width], data }: Float32Tensor,
  at: number,
  mean: number,
  std: number,
  caption: string,
): UnitMap {
  const plane = height * width;
  const scale = 1 / Math.max(std, tiny);
  return {
    caption,
    height,
    width,
    data: data.subarray(at * plane, (at + 1) * plane).map((value) => (value - mean) * scale),
  };
}
