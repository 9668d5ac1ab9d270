// Public entry: models from tensors or graphs, their cards, and the layers to mine, in Node and in browsers.
// Opening files is in zoo/node.

export { architectures, type Architecture } from './architectures.ts';
export type { ModelCard } from './card.ts';
export { cardSchema, parseCard } from './card-schema.ts';
export { modelFromTensors, type FromCheckpointOptions, type LoadedModel } from './from-checkpoint.ts';
export type { BuiltModel, Model, Tap } from './model.ts';
export { globExpression, matching } from './names.ts';
export { networkModel, type NetworkOptions } from './network.ts';
export { modelFromGraph, proposeTaps } from './onnx.ts';
export { preprocess } from './preprocess.ts';
export { parseSize, readSettings, type Settings, type SettingsContext, type Size } from './settings.ts';
export { Weights } from './weights.ts';
