// The shipped zoo as the demo uses it: model cards beside their weights, and which network has which part.
// Networks are opened elsewhere; of the cards only names and files are read.

import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import Type from 'typebox';
import { UserError } from '../../errors.ts';
import { readJson } from '../../files/json.ts';
import { fileError, reasonOf } from '../../files/node/system-error.ts';
import type { ModelOption } from '../options.ts';
import { sha256 } from '../search/results.ts';
import { present } from '../../lookup.ts';

/** The folder zoo/ of the package: as far from here in dist/ as in src/. */
export const shippedZoo = fileURLToPath(new URL('../../../zoo', import.meta.url));

/** Names of the generators that the demo searches in; the other networks of a zoo may have any. */
export const roles = { from: 'stylegan2', into: 'biggan', moved: 'stylegan-xl' } as const;

export interface Zoo {
  /** All networks, by the files of their cards; the generators of the demo last. */
  readonly models: readonly ModelOption[];
  /** Tells zoos apart: of all cards and weights. */
  readonly sha256: string;
  model(name: string): ModelOption;
}

/** @throws UserError when the folder, a network that the demo needs, or weights are missing. */
export async function openZoo(path: string): Promise<Zoo> {
  const files = await readdir(path).catch((error: unknown) => {
    throw new UserError(`the zoo ${path} cannot be read (${reasonOf(error)}); ${remedy}`);
  });
  const names = files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length));
  const missing = Object.values(roles).filter((name) => !names.includes(name));
  if (missing.length) throw new UserError(`the zoo ${path} has no ${missing.join(', no ')}; ${remedy}`);
  if (names.length === missing.length + Object.keys(roles).length)
    throw new UserError(`the zoo ${path} has generators only, and no network that looks at their images; ${remedy}`);
  const digests: string[] = [];
  const models: ModelOption[] = [];
  const generates = (name: string) => Number((Object.values(roles) as string[]).includes(name));
  for (const name of names.sort((a, b) => generates(a) - generates(b) || (a < b ? -1 : 1))) {
    const file = join(path, `${name}.json`);
    const card = await readFile(file, 'utf8').catch((error: unknown) => {
      throw fileError('read', file, error);
    });
    const weights = join(path, weightsOf(card, file));
    if (!existsSync(weights)) throw new UserError(`the weights ${weights} of the zoo's ${name} are missing; ${remedy}`);
    digests.push(sha256(card), sha256(await readFile(weights)));
    models.push({ name, file: relative(process.cwd(), file) });
  }
  return {
    models,
    sha256: sha256(digests.join()),
    model: (name) =>
      present(
        models.find((model) => model.name === name),
        name,
      ),
  };
}

const remedy = 'install rosetta-neurons anew, or name another folder of networks and their cards with --zoo';

function weightsOf(card: string, file: string): string {
  const { value } = readJson(Type.Object({ file: Type.String() }), card);
  if (value) return value.file;
  throw new UserError(`${file} is not a model card that names its "file"; ${remedy}`);
}
