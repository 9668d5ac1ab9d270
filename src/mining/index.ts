// Mining: from models and images to the dictionary of the units that they have in common.
// `mine` does it all; the other functions are its steps, for those who want one of them alone.

export { collectActivations, type ActivationOptions, type OwnInput } from './correlation/activations.ts';
export { clusterBySimilarity } from './matching/concepts.ts';
export { benjaminiHochberg, qValues } from './matching/controls.ts';
export { correlate, type Correlated, type CorrelateOptions, type CorrelateProgress } from './correlation/correlate.ts';
export {
  type Concept,
  type Dictionary,
  type DictionaryLayer,
  type DictionaryModel,
  type Exemplars,
  type Histogram,
  type Pair,
  type PairList,
  type RosettaSet,
} from './run/dictionary.ts';
export { parseUnit, unitName } from './run/units.ts';
export type { ThumbnailEncoder } from './run/exemplars.ts';
export { miningDefaults, significance } from './defaults.ts';
export { checkMining, mine, type MineOptions } from './mine.ts';
export { Moments, type Standardiser, type UnitState } from './correlation/moments.ts';
export { Direction, Neighbours } from './correlation/neighbours.ts';
export { PairJudge, type IndexedPair } from './matching/mutual-neighbours.ts';
export { mapsOf, type AddedModels, type MapSource } from './correlation/pass-graph.ts';
export {
  minedModel,
  productsPerImage,
  rectangles,
  type MinedLayer,
  type MinedModel,
  type Rectangle,
} from './correlation/plan.ts';
export type { MineProgress } from './progress.ts';
export { readDictionary, readMoments, RunMoments } from './run/read-run.ts';
export type { Part } from './correlation/run-pass.ts';
export { anchoredSets, mutualSets, ZooNeighbours, type IndexedSet } from './matching/rosetta-sets.ts';
export { TopK } from './correlation/top-k.ts';
export { unitNames } from './run/units.ts';
