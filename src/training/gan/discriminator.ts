// A discriminator's heads: on each map of a projection, and on the pixels, a few convolutions to a map of logits.
// What they look at is made in projection.ts; the losses are in losses.ts.

import { float } from '../../graph/attributes.ts';
import { UserError } from '../../errors.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32, sizeOf, type Tensor } from '../../graph/tensor.ts';
import { fillNormal } from '../../random.ts';
import type { MapSize } from './projection.ts';
import { singularNames, singularVectors, spectrallyNormalised } from './spectral-norm.ts';

export interface DiscriminatorSizes {
  /** Maps that it looks at, one head each; sides are `end` times powers of two. */
  readonly maps: readonly MapSize[];
  /** Channels of a head's map of a side. */
  readonly width: (size: number) => number;
  /** Side of the maps of logits; default 4. */
  readonly end?: number;
  /** Classes of the condition; 0 for none. */
  readonly classes: number;
}

export interface Discriminator {
  /** Fresh weights and the vectors of their spectral normalisation, by names that begin with `discriminator.`. */
  readonly state: ReadonlyMap<string, Tensor>;
  readonly trainable: readonly string[];
  /**
   * @param live value of a tensor of the state.
   * @param maps `[n, channels, size, size]` each.
   * @param classes with classes, the condition as one-hot rows `[n, classes]`.
   * @returns logits `[n, places of all heads]`, and new values of the vectors.
   */
  addTo(
    b: GraphBuilder,
    live: (name: string) => Value,
    maps: readonly Value[],
    classes?: Value,
  ): { readonly logits: Value; readonly updates: Readonly<Record<string, Value>> };
}

interface Layer {
  readonly name: string;
  readonly shape: readonly [to: number, from: number, height: number, width: number];
  readonly stride: number;
}

/** Convolutions of a head: 4x4 with stride 2 down to the side of the logits, then 3x3. */
function layersOf(name: string, { channels, size }: MapSize, { width, end = 4 }: DiscriminatorSizes): Layer[] {
  const layers: Layer[] = [];
  let from = channels;
  for (let side = size; side >= 2 * end; side /= 2) {
    const to = width(side / 2);
    layers.push({ name: `${name}.down${side}`, shape: [to, from, 4, 4], stride: 2 });
    from = to;
  }
  layers.push({ name: `${name}.features`, shape: [width(end), from, 3, 3], stride: 1 });
  return layers;
}

interface Head {
  readonly name: string;
  readonly layers: readonly Layer[];
  /** Channels of the last map. */
  readonly depth: number;
}

/** @throws UserError for a map whose side does not come down to that of the logits. */
function headsOf(sizes: DiscriminatorSizes): Head[] {
  const { maps, width, end = 4 } = sizes;
  const odd = maps.find(({ size }) => size < end || !Number.isInteger(Math.log2(size / end)));
  if (odd)
    throw new UserError(
      `a head of the discriminator looks at ${end}x${end}, or ${end} times a power of two; not ${odd.size}`,
    );
  return maps.map((map, i) => {
    const name = `discriminator.head${i}`;
    return { name, layers: layersOf(name, map, sizes), depth: width(end) };
  });
}

/** A tensor that is trained, with the standard deviation of its fresh values. */
type Planned = readonly [name: string, shape: readonly number[], std: number];

const plannedTensors = ({ name, layers, depth }: Head, classes: number): Planned[] => [
  ...layers.flatMap((layer): Planned[] => [
    [`${layer.name}.weight`, layer.shape, 1 / Math.sqrt(sizeOf(layer.shape.slice(1)))],
    [`${layer.name}.bias`, [layer.shape[0]], 0],
  ]),
  [`${name}.logit.weight`, [1, depth], 1],
  ...(classes ? [[`${name}.classes.weight`, [classes, depth], 1] as const] : []),
];

/** Names and shapes of the tensors that are trained. @throws UserError as `discriminator`. */
export const discriminatorShapes = (sizes: DiscriminatorSizes): (readonly [string, readonly number[]])[] =>
  headsOf(sizes).flatMap((head) => plannedTensors(head, sizes.classes).map(([name, shape]) => [name, shape] as const));

/** What leaky ReLUs take from the mean square is given back after the normalisation. */
const gain = Math.SQRT2;
const slope = 0.2;

/**
 * Heads of convolutions with spectral normalisation and leaky ReLU (0.2), without other normalisation. At each place of
 * the last map h, `[d]`, the logit is h . (w + E y) / sqrt(d) with y the one-hot class.
 * Source: Sauer et al., "Projected GANs converge faster", 2021; Miyato and Koyama, "cGANs with projection discriminator",
 * ICLR 2018.
 * @throws UserError for a map whose side does not come down to that of the logits.
 */
export function discriminator(sizes: DiscriminatorSizes, seed: number): Discriminator {
  const heads = headsOf(sizes);
  const state = new Map<string, Tensor>();
  const trainable: string[] = [];
  let streams = 0x64 * 2 ** 32;
  for (const [name, shape, std] of heads.flatMap((head) => plannedTensors(head, sizes.classes))) {
    const values = new Float32Array(sizeOf(shape));
    const tensor = float32(shape, std ? fillNormal(values, std, seed, streams++) : values);
    state.set(name, tensor);
    trainable.push(name);
    if (shape.length !== 4) continue;
    const names = singularNames(name);
    const { left, right } = singularVectors(tensor);
    state.set(names.left, left).set(names.right, right);
  }
  return {
    state,
    trainable,
    addTo(b, live, given, condition) {
      const updates: Record<string, Value> = {};
      const logits = heads.map(({ name, layers, depth }, i) => {
        let x = given[i];
        for (const layer of layers) {
          const key = `${layer.name}.weight`;
          const names = singularNames(key);
          const normalised = spectrallyNormalised(b, live(key), live(names.left), live(names.right), gain);
          updates[names.left] = normalised.left();
          updates[names.right] = normalised.right();
          const options = { strides: [layer.stride, layer.stride], pads: [1, 1, 1, 1] };
          x = b.conv(x, normalised.weight, live(`${layer.name}.bias`), options);
          x = b.op('LeakyRelu', [x], { alpha: float(slope) })[0];
        }
        const [n, , height] = x.shape;
        const places = height * height;
        const flat = b.reshape(x, [n, depth, places]);
        const common = live(`${name}.logit.weight`);
        const row = condition
          ? b.gemm(condition, live(`${name}.classes.weight`), common)
          : b.expand(common, [n, depth]);
        const scaled = b.reshape(b.div(row, Math.sqrt(depth)), [n, 1, depth]);
        return b.reshape(b.matmul(scaled, flat), [n, places]);
      });
      return { logits: b.concat(logits, 1), updates };
    },
  };
}
