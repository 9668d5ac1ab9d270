// A model from the tensors of a checkpoint: the architecture is recognised, what tensors cannot tell has a default.
// It opens no file.

import { UserError } from '../errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { architectures, type Architecture } from './architectures.ts';
import type { ModelCard } from './card.ts';
import type { Model } from './model.ts';
import { networkModel } from './network.ts';
import { readSettings, type Settings } from './settings.ts';
import { freshWeights } from './twin.ts';
import { Weights } from './weights.ts';

export interface FromCheckpointOptions {
  readonly name: string;
  /** What a card says; it comes before what is recognised. */
  readonly card?: ModelCard;
  /** Settings as texts (`size=64`, `mean=0.5,0.5,0.5`, `strideOn=conv1`); they come before the card. */
  readonly settings?: Settings;
  /** Globs of layers to mine; they come before the card's. */
  readonly taps?: readonly string[];
}

export interface LoadedModel {
  readonly model: Model;
  /** What neither the file nor the caller told and was assumed, for people to read. */
  readonly assumed: readonly string[];
}

/**
 * A model from named tensors.
 * @throws UserError when no architecture of the zoo has such tensors, or a setting is not one of it.
 */
export function modelFromTensors(tensors: ReadonlyMap<string, Tensor>, options: FromCheckpointOptions): LoadedModel {
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const { architecture, config: recognised } = recognise(shapes, options);
  const { input, choices, assumed } = readSettings(options.settings ?? {}, {
    owner: options.name,
    choices: architecture.choices,
    input: options.card?.input ?? architecture.defaultInput({ ...recognised, ...options.card?.config }),
    assumed: options.card === undefined,
  });
  const config = { ...recognised, ...options.card?.config, ...choices };
  const card: ModelCard = {
    task: 'unknown',
    supervision: 'unknown',
    data: 'unknown',
    licence: 'unknown',
    source: 'unknown',
    ...options.card,
    name: options.name,
    architecture: architecture.name,
    config,
    input,
    taps: options.taps ?? options.card?.taps ?? architecture.defaultTaps(config),
  };
  return { model: fromWeights(architecture, card, tensors), assumed };
}

function fromWeights(
  architecture: Architecture<unknown>,
  card: ModelCard,
  tensors: ReadonlyMap<string, Tensor>,
): Model {
  const weights = new Weights(tensors, card.name);
  return networkModel({
    card,
    build: (b, x) => architecture.build(b, x, weights, card.config),
    twin: (seed) => fromWeights(architecture, twinCard(card), freshWeights(tensors, seed)),
  });
}

/** The card of a model's untrained twin. */
export const twinCard = (card: ModelCard): ModelCard => ({
  ...card,
  name: `${card.name}.untrained`,
  task: 'none',
  supervision: 'none (fresh weights)',
  data: 'none',
  source: `untrained twin of ${card.name}`,
  file: undefined,
});

function recognise(shapes: ReadonlyMap<string, readonly number[]>, { name, card }: FromCheckpointOptions) {
  for (const architecture of architectures) {
    if (card && card.architecture !== architecture.name) continue;
    const config = architecture.recognise(shapes) as Record<string, unknown> | undefined;
    if (config) return { architecture: architecture as Architecture<unknown>, config };
  }
  const known = architectures.map((architecture) => architecture.name).join(', ');
  const seen = [...shapes].slice(0, 4).map(([tensor, shape]) => `${tensor} [${shape.join(', ')}]`);
  const expected = card ? `"${card.architecture}", as its card says` : `any architecture known here (${known})`;
  throw new UserError(
    `the tensors of ${name} are not those of ${expected}: the first are ${seen.join('; ') || 'none'}. Export the network to .onnx, or check the file`,
  );
}
