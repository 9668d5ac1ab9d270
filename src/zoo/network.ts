// A model of the zoo made of a card and a function that lays its network into a graph.
// Families of architectures bring the function; what all models share is here.

import { UserError } from '../errors.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import type { ModelCard } from './card.ts';
import type { BuiltModel, Model, Tap } from './model.ts';
import { matching } from './names.ts';
import { preprocess } from './preprocess.ts';

export interface NetworkOptions {
  readonly card: ModelCard;
  /** Lays the network into a builder: its own input `[n, 3, height, width]` to all layers that can be tapped. */
  readonly build: (b: GraphBuilder, x: Value) => BuiltModel;
  /** The same network, untrained. */
  readonly twin: (seed: number) => Model;
}

/**
 * The model of a card.
 * @throws UserError when the card's taps match no layer with maps.
 */
export function networkModel({ card, build, twin }: NetworkOptions): Model {
  const b = new GraphBuilder();
  const built = build(b, b.input('x', [1, 3, card.input.height, card.input.width]));
  const chosen = matching(built.taps.keys(), card.taps);
  if (!chosen.length) {
    const layers = [...built.taps.keys()];
    const shown = layers.slice(0, 12).join(', ') + (layers.length > 12 ? `, ... (${layers.length} in all)` : '');
    throw new UserError(
      `no layer of ${card.name} matches the taps ${card.taps.join(', ')}; its layers are ${shown}. In a glob * stops at dots and ** does not`,
    );
  }
  const taps = chosen.map((layer): Tap => {
    const [, channels, height, width] = built.taps.get(layer)!.shape;
    return { layer, channels, height, width };
  });
  const buildRaw = (target: GraphBuilder, x: Value): BuiltModel => {
    const { taps: all, output } = build(target, x);
    return { taps: new Map(chosen.map((layer) => [layer, all.get(layer)!])), output };
  };
  return {
    name: card.name,
    card,
    taps,
    buildRaw,
    build: (target, images) => buildRaw(target, preprocess(target, images, card.input)),
    twin,
  };
}
