// DINO's projection head: three layers, a direction of unit length, and its cosines to learned directions.
// It is there for training only; what is shipped has none.

import { int } from '../../graph/attributes.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32, sizeOf, type Tensor } from '../../graph/tensor.ts';
import { freshWeights } from '../../zoo/twin.ts';

export interface DinoHeadSizes {
  /** Channels of the two hidden layers. */
  readonly hidden: number;
  /** Channels of the direction. */
  readonly bottleneck: number;
  /** Number of learned directions. */
  readonly outputs: number;
}

const layers = ['head.mlp.0', 'head.mlp.2', 'head.mlp.4'];

/** The learned directions `[outputs, bottleneck]`, of any length. */
export const directions = 'head.last_layer.weight_v';

/**
 * Fresh weights, with the names of the official head; He-normal, where the official code has a deviation of 0.02 for its
 * 2048 channels, which is about the same.
 * @param features channels that go in.
 */
export function freshDinoHead(features: number, sizes: DinoHeadSizes, seed: number): Map<string, Tensor> {
  const { hidden, bottleneck, outputs } = sizes;
  const widths = [features, hidden, hidden, bottleneck];
  const shapes = new Map<string, readonly number[]>();
  layers.forEach((name, i) => {
    shapes.set(`${name}.weight`, [widths[i + 1], widths[i]]);
    shapes.set(`${name}.bias`, [widths[i + 1]]);
  });
  shapes.set(directions, [outputs, bottleneck]);
  const zeros = new Map([...shapes].map(([name, shape]) => [name, float32(shape, new Float32Array(sizeOf(shape)))]));
  return freshWeights(zeros, seed);
}

/**
 * Lays the head, `[rows, features]` -> logits `[rows, outputs]` in [-1, 1]. The official weight normalisation has a length
 * for each direction, which stays 1 by default, and is left out here.
 * @param live value of a tensor by its name.
 */
export function addDinoHead(b: GraphBuilder, features: Value, live: (name: string) => Value): Value {
  const unit = (x: Value) => b.op('LpNormalization', [x], { axis: int(-1), p: int(2) })[0];
  const projected = layers.reduce((x, name, i) => {
    const input = i ? b.op('Gelu', [x])[0] : x;
    return b.gemm(input, live(`${name}.weight`), live(`${name}.bias`), { transB: true });
  }, features);
  return b.gemm(unit(projected), unit(live(directions)), undefined, { transB: true });
}
