// The files of a finished run, read back: its dictionary, and the moments of its units.
// What is made of them (pages, targets) is elsewhere; write-run.ts writes them.

import Type from 'typebox';
import { problemIn, readJson, readValue } from '../../files/json.ts';
import { readSafetensors, type Safetensors } from '../../files/safetensors.ts';
import { bytesSource } from '../../files/source.ts';
import { UserError } from '../../errors.ts';
import { unfinished, type Folder } from '../../files/folder.ts';
import { outlineSchemas, pairSchema, type Dictionary, type PairList } from './dictionary.ts';
import { isPair } from './pair-check.ts';
import { isUnitName, parseUnit, unitName } from './units.ts';

/**
 * The dictionary of a finished run; one of schema version 2 comes as the present one.
 * @throws UserError when there is none, it is of another version, or damaged (then with the place).
 */
export async function readDictionary(folder: Folder, path: string): Promise<Dictionary> {
  const bytes = await folder.read('dictionary.json');
  if (!bytes) {
    const state = 'partial/current.json';
    const begun = (await folder.read(`${unfinished}/${state}`)) ?? (await folder.read(state));
    throw new UserError(
      begun
        ? `the run in ${path} is not finished; run the same "rosetta mine" again to complete it`
        : `${path} is not a run: it has no dictionary.json; name the folder that was given to "rosetta mine --out"`,
    );
  }
  const { value, problem } = dictionaryIn(bytes);
  if (problem === undefined) return value;
  throw new UserError(`${path}/dictionary.json ${problem}; mine again`);
}

type Found =
  | { readonly value: Dictionary; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: string };

/** What follows the name of the file when it is no dictionary. */
function dictionaryIn(bytes: Uint8Array): Found {
  const damaged = (problem: string): Found => ({ problem: `is damaged (${problem})` });
  const { value: whole, problem: noJson } = readJson(Type.Object({ schemaVersion: Type.Unknown() }), bytes);
  if (noJson !== undefined) return damaged(noJson);
  const { schemaVersion } = whole;
  if (schemaVersion !== 2 && schemaVersion !== 3) {
    return { problem: `has schema version ${JSON.stringify(schemaVersion)}, this program reads 2 and 3` };
  }
  const { value: outline, problem } =
    schemaVersion === 2 ? readValue(outlineSchemas[2], whole) : readValue(outlineSchemas[3], whole);
  if (problem !== undefined) return damaged(problem);
  const lists: PairList[] = [];
  for (const [i, list] of outline.pairs.entries()) {
    const { pairs } = list;
    if (!pairs.every(isPair)) {
      const at = pairs.findIndex((pair) => !isPair(pair));
      const place = `pairs[${i}].pairs[${at}]`;
      return damaged(problemIn(pairSchema, pairs[at], place) ?? `${place} is no pair`);
    }
    lists.push({ ...list, pairs });
  }
  const read = { ...outline, pairs: lists };
  const value = withTwins(read.schemaVersion === 2 ? fromVersionTwo(read) : read);
  const contradiction = contradictionIn(value);
  return contradiction === undefined ? { value } : damaged(contradiction);
}

/** What version 2 has in place of `anchors`. */
type VersionTwo = Omit<Dictionary, 'schemaVersion' | 'options'> & {
  readonly schemaVersion: 2;
  readonly options: Omit<Dictionary['options'], 'anchors'> & { readonly anchor: string | null };
};

function fromVersionTwo({ options: { anchor, ...options }, ...rest }: VersionTwo): Dictionary {
  return { ...rest, schemaVersion: 3, options: { ...options, anchors: anchor === null ? [] : [anchor] } };
}

/** Older versions told a twin's model by the twin's name alone. */
function withTwins(dictionary: Dictionary): Dictionary {
  const models = dictionary.models.map((model) =>
    model.role === 'twin' ? { twinOf: model.name.replace(/\.untrained$/, ''), ...model } : model,
  );
  return { ...dictionary, models };
}

/** What a schema cannot say: that all that is named is there, once. */
function contradictionIn({ models, options, pairs, sets, concepts }: Dictionary): string | undefined {
  const channels = new Map<string, number>();
  for (const [m, { name, layers }] of models.entries()) {
    for (const [l, { layer, channels: own }] of layers.entries()) {
      const key = `${name}/${layer}`;
      if (channels.has(key)) return `models[${m}].layers[${l}] is called "${key}", as another one is`;
      channels.set(key, own);
    }
  }
  const names = new Set(models.map(({ name }) => name));
  if (names.size < models.length) return 'two of its models have the same name';
  for (const [m, { twinOf }] of models.entries()) {
    if (twinOf !== undefined && !names.has(twinOf))
      return `models[${m}].twinOf is "${twinOf}", which is not one of its models`;
  }
  const hasUnit = (unit: string, model?: string): boolean => {
    const slash = unit.lastIndexOf('/');
    if (model !== undefined && !unit.startsWith(`${model}/`)) return false;
    return Number(unit.slice(slash + 1)) < (channels.get(unit.slice(0, slash)) ?? 0);
  };
  const absent = (what: string, name: string, place: string) => `${place} names the ${what} "${name}", which it does not have`; // prettier-ignore

  for (const [i, anchor] of options.anchors.entries()) {
    if (!names.has(anchor)) return absent('model', anchor, `options.anchors[${i}]`);
  }
  for (const [i, { models: both, pairs: list, histogram }] of pairs.entries()) {
    for (const name of both) if (!names.has(name)) return absent('model', name, `pairs[${i}]`);
    for (const [j, { a, b }] of list.entries()) {
      if (!hasUnit(a, both[0])) return absent('unit', a, `pairs[${i}].pairs[${j}].a`);
      if (!hasUnit(b, both[1])) return absent('unit', b, `pairs[${i}].pairs[${j}].b`);
    }
    const { bins, best, nullBest } = histogram;
    if (best.length !== bins || ![0, bins].includes(nullBest.length))
      return `pairs[${i}].histogram has not ${bins} bins`;
  }
  const ids = new Set<string>();
  for (const [i, { id, anchor, units, pairwise }] of sets.entries()) {
    if (ids.has(id)) return `sets[${i}].id is "${id}", as that of another set`;
    ids.add(id);
    if (anchor !== null && !names.has(anchor)) return absent('model', anchor, `sets[${i}].anchor`);
    for (const unit of units) if (!hasUnit(unit)) return absent('unit', unit, `sets[${i}]`);
    if (pairwise.length && pairwise.length !== (units.length * (units.length - 1)) / 2) {
      return `sets[${i}].pairwise has ${pairwise.length} entries for ${units.length} units`;
    }
  }
  for (const [i, concept] of concepts.entries()) {
    const missing = concept.sets.find((id) => !ids.has(id));
    if (missing !== undefined) return absent('set', missing, `concepts[${i}]`);
  }
  return undefined;
}

