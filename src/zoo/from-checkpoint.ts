// A model from the tensors of a checkpoint: the architecture is recognised, what tensors cannot tell has a default.
// It opens no file.

import { UserError } from '../errors.ts';
import { problemIn } from '../files/json.ts';
import { present } from '../lookup.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Architecture, Config, EncoderFamily, GeneratorFamily, Hints, Shapes } from './architecture.ts';
import { architectures } from './registry.ts';
import { inputSchema, type EncoderCard, type GeneratorCard, type ModelCard, type PartialCard } from './card.ts';
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
  const { architecture, card, assumed, over } = describeModel(shapesOf(tensors), options);
  const weights = new Weights(tensors, card.name);
  const model = over(weights);
  if (options.settings?.extra !== 'ignore') refuseExtra(architecture, weights);
  return { model, assumed };
}

export const shapesOf = (tensors: ReadonlyMap<string, Tensor>): Shapes =>
  new Map([...tensors].map(([name, { shape }]) => [name, shape]));

interface Described {
  readonly architecture: Architecture<Config>;
  readonly card: ModelCard;
  readonly assumed: readonly string[];
  /** The model of the card over weights. */
  readonly over: (weights: Weights) => Model;
}

/**
 * The architecture that tensors of these shapes belong to, and the model that they make.
 * @throws UserError as modelFromTensors does, and for a configuration or input beyond its bounds.
 */
export function describeModel(shapes: Shapes, options: FromCheckpointOptions): Described {
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
  const problem =
    problemIn(architecture.config, config, 'config') ??
    (settings.input && problemIn(inputSchema, settings.input, 'input'));
  if (problem !== undefined) {
    throw new UserError(
      `${name} cannot be a network of the architecture "${architecture.name}": ${problem}. Correct its card, or --config`,
    );
  }
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
  const { assumed } = settings;
  if (architecture.kind === 'encoder') {
    const card: EncoderCard = { ...identity, input: present(settings.input, 'input') };
    return { architecture, card, assumed, over: (weights) => encoderOver(architecture, card, weights) };
  }
  const card: GeneratorCard = { ...identity, latent: architecture.latent(config) };
  return { architecture, card, assumed, over: (weights) => generatorOver(architecture, card, weights) };
}

function encoderOver(family: EncoderFamily<Config>, card: EncoderCard, weights: Weights, twinOf?: string): Encoder {
  return encoderModel({
    card,
    twinOf,
    addTo: (b, x) => family.addTo(b, x, weights, card.config),
    twin: (seed) => encoderOver(family, twinCard(card), untrained(family, card, weights, seed), card.name),
  });
}

function generatorOver(
  family: GeneratorFamily<Config>,
  card: GeneratorCard,
  weights: Weights,
  twinOf?: string,
): Generator {
  return generatorModel({
    card,
    twinOf,
    addTo: (b, input, options) => family.addTo(b, input, weights, card.config, options),
    twin: (seed) => generatorOver(family, twinCard(card), untrained(family, card, weights, seed), card.name),
  });
}

function untrained(family: Architecture<Config>, { name }: ModelCard, { tensors }: Weights, seed: number): Weights {
  return new Weights(family.fresh ? family.fresh(tensors, seed) : freshWeights(tensors, seed), `${name}.untrained`);
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
function refuseExtra(architecture: Architecture<Config>, weights: Weights): void {
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
    const config = architecture.recognise(shapes, hints);
    if (config) return { architecture, config };
  }
  const known = architectures.map((architecture) => architecture.name).join(', ');
  const seen = [...shapes].slice(0, 4).map(([tensor, shape]) => `${tensor} [${shape.join(', ')}]`);
  const expected = card ? `"${card.architecture}", as its card says` : `any architecture known here (${known})`;
  throw new UserError(
    `the tensors of ${name} are not those of ${expected}: the first are ${seen.join('; ') || 'none'}. Export the network to .onnx, or check the file`,
  );
}
