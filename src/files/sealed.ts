// JSON that this program keeps for itself, with a hash over it: what is damaged, if by one letter, is known.
// What others read, or write, has a schema instead.

import { sha256 } from './hash.ts';
import { parseJson } from './parse-json.ts';

/** The text of a file that holds a value. */
export async function sealed(value: unknown): Promise<string> {
  return JSON.stringify({ sha256: await sha256(JSON.stringify(value)), value });
}

/** The value in such a text, of the type that this program has written; undefined when it is damaged. */
export async function unsealed<T>(text: string): Promise<T | undefined> {
  try {
    const read = parseJson(text) as { readonly sha256?: unknown; readonly value?: T };
    return read.sha256 === (await sha256(JSON.stringify(read.value))) ? read.value : undefined;
  } catch {
    return undefined;
  }
}
