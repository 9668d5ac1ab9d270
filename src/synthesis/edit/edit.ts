// Editing: an image of a generator, changed by changing the maps of its Rosetta units and searching the latent that has them.
// What a script means is in script.ts, what it does to maps in targets.ts; here it becomes an image.

import { UserError } from '../../errors.ts';
import type { Dictionary } from '../../mining/run/dictionary.ts';
import type { RunMoments } from '../../mining/run/read-run.ts';
import type { Float32Tensor } from '../../graph/tensor.ts';
import { agreementTerm, levelTerm, type TargetGroup } from '../terms/agreement.ts';
import { agreementAt, weightedMean } from '../domain.ts';
import { editTargets, type EditLayer, type EditTargets } from './targets.ts';
import { classOf, type EditScript } from './script.ts';
import { unitResolver } from './units.ts';
import { checkLatents, oneHot, rowsIn, spaceOf, toSpace, type Latents, type Space } from '../search/latents.ts';
import { generatorMaps } from '../maps.ts';
import { rowOf, search, type FoundRow, type SearchOptions } from '../search/search.ts';
import { required } from '../../lookup.ts';

export interface EditWeights {
  /** One minus the mean r of all units with their targets; default 1. */
  readonly rosetta?: number;
  /** Distance in strength of the units that were strengthened, weakened or erased; default 1. */
  readonly level?: number;
  /** Distance to the latent of the unedited image; default 0. */
  readonly start?: number;
}

export interface EditOptions extends Omit<SearchOptions, 'terms' | 'priors' | 'start' | 'starts' | 'candidates'> {
  /** The image that is edited: one row, in any space. */
  readonly latents: Latents;
  readonly dictionary: Dictionary;
  readonly moments: RunMoments;
  readonly script: EditScript;
  /** Latents of the sources that a copy-paste names, one row each. */
  readonly sources?: ReadonlyMap<string, Latents>;
  readonly weights?: EditWeights;
}

/** Agreement of units with their targets: all, those that the script moved, those that were held. */
export interface EditAgreement {
  readonly all: number;
  readonly edited?: number;
  readonly held?: number;
  /** Mean distance in strength, of the units whose strength was changed: 0 is on target. */
  readonly level?: number;
}

export interface Edited extends Pick<FoundRow, 'latents' | 'image' | 'loss' | 'terms'> {
  readonly space: Space;
  /** The unedited image, and what the search began with: another image if the class was changed. */
  readonly original: Float32Tensor;
  readonly started: Float32Tensor;
  readonly before: EditAgreement;
  readonly after: EditAgreement;
  /** Units `layer/index` that agree least and most are told by these, in the order of `targets.agreement`. */
  readonly each: { readonly before: Float32Array; readonly after: Float32Array };
  readonly targets: EditTargets;
  readonly steps: number;
  readonly stopped: 'done' | 'converged' | 'cancelled' | 'not-finite';
}

/**
 * Edits one image.
 * The default space is w+ (for BigGAN too: the condition of each block), which has most freedom.
 * @throws UserError when the latents are not one row of the generator's, the script names units or classes that are not
 *   there, or a class is to be changed of latents that have none.
 */
