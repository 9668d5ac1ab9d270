// A model of the zoo: a network that can be laid into a graph, with the layers whose units are of interest.
// It holds no session and runs nothing.

import type { GraphBuilder, Value } from '../graph/builder.ts';
import type { ModelCard } from './card.ts';

/** A layer whose units are mined. Maps are float32, NCHW; its units are its channels. */
export interface Tap {
  /** Name as in the official code, e.g. `layer3.1`. */
  readonly layer: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** What `Model.build` adds to a graph. */
export interface BuiltModel {
  /** Maps by layer name, `[n, channels, height, width]`. */
  readonly taps: ReadonlyMap<string, Value>;
  /** The network's own output, e.g. logits `[n, classes]`. */
  readonly output: Value;
}

export interface Model {
  readonly name: string;
  readonly card: ModelCard;
  /** In the order of the network. */
  readonly taps: readonly Tap[];
  /**
   * Adds the network to a builder.
   * @param images `[n, 3, h, w]`, RGB in [0, 1], any h and w: resizing and normalisation are part of what is added.
   */
  build(b: GraphBuilder, images: Value): BuiltModel;
  /** The same without resizing and normalisation: `x` is the network's own input. */
  buildRaw(b: GraphBuilder, x: Value): BuiltModel;
  /** The same network with fresh, untrained weights: the control of the trained one. */
  twin(seed: number): Model;
}
