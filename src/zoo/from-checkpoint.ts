// A model from the tensors of a checkpoint: the architecture is recognised, what tensors cannot tell has a default.
// It opens no file.

import { UserError } from '../errors.ts';
import { present } from '../lookup.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Architecture, Hints, Shapes } from './architecture.ts';
import { architectures } from './registry.ts';
import type { EncoderCard, GeneratorCard, ModelCard, PartialCard } from './card.ts';
import type { Encoder, Generator, Model } from './model.ts';
import { matching } from './layer-names.ts';
import { encoderModel, generatorModel } from './network.ts';
import { readSettings, type Settings } from './settings.ts';
import { freshWeights } from './twin.ts';
import { Weights } from './weights.ts';

export interface FromCheckpointOptions {
  readonly name: string;
  /** What a card says; it comes before what is recognised. */
  readonly card?: PartialCard;
  /** Settings as texts (`size=64`, `mean=0.5,0.5,0.5`, `strideOn=conv1`); they come before the card. */
  readonly settings?: Settings;
  /** Globs of layers to mine; they come before the card's. */
  readonly taps?: readonly string[];
  /** What the checkpoint says beside its tensors. */
  readonly hints?: Hints;
}

export interface LoadedModel<Kind extends Model = Model> {
  readonly model: Kind;
  /** What neither the file nor the caller told and was assumed, for people to read. */
  readonly assumed: readonly string[];
}

/**
 * A model from named tensors.
 * @throws UserError when no architecture of the zoo has such tensors, some are missing or too many or of another shape,
 *   or a setting is not one of it.
 */
export function modelFromTensors(tensors: ReadonlyMap<string, Tensor>, options: FromCheckpointOptions): LoadedModel {
  const { architecture, card, assumed } = describeModel(shapesOf(tensors), options);
  const weights = new Weights(tensors, card.name);
  const model = modelOf(architecture, card, weights);
  if (options.settings?.extra !== 'ignore') refuseExtra(architecture, weights);
  return { model, assumed };
}

export const shapesOf = (tensors: ReadonlyMap<string, Tensor>): Shapes =>
  new Map([...tensors].map(([name, { shape }]) => [name, shape]));

/** The architecture that tensors of these shapes belong to, and the card of the model that they make. */
export function describeModel(shapes: Shapes, options: FromCheckpointOptions) {
  const { architecture, config: recognised } = recognise(shapes, options);
  const { card: given, name } = options;
  const { extra: _, ...texts } = options.settings ?? {};
  const known = { ...recognised, ...given?.config };
  const encoder = architecture.kind === 'encoder' ? architecture : undefined;
  const settings = readSettings(texts, {
    owner: name,
    choices: architecture.choices,
    input: encoder && (given?.input ?? encoder.defaultInput(known)),
    assumed: given?.input === undefined,
  });
  const config = { ...known, ...settings.choices };
  const { input: _input, ...described } = given ?? {};
  const identity = {
    task: 'unknown',
    supervision: 'unknown',
    data: 'unknown',
    licence: 'unknown',
    source: 'unknown',
    ...described,
    name,
    architecture: architecture.name,
    config,
    taps: options.taps ?? given?.taps ?? architecture.defaultTaps(config),
  };
  const card: ModelCard =
    architecture.kind === 'encoder'
      ? { ...identity, input: present(settings.input, 'input') }
      : { ...identity, latent: architecture.latent(config) };
  return { architecture, card, assumed: settings.assumed };
}

/** The model of a card over weights. */
export function modelOf(architecture: Architecture<unknown>, card: ModelCard, weights: Weights): Model {
  const fresh = architecture.fresh?.bind(architecture) ?? freshWeights;
  const untrained = (seed: number) => new Weights(fresh(weights.tensors, seed), `${card.name}.untrained`);
  if (architecture.kind === 'encoder') {
    const network = (own: EncoderCard, from: Weights, twinOf?: string): Encoder =>
      encoderModel({
        card: own,
        twinOf,
        addTo: (b, x) => architecture.addTo(b, x, from, own.config),
        twin: (seed) => network(twinCard(own), untrained(seed), own.name),
      });
    return network(card as EncoderCard, weights);
  }
  const network = (own: GeneratorCard, from: Weights, twinOf?: string): Generator =>
    generatorModel({
      card: own,
      twinOf,
      addTo: (b, input, options) => architecture.addTo(b, input, from, own.config, options),
      twin: (seed) => network(twinCard(own), untrained(seed), own.name),
    });
  return network(card as GeneratorCard, weights);
}

/** The card of a model's untrained twin. */
export const twinCard = <Card extends ModelCard>(card: Card): Card => ({
  ...card,
  name: `${card.name}.untrained`,
  task: 'none',
  supervision: 'none (fresh weights)',
  data: 'none',
  source: `untrained twin of ${card.name}`,
  file: undefined,
  download: undefined,
});

/** Tensors that a network has no use for are a sign of another network. */
function refuseExtra(architecture: Architecture<unknown>, weights: Weights): void {
  const { used, tensors, owner } = weights;
  const left = [...tensors.keys()].filter((name) => !used.has(name));
  const allowed = new Set(matching(left, architecture.unused));
  const extra = left.filter((name) => !allowed.has(name));
  if (!extra.length) return;
  const shown = extra.slice(0, 4).join(', ') + (extra.length > 4 ? `, ... (${extra.length} in all)` : '');
  throw new UserError(
    `the weights of ${owner} have tensors that the architecture "${architecture.name}" does not use: ${shown}. It may be another network; leave them out with --config extra=ignore`,
  );
}

function recognise(shapes: Shapes, { name, card, hints = {} }: FromCheckpointOptions) {
  for (const architecture of architectures) {
    if (card && card.architecture !== architecture.name) continue;
    const config = architecture.recognise(shapes, hints) as Record<string, unknown> | undefined;
    if (config) return { architecture: architecture as Architecture<unknown>, config };
  }
  const known = architectures.map((architecture) => architecture.name).join(', ');
  const seen = [...shapes].slice(0, 4).map(([tensor, shape]) => `${tensor} [${shape.join(', ')}]`);
  const expected = card ? `"${card.architecture}", as its card says` : `any architecture known here (${known})`;
  throw new UserError(
    `the tensors of ${name} are not those of ${expected}: the first are ${seen.join('; ') || 'none'}. Export the network to .onnx, or check the file`,
  );
}
