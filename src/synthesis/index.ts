// Putting a dictionary to use: inversion, translation and editing by searching a generator's latents. Nothing is trained.
// `invert` and `edit` do it all; the other functions are their parts, to put together otherwise.

export { adamStep, projectorNoise, projectorRate, type AdamState } from './search/adam.ts';
export { agreementTerm, levelTerm, type TargetGroup } from './terms/agreement.ts';
export { bridgedPairs, generatorTargets } from './bridge.ts';
export { bestCandidates, type CandidateOptions, type CandidateProgress } from './search/candidates.ts';
export { agreementAt, judgeDomain, ownAgreement, type DomainVerdict, type OwnAgreement } from './domain.ts';
export { pairDefaults, searchDefaults } from './defaults.ts';
export { edit, type EditAgreement, type Edited, type EditOptions, type EditWeights } from './edit/edit.ts';
export {
  editSchema,
  parseEditScript,
  type Box,
  type Edit,
  type EditScript,
  type UnitSelection,
} from './edit/script.ts';
export { editTargets, type EditTargets } from './edit/targets.ts';
export { moved, pasted, positionsIn, shiftBy, zoomBy, type MapStack } from './edit/transforms.ts';
export { unitResolver, type UnitResolver } from './edit/units.ts';
export { photoTargets, type Targets } from './guide.ts';
export { featureTargets, featureTerm, pixelTerm } from './terms/image.ts';
export { invert, type Inversion, type InvertOptions, type LossWeights, type PairAgreement } from './invert.ts';
export {
  checkLatents,
  latentStatistics,
  sampleLatents,
  spaces,
  toSpace,
  type LatentName,
  type Latents,
  type Space,
} from './search/latents.ts';
export { encoderMaps, generatorMaps } from './maps.ts';
export { featureDistance, imageMetrics, type ImageMetrics } from './metrics.ts';
export { optimise, type OptimiseOptions, type SearchResult, type StepProgress } from './search/optimise.ts';
export { guidingPairs, type GuidingPair, type GuidingPairs, type PairOptions } from './guiding-pairs.ts';
export { meanTerm, normTerm, startTerm } from './terms/prior.ts';
export { search, type Found, type SearchOptions, type SearchProgress } from './search/search.ts';
export type { SearchState } from './search/rows.ts';
export { searchFromTensors, searchTensors, type SavedSearch } from './search/state.ts';
export { stepGraph, stepOutputs, type StepGraph } from './search/step-graph.ts';
export type { AddedTerm, Scene, Term } from './terms/terms.ts';
