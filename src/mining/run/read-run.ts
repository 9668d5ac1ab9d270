// The files of a finished run, read back: its dictionary, and the moments of its units.
// What is made of them (pages, targets) is elsewhere; write-run.ts writes them.

import { readSafetensors, type Safetensors } from '../../files/safetensors.ts';
import { bytesSource } from '../../files/source.ts';
import { UserError } from '../../errors.ts';
import type { Folder } from '../../files/folder.ts';
import { parseJson } from '../../files/parse-json.ts';
import { parseUnit, unitName, type Dictionary } from './dictionary.ts';

/** What version 2 has in place of `anchors`. */
type VersionTwo = Omit<Dictionary, 'schemaVersion' | 'options'> & {
  readonly schemaVersion: 2;
  readonly options: Omit<Dictionary['options'], 'anchors'> & { readonly anchor: string | null };
};

/**
 * The dictionary of a finished run; one of schema version 2 comes as the present one.
 * @throws UserError when there is none, or it is of another version.
 */
export async function readDictionary(folder: Folder, path: string): Promise<Dictionary> {
  const bytes = await folder.read('dictionary.json');
  if (!bytes) {
    const unfinished = (await folder.read('partial/current.json')) !== undefined;
    throw new UserError(
      unfinished
        ? `the run in ${path} is not finished; run the same "rosetta mine" again to complete it`
        : `${path} is not a run: it has no dictionary.json; name the folder that was given to "rosetta mine --out"`,
    );
  }
  let dictionary: Dictionary | VersionTwo | { readonly schemaVersion?: undefined };
  try {
    dictionary = JSON.parse(new TextDecoder().decode(bytes)) as typeof dictionary;
  } catch (error) {
    throw new UserError(`${path}/dictionary.json is damaged (${(error as Error).message}); mine again`);
  }
  if (dictionary.schemaVersion === 3) return withTwins(dictionary);
  if (dictionary.schemaVersion === 2) return withTwins(fromVersionTwo(dictionary));
  const version = JSON.stringify(dictionary.schemaVersion);
  throw new UserError(`${path}/dictionary.json has schema version ${version}, this program reads 2 and 3; mine again`);
}

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

/** Units of one model, in the order of the file; means and deviations at the same positions. */
interface ModelMoments {
  readonly units: readonly string[];
  readonly means: Float32Array;
  readonly deviations: Float32Array;
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
  ): { readonly means: Float32Array; readonly deviations: Float32Array } {
    const { positions, means, deviations } = this.#of(model);
    const at = units.map((index) => {
      const name = unitName(model, layer, index);
      const position = positions.get(name);
      if (position === undefined) {
        throw new UserError(`the run in ${this.path} has no unit ${name}; take pairs and moments from one run`);
      }
      return position;
    });
    return { means: Float32Array.from(at, (i) => means[i]), deviations: Float32Array.from(at, (i) => deviations[i]) };
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
    // The reader's remedy, another download, is none for a file of a run.
    const reason = (error as Error).message.replace(`${file}: `, '').split('. ')[0];
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
      throw new RangeError(`it has no ${what} for each of the ${units.length} units of ${name}`);
    };
    models.set(name, { units, means: await values('mean'), deviations: await values('std') });
  }
  if (!models.size) throw new RangeError('it names no units');
  return models;
}

function unitsIn(list: string, model: string): readonly string[] {
  const units: unknown = parseJson(list);
  if (!Array.isArray(units) || !units.every((unit): unit is string => typeof unit === 'string')) {
    throw new RangeError(`its units of ${model} are not a list of names`);
  }
  for (const unit of units) parseUnit(unit);
  return units;
}
