// Names of models in the store: which are allowed, and which are near to one that is not known.
// Names of layers are matched in layer-names.ts.

import { closest, distance } from 'fastest-levenshtein';
import { UserError } from '../../errors.ts';

/** Names are folders on disk, too: nothing that leads elsewhere, is hidden, or reads as an option. */
export const isName = (name: string): boolean => /^[A-Za-z0-9_]([A-Za-z0-9._+-]{0,98}[A-Za-z0-9_+-])?$/.test(name);

/** @throws UserError for a text that is no name. */
export function checkedName(name: string): string {
  if (isName(name)) return name;
  throw new UserError(
    `"${name}" cannot name a model: letters, digits and . _ + - are expected, at most 100, with none of . + - in front and no . at the end`,
  );
}

/** Those of `names` that are near to what was written, at most five; at least one where there are any. */
export function nearest(written: string, names: readonly string[]): string[] {
  const text = written.toLowerCase();
  const far = Math.max(2, Math.floor(text.length / 4));
  const near = names.filter((name) => name.toLowerCase().startsWith(text) || distance(text, name.toLowerCase()) <= far);
  if (near.length || !names.length) return near.slice(0, 5);
  return [closest(text, names)];
}