/** Units of one model, in the order of the file; means and standard deviations at the same positions. */
interface ModelMoments {
  readonly units: readonly string[];
  readonly means: Float32Array;
  readonly stds: Float32Array;
}

/** Mean and standard deviation of the units of a run over its images, on the native grids of their layers. */
export class RunMoments {
  readonly #models: ReadonlyMap<string, ModelMoments & { readonly positions: ReadonlyMap<string, number> }>;

  /** @param path of the run, for messages. */
  constructor(
    readonly path: string,
    models: ReadonlyMap<string, ModelMoments>,
  ) {
    this.#models = new Map(
      [...models].map(([name, moments]) => [
        name,
        { ...moments, positions: new Map(moments.units.map((unit, i) => [unit, i])) },
      ]),
    );
  }

  /** Number of mined units by layer. @throws UserError when the run has no such model. */
  layersOf(model: string): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const unit of this.#of(model).units) {
      const { layer } = parseUnit(unit);
      counts.set(layer, (counts.get(layer) ?? 0) + 1);
    }
    return counts;
  }

  /**
   * Moments of some units of a layer, in the order they are asked for.
   * @throws UserError when the run has no such model or unit.
   */
  momentsOf(
    model: string,
    layer: string,
    units: readonly number[],
  ): { readonly means: Float32Array; readonly stds: Float32Array } {
    const { positions, means, stds } = this.#of(model);
    const at = units.map((index) => {
      const name = unitName(model, layer, index);
      const position = positions.get(name);
      if (position === undefined) {
        throw new UserError(`the run in ${this.path} has no unit ${name}; take pairs and moments from one run`);
      }
      return position;
    });
    return { means: Float32Array.from(at, (i) => means[i]), stds: Float32Array.from(at, (i) => stds[i]) };
  }

  #of(model: string) {
    const found = this.#models.get(model);
    if (found) return found;
    const names = [...this.#models.keys()].join(', ');
    throw new UserError(
      `the run in ${this.path} has no moments of ${model}, only of ${names}; name a run with this model`,
    );
  }
}

/** The moments of a finished run. @throws UserError when the file is missing or damaged. */
export async function readMoments(folder: Folder, path: string): Promise<RunMoments> {
  const file = `${path}/moments.safetensors`;
  const bytes = await folder.read('moments.safetensors');
  if (!bytes) throw new UserError(`there is no ${file}, which every finished run has; mine again`);
  try {
    return new RunMoments(path, await momentsIn(await readSafetensors(bytesSource(file, bytes))));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // The reader's remedy, another download, is none for a file of a run.
    const reason = error.message.replace(`${file}: `, '').split('. ')[0];
    throw new UserError(`${file} is damaged (${reason}); mine again`, { cause: error });
  }
}

async function momentsIn({ metadata, tensors }: Safetensors): Promise<Map<string, ModelMoments>> {
  const prefix = 'units.';
  const models = new Map<string, ModelMoments>();
  for (const [key, list] of Object.entries(metadata)) {
    if (!key.startsWith(prefix)) continue;
    const name = key.slice(prefix.length);
    const units = unitsIn(list, name);
    const values = async (what: 'mean' | 'std'): Promise<Float32Array> => {
      const data = (await tensors.get(`${name}.${what}`)?.load())?.data;
      if (data instanceof Float32Array && data.length === units.length) return data;
      throw new UserError(`it has no ${what} for each of the ${units.length} units of ${name}`);
    };
    models.set(name, { units, means: await values('mean'), stds: await values('std') });
  }
  if (!models.size) throw new UserError('it names no units');
  return models;
}

function unitsIn(list: string, model: string): readonly string[] {
  const { value: units } = readJson(Type.Array(Type.String()), list);
  if (!units) throw new UserError(`its units of ${model} are not a list of names`);
  const odd = units.find((unit) => !isUnitName(unit));
  if (odd !== undefined) throw new UserError(`"${odd}" is not a unit name of the form model/layer/index`);
  return units;
}
