// What mining does where its options say nothing: for the library, the command line and its documentation alike.
// It decides nothing else.

export const miningDefaults = {
  /** Pairs are units among each other's so many nearest. */
  k: 1,
  /** A set's anchor is among so many first choices of each of its units. */
  setK: 5,
  /** Least r between sets of one concept. */
  conceptThreshold: 0.5,
  seed: 0,
  /** Seconds between two savings of an unfinished run. */
  saveEvery: 30,
} as const;

/** q below this counts as significant: in the counts, on the page, and for what guides searches and edits. */
export const significance = 0.01;
