// The exemplars of a finished run, read back and checked: their images and maps are where they say, and of sets and units
// that the run has. exemplars.ts makes and writes them.

import type { Dictionary, Exemplars } from './dictionary.ts';
import { exemplarsSchema } from './dictionary.ts';
import { UserError } from '../../errors.ts';
import type { Folder } from '../../files/folder.ts';
import { readJson } from '../../files/json.ts';

/**
 * The exemplars of a run; undefined when it was mined without any.
 * @param path of the run, for messages.
 * @throws UserError that names the file and the place when they are damaged.
 */
export async function readExemplars(
  folder: Folder,
  path: string,
  dictionary: Pick<Dictionary, 'sets'>,
): Promise<Exemplars | undefined> {
  const bytes = await folder.read('exemplars/exemplars.json');
  if (!bytes) return undefined;
  const { value, problem } = readJson(exemplarsSchema, bytes);
  const wrong = problem ?? contradiction(value, dictionary);
  if (wrong === undefined) return value;
  throw new UserError(`${path}/exemplars/exemplars.json is damaged (${wrong}); mine again`);
}

/** What a schema cannot say. */
function contradiction({ images, sets, units }: Exemplars, dictionary: Pick<Dictionary, 'sets'>): string | undefined {
  const known = new Set(dictionary.sets.map(({ id }) => id));
  for (const [name, list] of [
    ...Object.entries(sets),
    ...Object.entries(units).map(([unit, { images: own }]) => [unit, own] as const),
  ]) {
    const missing = list.find((id) => !Object.hasOwn(images, id));
    if (missing !== undefined) return `${name} names the image "${missing}", which is not among its images`;
  }
  const unknown = Object.keys(sets).find((id) => !known.has(id));
  return unknown === undefined ? undefined : `it names the set "${unknown}", which is not in the dictionary`;
}
