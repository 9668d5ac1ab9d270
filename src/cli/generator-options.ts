// Options of generators, which may be of one or of all: classes and truncation as texts.
// What they mean to a network is the network's business.

import { UserError } from '../errors.ts';
import type { Generator } from '../zoo/model.ts';
import { scoped } from './options.ts';

/** The last text that is of a generator, else the last that is of all. */
function chosen(texts: readonly string[] | undefined, name: string, names: readonly string[]): string | undefined {
  const { all, own } = scoped(texts, name, names);
  return own.at(-1) ?? all.at(-1);
}

/** Classes from `0,207` or `all`; undefined for all of them. @throws UserError for other texts. */
export function classesFor(
  texts: readonly string[] | undefined,
  { name, card }: Generator,
  names: readonly string[],
): number[] | undefined {
  const text = chosen(texts, name, names);
  // Several generators may share the option; those without classes have no use for it.
  if (text === undefined || text === 'all' || (!card.latent.classes && names.length > 1)) return undefined;
  const parts = text.split(',');
  if (!parts.every((part) => /^\d+$/.test(part)))
    throw new UserError(`--classes ${text}: numbers such as 0,207 are expected, or "all"`);
  return parts.map(Number);
}

/** Truncation from a text such as `0.7`; undefined for the generator's default. @throws UserError for other texts. */
export function truncationFor(
  texts: readonly string[] | undefined,
  name: string,
  names: readonly string[],
): number | undefined {
  const text = chosen(texts, name, names);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw new UserError(`--truncation ${text}: a number such as 0.7 is expected`);
  return value;
}
