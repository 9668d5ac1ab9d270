// A generator in training, as the adversarial recipes take it: BigGAN-deep, StyleGAN2 and StyleGAN-XL each make one.
// Discriminators and losses are elsewhere.

import type { Value } from '../../graph/builder.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Engine } from '../../runtime/engine.ts';
import type { PartialCard } from '../../zoo/card.ts';
import type { TrainingBuilder } from '../loop/training-builder.ts';

export interface TrainingGenerator {
  /** Fresh weights and buffers, by the names that they have in the state. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** Names of those that gradients move. */
  readonly trainable: readonly string[];
  /** Length of z, drawn from a standard normal distribution. */
  readonly z: number;
  /** Classes of the condition; 0 for none. */
  readonly classes: number;
  /** Side of the images. */
  readonly size: number;
  /** Numbers that are drawn from a standard normal distribution beside z, e.g. a noise map per layer: shapes of one image. */
  readonly noise?: Readonly<Record<string, readonly number[]>>;
  /**
   * Lays `[n, 3, size, size]` in [0, 1] (not clipped: training sees what lies beyond).
   * @param live value of a tensor of the state: of a trained one, a buffer, or an average of it.
   * @param input z `[n, z]`, with classes the condition as one-hot rows `[n, classes]`, noise `[n, ...shape]` by name.
   */
  addTo(
    b: TrainingBuilder,
    live: (name: string) => Value,
    input: { readonly z: Value; readonly classes?: Value; readonly noise?: Readonly<Record<string, Value>> },
  ): {
    readonly images: Value;
    /** New values of buffers of the state, by name. */
    readonly updates?: Readonly<Record<string, Value>>;
  };
  /**
   * The official checkpoint's tensors, float32, from those of the state or averages of them. May run graphs, e.g. to
   * take statistics of normalisations over many samples.
   */
  network(state: ReadonlyMap<string, Tensor>, engine: Engine): Promise<Map<string, Tensor>>;
  readonly card: Omit<PartialCard, 'name'>;
}
