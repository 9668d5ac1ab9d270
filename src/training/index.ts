// Training of small networks: a step is one graph of forward pass, loss, gradient and optimiser.
// It reads no images and prints nothing.

export {
  logFile,
  train,
  trainingDefaults,
  type Batches,
  type TrainOptions,
  type TrainProgress,
  type TrainResult,
} from './loop/train.ts';
export { beginState, copyState, StepRunner, type StepReport, type TrainingState } from './loop/run-step.ts';
export { checkpointFile, loadTraining, saveTraining, type SavedTraining } from './loop/state.ts';
export {
  averaged,
  emaName,
  trainingStep,
  type BatchInput,
  type Added,
  type StepOptions,
  type TrainingStep,
} from './loop/step.ts';
export { adam, sgd, type AdamOptions, type Move, type Optimiser, type SgdOptions } from './loop/optimiser.ts';
export { averageWarmUp, constant, coolDown, cosine, oneCycle, stepDecay, type Schedule } from './loop/schedule.ts';
export type { Parameters } from './loop/parameters.ts';
export {
  augmentedSize,
  augmenter,
  multiCrop,
  type Augment,
  type Augmentation,
  type CropGroup,
} from './augment/augment.ts';
export { classResNetStep, movesInResNet, type ClassResNetOptions } from './class/resnet.ts';
export { LiveWeights } from './loop/live-weights.ts';
export { accuracy, crossEntropy, logSoftmax, smoothed } from './loop/losses.ts';
export { batchOf, noun, shuffled, stepsOf, type PhotoSet } from './loop/photos.ts';
export { freshResNet, type ResNetSizes } from './class/tensors.ts';
export { cardText } from './recipe/card-text.ts';
export { templates } from './clip/captions.ts';
export { classFeatures, encodeText } from './clip/text.ts';
export type { OptimiserSettings, Plan, Recipe, PlanContext, RecipeKind, RecipeSchedule } from './recipe/recipe.ts';
export { parseRecipe, recipeSchema } from './recipe/schema.ts';
export { recipeKinds } from './recipe/kinds.ts';
export { scheduleOf, type ScheduleOfRecipe } from './recipe/schedule-of.ts';
export * from './quality/index.ts';
