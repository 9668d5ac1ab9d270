// A model of the zoo: a network that can be added to a graph, with the layers whose units are of interest.
// It holds no session and runs nothing.

import type { GraphBuilder, Value } from '../graph/builder.ts';
import type { EncoderCard, GeneratorCard } from './card.ts';

/** A layer whose units are mined. Maps are float32, NCHW; its units are its channels. */
export interface Tap {
  /** Name as in the official code, e.g. `layer3.1`. */
  readonly layer: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** What building a model adds to a graph. */
export interface BuiltModel {
  /** Maps by layer name, `[n, channels, height, width]`. */
  readonly taps: ReadonlyMap<string, Value>;
  /** The network's own output, e.g. logits `[n, classes]`; of generators, RGB in [-1, 1], `[n, 3, height, width]`. */
  readonly output: Value;
}

interface Network {
  readonly name: string;
  /** Of an untrained twin: the name of the model whose twin it is. */
  readonly twinOf?: string;
  /** In the order of the network. */
  readonly taps: readonly Tap[];
}

/** A model from images to features. */
export interface Encoder extends Network {
  readonly kind: 'encoder';
  readonly card: EncoderCard;
  /**
   * Adds the network to a builder.
   * @param images `[n, 3, h, w]`, RGB in [0, 1], any h and w: resizing and normalisation are part of what is added.
   */
  addTo(b: GraphBuilder, images: Value): BuiltModel;
  /** The same without resizing and normalisation: `x` is the network's own input. */
  addRawTo(b: GraphBuilder, x: Value): BuiltModel;
  /** The same network with fresh, untrained weights: the control of the trained one, whose name is its `twinOf`. */
  twin(seed: number): Encoder;
}

/** What drives a generator: the latent, an intermediate one, or one intermediate latent for each layer (w+). */
export type GeneratorInput =
  /** `z` `[n, latent.z]`; `c` `[n, latent.classes]`, one-hot, where there are classes. */
  | { readonly z: Value; readonly c?: Value }
  /** `[n, latent.w]`: the same for all layers. Truncation is not applied. */
  | { readonly w: Value }
  /** `[n, latent.layers, latent.w]`. Truncation is not applied. */
  | { readonly ws: Value };

export interface GeneratorOptions {
  /** In the range of the card's `latent.truncation`, whose default it has. 1 is none. */
  readonly truncation: number;
  /** Layers (elements of w+) that truncation applies to, from the first; default all. */
  readonly cutoff?: number;
  /** 'const': the buffers of the file (default); 'none'; 'random': inputs of the graph, one for each noise. */
  readonly noise: 'const' | 'none' | 'random';
}

export interface BuiltGenerator extends BuiltModel {
  /** The latents that the layers were given, after truncation, `[n, latent.layers, latent.w]`. */
  readonly ws: Value;
  /** Inputs that were added for random noise, each to be filled with standard normal numbers; empty otherwise. */
  readonly noise: readonly Value[];
}

/** A model from latents to images. */
export interface Generator extends Network {
  readonly kind: 'generator';
  readonly card: GeneratorCard;
  /**
   * Adds the network to a builder; `images` are its output as RGB in [0, 1], `[n, 3, height, width]`.
   * @throws UserError for a truncation out of range.
   */
  addTo(
    b: GraphBuilder,
    input: GeneratorInput,
    options?: Partial<GeneratorOptions>,
  ): BuiltGenerator & { readonly images: Value };
  /** The same network with fresh, untrained weights; the name of this one is its `twinOf`. */
  twin(seed: number): Generator;
}

export type Model = Encoder | Generator;
