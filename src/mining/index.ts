// Mining: from models and images to the dictionary of the units that they have in common.
// `mine` does it all; the other functions are its steps, for those who want one of them alone.

export { collectActivations, type ActivationOptions, type OwnInput } from './activations.ts';
export { clusterBySimilarity } from './concepts.ts';
export { benjaminiHochberg, qValues } from './controls.ts';
export { correlate, type Correlated, type CorrelateOptions, type CorrelateProgress } from './correlate.ts';
export {
  parseUnit,
  unitName,
  type Concept,
  type Dictionary,
  type DictionaryLayer,
  type DictionaryModel,
  type Exemplars,
  type Histogram,
  type Pair,
  type PairList,
  type RosettaSet,
} from './dictionary.ts';
export type { ThumbnailEncoder } from './exemplars.ts';
export { mine, type MineOptions } from './mine.ts';
export { Moments, type Standardiser, type UnitState } from './moments.ts';
export { Direction, Neighbours } from './neighbours.ts';
export { PairJudge, type IndexedPair } from './pairs.ts';
export { mapsOf, type LaidModels, type MapSource } from './pass-graph.ts';
export { minedModel, productsPerImage, rectangles, type MinedLayer, type MinedModel, type Rectangle } from './plan.ts';
export type { MineProgress } from './progress.ts';
export { readDictionary, readMoments, RunMoments } from './read-run.ts';
export type { Part } from './run-pass.ts';
export { anchoredSets, mutualSets, ZooNeighbours, type IndexedSet } from './rosetta-sets.ts';
export { TopK } from './top-k.ts';
export { unitNames } from './units.ts';
