// Which units of a generator an edit is about: the Rosetta units of a dictionary, and those that a script names.
// Units are names and numbers here; their maps are read elsewhere.

import { UserError } from '../../errors.ts';
import type { Dictionary, DictionaryModel } from '../../mining/run/dictionary.ts';
import { parseUnit } from '../../mining/run/units.ts';
import { nearest } from '../../zoo/store/model-names.ts';
import type { EditScript, UnitSelection } from './script.ts';
import { significance } from '../../mining/defaults.ts';

/** Indices of units by layer, ascending; layers in the order of the network. */
export type UnitsByLayer = ReadonlyMap<string, readonly number[]>;

export interface UnitResolver {
  /** The generator's Rosetta units: those that an edit of "all" moves and that hold the rest of the image. */
  readonly units: UnitsByLayer;
  /**
   * The chosen units as `layer/index`.
   * @throws UserError for ids that the dictionary does not have, or that have no unit of the generator, and for names of
   * units that the generator does not have.
   */
  readonly resolve: (selection: UnitSelection) => ReadonlySet<string>;
  /** The Rosetta units, and those that a script names beside them: all whose maps its targets need. */
  readonly wanted: (script: EditScript) => UnitsByLayer;
}

/** Pairs of a q-value up to this are Rosetta units where there are no sets. */

/**
 * Rosetta units of a generator of a dictionary: those in any set; where no set has one, those in pairs of the zoo with
 * q < 0.01 (with any q if the dictionary was made without a null, which gives none).
 * @throws UserError when the dictionary does not have the generator, or has no Rosetta unit of it.
 */
export function unitResolver(dictionary: Dictionary, generator: string): UnitResolver {
  const models = new Map(dictionary.models.map((model) => [model.name, model]));
  const model = models.get(generator);
  if (!model) {
    throw new UserError(`the dictionary has no model "${generator}"; its models are ${[...models.keys()].join(', ')}`);
  }
  const own = (units: readonly string[]) => units.filter((name) => parseUnit(name).model === generator).map(localName);
  const setsById = new Map(dictionary.sets.map((set) => [set.id, own(set.units)]));
  const conceptsById = new Map(
    dictionary.concepts.map(({ id, sets }) => [id, sets.flatMap((set) => setsById.get(set) ?? [])]),
  );
  const inSets = [...setsById.values()].flat();
  const rosetta = new Set(inSets.length ? inSets : inPairs(dictionary, generator));
  if (!rosetta.size) {
    throw new UserError(
      `the dictionary has no Rosetta unit of ${generator}: it is in no set and in no pair with q < ${significance}; mine it with more images, or name another generator`,
    );
  }

  const resolve = (selection: UnitSelection): ReadonlySet<string> => {
    if (selection === 'all') return rosetta;
    const { concepts = [], sets = [], units = [] } = selection;
    return new Set([
      ...concepts.flatMap((id) => unitsOf('concept', id, conceptsById, generator)),
      ...sets.flatMap((id) => unitsOf('set', id, setsById, generator)),
      ...units.map((name) => checkedUnit(name, model)),
    ]);
  };
  const wanted = ({ edits }: EditScript): UnitsByLayer => {
    const named = edits.flatMap((edit) => (edit.type === 'class' ? [] : [...resolve(edit.units ?? 'all')]));
    return byLayer(new Set([...rosetta, ...named]), model);
  };
  return { units: byLayer(rosetta, model), resolve, wanted };
}

/** `layer/index` of a unit's full name. */
function localName(name: string): string {
  const { layer, index } = parseUnit(name);
  return `${layer}/${index}`;
}

function inPairs({ models, pairs }: Dictionary, generator: string): string[] {
  const twins = new Set(models.filter(({ role }) => role === 'twin').map(({ name }) => name));
  return pairs
    .filter(({ models: two }) => two.includes(generator) && !two.some((name) => twins.has(name)))
    .flatMap((list) =>
      list.pairs
        .filter(({ q }) => q === null || q < significance)
        .map(({ a, b }) => localName(list.models[0] === generator ? a : b)),
    );
}

function unitsOf(kind: string, id: string, known: ReadonlyMap<string, readonly string[]>, generator: string) {
  const units = known.get(id);
  if (units?.length) return units;
  const usable = [...known].filter(([, members]) => members.length).map(([name]) => name);
  if (units) {
    throw new UserError(
      `the ${kind} "${id}" has no unit of ${generator}, which an edit needs; ${usable.length} ${kind}s have one${usable.length ? `, e.g. ${usable.slice(0, 5).join(', ')}` : ''}`,
    );
  }
  const near = nearest(id, usable);
  throw new UserError(
    `the dictionary has no ${kind} "${id}"; ${near.length ? `near to it: ${near.join(', ')}` : `it has no ${kind} with a unit of ${generator}: name units instead`}`,
  );
}

/** `layer/index` of a full name, if the model has the unit. */
function checkedUnit(name: string, model: DictionaryModel): string {
  const { model: owner, layer, index } = readUnit(name, model);
  if (owner !== model.name) {
    throw new UserError(`the unit "${name}" is one of ${owner}; an edit moves units of the generator, ${model.name}`);
  }
  const found = model.layers.find((one) => one.layer === layer);
  if (!found) {
    const near = nearest(
      layer,
      model.layers.map((one) => one.layer),
    );
    throw new UserError(
      `the unit "${name}" is of no layer that was mined of ${model.name}; near to "${layer}": ${near.join(', ')}`,
    );
  }
  if (index >= found.channels) {
    throw new UserError(
      `there is no unit "${name}": the units of ${layer} have the numbers 0 to ${found.channels - 1}`,
    );
  }
  return `${layer}/${index}`;
}

function readUnit(name: string, model: DictionaryModel) {
  try {
    return parseUnit(name);
  } catch {
    throw new UserError(`"${name}" is not the full name of a unit: ${model.name}/layer/index is expected`);
  }
}

function byLayer(names: ReadonlySet<string>, model: DictionaryModel): UnitsByLayer {
  const indices = new Map<string, number[]>(model.layers.map(({ layer }) => [layer, []]));
  for (const name of names) {
    const at = name.lastIndexOf('/');
    indices.get(name.slice(0, at))?.push(Number(name.slice(at + 1)));
  }
  for (const list of indices.values()) list.sort((a, b) => a - b);
  return new Map([...indices].filter(([, list]) => list.length));
}
