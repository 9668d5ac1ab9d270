// What searches and edits do where their options say nothing: for the library, the command line and its documentation alike.
// What depends on the generator (space, number of starts) is with the search.

import { significance } from '../mining/defaults.ts';

export const searchDefaults = {
  steps: 200,
  /** Full learning rate in z, and in w and w+. */
  rate: { z: 0.05, w: 0.1 },
  /** Steps between two reports. */
  every: 10,
  seed: 0,
  /** Samples of which the best are the starts. */
  candidates: 32,
  /** In early steps in w, in standard deviations of the latent. */
  noise: 0.05,
  /** Samples behind the verdict on a photo. */
  domainSamples: 16,
} as const;

/** Which pairs guide. */
export const pairDefaults = {
  /** At most so many, those with the largest r. */
  limit: 1000,
  maxQ: significance,
} as const;
