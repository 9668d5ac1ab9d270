// What every section of the findings' page is given.
// It writes nothing.

import type { Size } from 'rosetta-neurons/images/node';
import type { Dictionary } from 'rosetta-neurons/mining';
import type { FindingsOptions } from '../results.ts';

/** What the sections are made of. */
export interface PageOptions {
  readonly dictionary: Dictionary;
  readonly options: FindingsOptions;
  /** Names of the photos' classes. */
  readonly classes: readonly string[];
  /** Of the images, by generator. */
  readonly sizes: Readonly<Record<string, Size>>;
  /** Where a picture is written, and how the page links to it. */
  readonly picture: (name: string) => { readonly file: string; readonly link: string };
}
