// DINO's projection head: three layers, a direction of unit length, and its cosines to learned directions.
// It is there for training only; what is shipped has none.

import Type from 'typebox';
import type { Read } from '../../files/json.ts';
import { int } from '../../graph/attributes.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32, sizeOf, type Tensor } from '../../graph/tensor.ts';
import { freshWeights } from '../../zoo/twin.ts';
import { channels, closed, whole } from '../recipe/numbers.ts';

/** JSON Schema of the sizes. */
export const dinoHeadSchema = Type.Object(
  {
    hidden: channels('Channels of the two hidden layers.'),
    bottleneck: channels('Channels of the direction, the last layer but one.'),
    outputs: whole('Learned directions, over which student and teacher agree.', 2 ** 20),
  },
  closed,
);

export type DinoHeadSizes = Read<typeof dinoHeadSchema>;

const names = ['head.mlp.0', 'head.mlp.2', 'head.mlp.4'];

/** The learned directions `[outputs, bottleneck]`, of any length. */
export const directions = 'head.last_layer.weight_v';

/**
 * Fresh weights, with the names of the official head; He-normal, where the official code has a standard deviation of 0.02 for its
 * 2048 channels, which is about the same.
 * @param features channels that go in.
 */
export function freshDinoHead(features: number, sizes: DinoHeadSizes, seed: number): Map<string, Tensor> {
  const shapes = [...dinoHeadShapes(features, sizes)];
  return freshWeights(
    new Map(shapes.map(([name, shape]) => [name, float32(shape, new Float32Array(sizeOf(shape)))])),
    seed,
  );
}

/** Names and shapes of the tensors. */
export function dinoHeadShapes(features: number, sizes: DinoHeadSizes): Map<string, readonly number[]> {
  const { hidden, bottleneck, outputs } = sizes;
  const widths = [features, hidden, hidden, bottleneck];
  const shapes = new Map<string, readonly number[]>();
  names.forEach((name, i) => {
    shapes.set(`${name}.weight`, [widths[i + 1], widths[i]]);
    shapes.set(`${name}.bias`, [widths[i + 1]]);
  });
  shapes.set(directions, [outputs, bottleneck]);
  return shapes;
}

/**
 * Lays the head, `[rows, features]` -> logits `[rows, outputs]` in [-1, 1]. The official weight normalisation has a length
 * for each direction, which stays 1 by default, and is left out here.
 * @param live value of a tensor by its name.
 */
export function addDinoHead(b: GraphBuilder, features: Value, live: (name: string) => Value): Value {
  const unit = (x: Value) => b.op('LpNormalization', [x], { axis: int(-1), p: int(2) })[0];
  const projected = names.reduce((x, name, i) => {
    const input = i ? b.op('Gelu', [x])[0] : x;
    return b.gemm(input, live(`${name}.weight`), live(`${name}.bias`), { transB: true });
  }, features);
  return b.gemm(unit(projected), unit(live(directions)), undefined, { transB: true });
}