export async function edit(options: EditOptions): Promise<Edited> {
  const { engine, generator, generatorOptions, latents, dictionary, moments, script, space = 'w+' } = options;
  const { rosetta = 1, level = 1, start = 0 } = options.weights ?? {};
  checkLatents(generator.card, latents);
  if (rowsIn(latents) !== 1) throw new UserError(`one image is edited at a time, not ${rowsIn(latents)}`);
  const resolver = unitResolver(dictionary, generator.name);
  const wanted = resolver.wanted(script);
  for (const layer of wanted.keys()) {
    if (generator.taps.some((tap) => tap.layer === layer)) continue;
    throw new UserError(
      `${generator.name} has no layer ${layer} here; load it with the --taps that the run was mined with`,
    );
  }
  const own = await generatorMaps(engine, generator, latents, wanted, generatorOptions);
  const layers = [...wanted].map(([layer, units]): EditLayer => ({
    layer,
    units,
    maps: required(own.maps, layer, 'layer'),
    ...moments.momentsOf(generator.name, layer, units),
  }));
  const others = new Map<string, Float32Tensor[]>();
  for (const [name, source] of options.sources ?? []) {
    checkLatents(generator.card, source);
    const { maps } = await generatorMaps(engine, generator, source, wanted, generatorOptions);
    others.set(
      name,
      layers.map(({ layer }) => required(maps, layer, 'layer')),
    );
  }
  const { height, width } = generator.card.latent;
  const targets = editTargets({
    script,
    layers,
    resolve: (selection) => resolver.resolve(selection),
    other(name) {
      const found = others.get(name);
      if (!found) throw new UserError(`the script pastes from "${name}", of which no latent is given`);
      return found;
    },
    aspect: width / height,
  });
  const begin = await toSpace(engine, generator, withClass(options, latents), space, generatorOptions);
  const terms = [
    ...(targets.agreement.length ? [agreementTerm(targets.agreement, rosetta)] : []),
    ...(targets.level.length ? [levelTerm(targets.level, level, { energies: targets.energies })] : []),
  ];
  const found = await search({ ...options, start: begin, space, terms, priors: { start } });
  const row = rowOf(found, found.leader);
  const measured = async (of: Latents) => {
    const r = targets.agreement.length
      ? await agreementAt({ engine, generator, generatorOptions, latents: of, groups: targets.agreement })
      : new Float32Array(0);
    const distance = targets.level.length ? await levelAt(options, of, targets) : undefined;
    return { r, agreement: { ...summary(r, targets), ...(distance !== undefined && { level: distance }) } };
  };
  const [before, after] = [await measured(begin), await measured(row.latents)];
  const { images: started } = await generatorMaps(engine, generator, begin, new Map(), generatorOptions);
  return {
    latents: row.latents,
    image: row.image,
    loss: row.loss,
    terms: row.terms,
    space,
    original: own.images,
    started,
    before: before.agreement,
    after: after.agreement,
    each: { before: before.r, after: after.r },
    targets,
    steps: found.steps,
    stopped: found.stopped,
  };
}

/** The latents with the class that the script asks for. */
function withClass({ generator, script }: EditOptions, latents: Latents): Latents {
  const asked = classOf(script);
  if (asked === undefined) return latents;
  const { classes } = generator.card.latent;
  if (!classes) throw new UserError(`${generator.name} has no classes; leave the class edit out`);
  if (asked >= classes)
    throw new UserError(`${generator.name} has no class ${asked}: its classes are 0 to ${classes - 1}`);
  if (!latents.z) {
    throw new UserError(
      `the class can be changed of latents in z only; these are in ${spaceOf(latents)}: edit from a seed`,
    );
  }
  return { z: latents.z, c: oneHot([asked], classes) };
}

function summary(r: Float32Array, { agreement, edited }: EditTargets): Omit<EditAgreement, 'level'> {
  const moved = new Set(edited);
  const names = agreement.flatMap((group) => group.units.map((unit) => `${group.layer}/${unit}`));
  const mean = (chosen: (name: string) => boolean) => {
    const rows = [...names.keys()].filter((i) => chosen(names[i]));
    return rows.length ? rows.reduce((sum, i) => sum + r[i], 0) / rows.length : undefined;
  };
  const weights = agreement.flatMap((group: TargetGroup) => Array.from(group.weights));
  const [some, rest] = [mean((name) => moved.has(name)), mean((name) => !moved.has(name))];
  return {
    all: weightedMean(r, weights),
    ...(some !== undefined && { edited: some }),
    ...(rest !== undefined && { held: rest }),
  };
}

/** Mean distance in strength at given latents. */
async function levelAt(options: EditOptions, latents: Latents, { level, energies }: EditTargets): Promise<number> {
  const { engine, generator, generatorOptions } = options;
  const wanted = new Map(level.map(({ layer, units }) => [layer, units]));
  const { maps } = await generatorMaps(engine, generator, latents, wanted, generatorOptions);
  const distances = level.flatMap(({ layer, units, means, target, mask }, g) => {
    const { data } = required(maps, layer, 'layer');
    const plane = target.data.length / units.length;
    return units.map((_, k) => {
      let sum = 0;
      for (let p = k * plane; p < (k + 1) * plane; p++) {
        sum += (mask ? mask.data[p] : 1) * (data[p] - means[k] - target.data[p]) ** 2;
      }
      return sum / Math.max(energies[g][k], 1e-20);
    });
  });
  return distances.reduce((sum, d) => sum + d, 0) / distances.length;
}
