// What a campaign feeds: a reader, and inputs that are nearly right for it.
// Which readers there are is told by targets/; how inputs are run is campaign.ts.

import type { Arbitrary } from 'fast-check';

/** A reader that is ready to be fed. */
export interface Prepared {
  readonly inputs: Arbitrary<Uint8Array>;
  /** Reads one input to its end: everything that is lazy in what it opens is asked for. */
  read(input: Uint8Array): unknown;
}

export interface Target {
  /** Lower case, words joined by hyphens: it stands in commands and file names. */
  readonly name: string;
  /** @param scratch an empty folder of the campaign's own, for readers that take paths. */
  prepare(scratch: string): Prepared | Promise<Prepared>;
}
