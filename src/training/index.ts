// Training of small networks: a step is one graph of forward pass, loss, gradient and optimiser.
// It reads no images and prints nothing.

export { logFile, train, type Batches, type TrainOptions, type TrainProgress, type TrainResult } from './train.ts';
export { beginState, copyState, StepRunner, type StepReport, type TrainingState } from './run-step.ts';
export { checkpointFile, loadTraining, saveTraining, type SavedTraining } from './state.ts';
export {
  averaged,
  emaName,
  trainingStep,
  type BatchInput,
  type Laid,
  type StepOptions,
  type TrainingStep,
} from './step.ts';
export { adam, sgd, type AdamOptions, type Move, type Optimiser, type SgdOptions } from './optimiser.ts';
export { averageWarmUp, constant, coolDown, cosine, oneCycle, stepDecay, type Schedule } from './schedule.ts';
export type { Parameters } from './parameters.ts';
export { augmentedSize, augmenter, multiCrop, type Augment, type Augmentation, type CropGroup } from './augment.ts';
export { classResNetStep, movesInResNet, type ClassResNetOptions } from './class-resnet.ts';
export { LiveWeights } from './live-weights.ts';
export { accuracy, crossEntropy, logSoftmax, smoothed } from './losses.ts';
export { batchOf, noun, shuffled, stepsOf, type PhotoSet } from './photos.ts';
export { freshResNet, type ResNetSizes } from './resnet-tensors.ts';
export { cardText } from './card-text.ts';
export { classFeatures, encodeText } from './clip-text.ts';
export type { OptimiserSettings, Plan, Recipe, RecipeFiles, RecipeKind, RecipeSchedule } from './recipe.ts';
export { parseRecipe, recipeSchema } from './recipe-schema.ts';
export { recipeKinds } from './recipes.ts';
export { scheduleOf, type ScheduleOfRecipe } from './schedule-of.ts';
export * from './quality/index.ts';
