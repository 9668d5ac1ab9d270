// How good a trained network is, measured: encoders by what their features tell, generators by how their images lie.
// It trains no network but the linear probe, and reads no files.

export {
  features,
  photoSource,
  pixelFeatures,
  type FeatureOptions,
  type LabelledFeatures,
  type Readout,
} from './features.ts';
export { frechetDistance, gaussianOf, type Gaussian } from './frechet.ts';
export { nearestNeighbours, type KnnOptions } from './knn.ts';
export { linearProbe, type LinearProbe, type LinearProbeOptions } from './linear-probe.ts';
export { manifoldOf, precisionRecall, shareWithin, type Manifold } from './precision-recall.ts';
export { largest, top1Accuracy, accuracyByClass } from './accuracy.ts';
export { cosines, recallAt } from './zero-shot.ts';
