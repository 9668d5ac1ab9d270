// Models of the zoo made of a card and a function that adds a network to a graph.
// Families of architectures bring the function; what all models share is here.

import { UserError } from '../errors.ts';
import { present, required } from '../lookup.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { float32 } from '../graph/tensor.ts';
import type { EncoderCard, GeneratorCard, ModelCard } from './card.ts';
import type { BuiltGenerator, BuiltModel, Encoder, Generator, GeneratorInput, GeneratorOptions, Tap } from './model.ts';
import { matching } from './layer-names.ts';
import { preprocess } from './preprocess.ts';

export interface EncoderNetwork {
  readonly card: EncoderCard;
  /** Of an untrained twin: the name of the model whose twin it is. */
  readonly twinOf?: string;
  /** Adds the network to a builder: its own input `[n, 3, height, width]` to all layers that can be tapped. */
  readonly addTo: (b: GraphBuilder, x: Value) => BuiltModel;
  /** The same network, untrained. */
  readonly twin: (seed: number) => Encoder;
}

/**
 * The encoder of a card.
 * @throws UserError when the card's taps match no layer with maps.
 */
export function encoderModel({ card, twinOf, addTo, twin }: EncoderNetwork): Encoder {
  const b = new GraphBuilder();
  const built = addTo(b, b.input('x', [1, 3, card.input.height, card.input.width]));
  const { taps, only } = chosenTaps(card, built);
  const addRawTo = (target: GraphBuilder, x: Value): BuiltModel => only(addTo(target, x));
  return {
    kind: 'encoder',
    name: card.name,
    twinOf,
    card,
    taps,
    addRawTo,
    addTo: (target, images) => addRawTo(target, preprocess(target, images, card.input)),
    twin,
  };
}

export interface GeneratorNetwork {
  readonly card: GeneratorCard;
  /** Of an untrained twin: the name of the model whose twin it is. */
  readonly twinOf?: string;
  readonly addTo: (b: GraphBuilder, input: GeneratorInput, options: GeneratorOptions) => BuiltGenerator;
  readonly twin: (seed: number) => Generator;
}

/**
 * The generator of a card.
 * @throws UserError when the card's taps match no layer with maps.
 */
export function generatorModel({ card, twinOf, addTo, twin }: GeneratorNetwork): Generator {
  const { latent } = card;
  const b = new GraphBuilder();
  const defaults: GeneratorOptions = { truncation: latent.truncation.default, noise: 'const' };
  const built = addTo(b, latentInputs(b, card, 1), defaults);
  const { taps, only } = chosenTaps(card, built);
  return {
    kind: 'generator',
    name: card.name,
    twinOf,
    card,
    taps,
    addTo(target, input, options) {
      // Undefined is as good as not given.
      const settings: GeneratorOptions = {
        ...options,
        truncation: options?.truncation ?? defaults.truncation,
        noise: options?.noise ?? defaults.noise,
      };
      checkTruncation(card, settings.truncation);
      const result = addTo(target, input, settings);
      const half = target.constant(float32([], [0.5]));
      const images = target.clip(target.add(target.mul(result.output, half), half), 0, 1);
      return { ...result, ...only(result), images };
    },
    twin,
  };
}

/** Graph inputs `z` and, where there are classes, `c` (one-hot). */
export function latentInputs(b: GraphBuilder, { latent }: GeneratorCard, n: number, prefix = ''): GeneratorInput {
  const z = b.input(`${prefix}z`, [n, latent.z]);
  return latent.classes ? { z, c: b.input(`${prefix}c`, [n, latent.classes]) } : { z };
}

/** What drives a generator, from values by their names: `z` and perhaps `c`, `w`, or `ws`. */
export function generatorInput({
  z,
  c,
  w,
  ws,
}: Readonly<Partial<Record<'z' | 'c' | 'w' | 'ws', Value>>>): GeneratorInput {
  if (z) return { z, ...(c && { c }) };
  return w ? { w } : { ws: present(ws, 'latent') };
}

/** @throws UserError when a generator has no such truncation. */
export function checkTruncation({ name, latent }: GeneratorCard, truncation: number): void {
  const { least, most } = latent.truncation;
  if (truncation >= least && truncation <= most) return;
  throw new UserError(`${name} has no truncation ${truncation}: a number from ${least} to ${most} is expected`);
}

/** The layers that a card's globs choose, as taps, and a built model with those only. */
function chosenTaps(card: ModelCard, built: BuiltModel) {
  const chosen = matching(built.taps.keys(), card.taps);
  if (!chosen.length) {
    const layers = [...built.taps.keys()];
    const shown = layers.slice(0, 12).join(', ') + (layers.length > 12 ? `, ... (${layers.length} in all)` : '');
    throw new UserError(
      `no layer of ${card.name} matches the taps ${card.taps.join(', ')}; its layers are ${shown}. In a glob * stops at dots and ** does not`,
    );
  }
  const taps = chosen.map((layer): Tap => {
    const [, channels, height, width] = required(built.taps, layer, 'layer').shape;
    return { layer, channels, height, width };
  });
  const only = ({ taps: all, output }: BuiltModel): BuiltModel => ({
    taps: new Map(chosen.map((layer) => [layer, required(all, layer, 'layer')])),
    output,
  });
  return { taps, only };
}
