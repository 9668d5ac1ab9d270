// Public entry: models from tensors or graphs, their cards, and the layers to mine, in Node and in browsers.
// Opening files is in zoo/node.

export type { Architecture, EncoderFamily, GeneratorFamily, Hints, Shapes } from './architecture.ts';
export { architectures } from './registry.ts';
export {
  isGeneratorCard,
  type Download,
  type EncoderCard,
  type GeneratorCard,
  type Input,
  type Latent,
  type ModelCard,
  type PartialCard,
} from './card.ts';
export { cardSchema } from './card.ts';
export { parseCard } from './read-card.ts';
export { modelFromTensors, type FromCheckpointOptions, type LoadedModel } from './from-checkpoint.ts';
export type {
  BuiltGenerator,
  BuiltModel,
  Encoder,
  Generator,
  GeneratorInput,
  GeneratorOptions,
  Model,
  Tap,
} from './model.ts';
export { globExpression, matching } from './layer-names.ts';
export { modelGraph, type ExportOptions } from './export.ts';
export { encoderModel, generatorModel, latentInputs, type EncoderNetwork, type GeneratorNetwork } from './network.ts';
export { modelFromGraph, proposeTaps } from './onnx/onnx.ts';
export { preprocess } from './preprocess.ts';
export { parseSize, readSettings, type Settings, type SettingsContext, type Size } from './settings.ts';
export { Weights } from './weights.ts';
