// What a family of networks brings to the zoo: how it is recognised, and how it is added to a graph.
// The families have a file each; the table of them is in registry.ts.

import type { TSchema } from 'typebox';
import type { PickledModule } from '../checkpoint/modules.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Input, Latent } from './card.ts';
import type { BuiltGenerator, BuiltModel, GeneratorInput, GeneratorOptions } from './model.ts';
import type { Weights } from './weights.ts';

/** Shapes of a checkpoint's tensors, by their names in the network. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** What a checkpoint says beside its tensors. */
export interface Hints {
  /** The content of `config.json` in the folder of the checkpoint. */
  readonly json?: Readonly<Record<string, unknown>>;
  /** Plain attributes of the modules of a pickled network, by path; '' is the network itself. */
  readonly modules?: ReadonlyMap<string, PickledModule>;
}

/** A configuration as plain JSON data. */
export type Config = Readonly<Record<string, unknown>>;

interface Family<Config> {
  readonly name: string;
  /** Schema of a configuration: every number has bounds. */
  readonly config: TSchema;
  /**
   * Configuration that the names and shapes of the tensors tell, as plain JSON data; undefined when they are of
   * something else. With tensors it is all that `build` needs.
   */
  recognise(shapes: Shapes, hints: Hints): Config | undefined;
  /** Settings that tensors cannot tell, with the values that they may take; 'number' stands for any. */
  readonly choices: Readonly<Record<string, readonly string[] | 'number'>>;
  /** Globs of tensors that official files have and the network does not need: a text tower, counters. */
  readonly unused: readonly string[];
  /** Globs of the layers that are mined unless others are asked for. */
  defaultTaps(config: Config): string[];
  /** Untrained weights in the shapes of trained ones; by default those of `freshWeights`. */
  fresh?(tensors: ReadonlyMap<string, Tensor>, seed: number): Map<string, Tensor>;
}

/** A network from images to features. */
export interface EncoderFamily<Config> extends Family<Config> {
  readonly kind: 'encoder';
  defaultInput(config: Config): Input;
  /** @param x the network's own input, `[n, 3, height, width]`, normalised. */
  addTo(b: GraphBuilder, x: Value, weights: Weights, config: Config): BuiltModel;
}

/** A network from latents to images. */
export interface GeneratorFamily<Config> extends Family<Config> {
  readonly kind: 'generator';
  latent(config: Config): Latent;
  addTo(
    b: GraphBuilder,
    input: GeneratorInput,
    weights: Weights,
    config: Config,
    options: GeneratorOptions,
  ): BuiltGenerator;
}

export type Architecture<Config> = EncoderFamily<Config> | GeneratorFamily<Config>;
