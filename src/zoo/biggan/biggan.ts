// BigGAN-deep as one builder, with the names of huggingface's pytorch-pretrained-BigGAN.
// It draws no z: how z is sampled under a truncation is told by the latent, and done where samples are made.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import type { Read } from '../../files/json.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32, sizeOf } from '../../graph/tensor.ts';
import { channels, classes, each, whole } from '../bounds.ts';
import type { GeneratorFamily, Hints, Shapes } from '../architecture.ts';
import {
  conditionalNorms,
  freshBigGan,
  normalisedMatrix,
  normalisedWeight,
  spectrallyNormalised,
  storedNorms,
  type AffineMaps,
  type BigGanNorms,
} from './weights.ts';
import { eachLayer, spread } from '../latents.ts';
import type { BuiltGenerator, GeneratorInput } from '../model.ts';
import type { Weights } from '../weights.ts';

const bigGanConfig = Type.Object({
  z: channels('Length of z; with the embedding of a class it is the condition of all layers.'),
  embedding: channels('Length of the embedding of a class.'),
  classes: classes('Classes of the condition.'),
  layers: each(
    Type.Enum(['same', 'up', 'attention']),
    '`generator.layers` in order: residual blocks that keep or double the size, and self-attention.',
    1,
    256,
  ),
  statistics: whole('Truncations that batch statistics are stored for, from 0 to 1 in equal steps.', 10_000, 2),
  eps: Type.Number({ minimum: 0, maximum: 1, description: 'Added to variances.' }),
});

/** What tensors tell of a BigGAN-deep, and what they cannot tell: which blocks double the size, and eps. */
export type BigGanConfig = Read<typeof bigGanConfig>;

const blocksOf = ({ layers }: BigGanConfig): number => layers.filter((layer) => layer !== 'attention').length;

export const biggan: GeneratorFamily<BigGanConfig> = {
  name: 'biggan-deep',
  kind: 'generator',
  config: bigGanConfig,
  recognise: recogniseBigGan,
  choices: { eps: 'number' },
  unused: [],
  /** Every module whose name contains `conv`, as in the code of the paper on Rosetta neurons. */
  defaultTaps: () => ['**conv*'],
  latent(config) {
    const size = 4 * 2 ** config.layers.filter((layer) => layer === 'up').length;
    return {
      z: config.z,
      sampling: 'truncated',
      classes: config.classes,
      w: config.z + config.embedding,
      layers: 1 + blocksOf(config),
      height: size,
      width: size,
      truncation: { default: 1, least: 1 / (config.statistics - 1), most: 1 },
    };
  },
  addTo: (b, input, weights, config, { truncation }) =>
    addBigGan(b, input, weights, config, storedNorms(weights, truncation, config.eps)),
  fresh: freshBigGan,
};

/**
 * Configuration from the names and shapes of the tensors, and from `layers` and `eps` of the config.json beside them.
 * Without that file every second block doubles the size, and eps is 1e-4, as in all published networks.
 */
function recogniseBigGan(shapes: Shapes, { json = {} }: Hints): BigGanConfig | undefined {
  const embedding = shapes.get('embeddings.weight');
  const first = shapes.get('generator.gen_z.weight_orig');
  const statistics = shapes.get('generator.bn.running_means');
  if (!embedding || !first || !statistics || !shapes.has('generator.layers.0.bn_3.scale.weight_orig')) return undefined;
  const isBlock: boolean[] = [];
  for (;;) {
    const name = `generator.layers.${isBlock.length}`;
    const block = shapes.has(`${name}.conv_0.weight_orig`);
    if (!block && !shapes.has(`${name}.snconv1x1_theta.weight_orig`)) break;
    isBlock.push(block);
  }
  const blocks = isBlock.filter(Boolean).length;
  const up = Array.isArray(json.layers)
    ? json.layers.map((layer) => Array.isArray(layer) && layer[0] === true)
    : Array.from({ length: blocks }, (_, i) => i % 2 === 1);
  if (up.length !== blocks) {
    throw new UserError(
      `the config.json beside the checkpoint has ${up.length} layers, its tensors are of ${blocks} blocks; put the config.json of this network there, or none`,
    );
  }
  let next = 0;
  return {
    z: first[1] - embedding[0],
    embedding: embedding[0],
    classes: embedding[1],
    layers: isBlock.map((block) => (block ? (up[next++] ? 'up' : 'same') : 'attention')),
    statistics: statistics[0],
    eps: typeof json.eps === 'number' ? json.eps : 1e-4,
  };
}

/**
 * Adds a BigGAN-deep to a builder. Its w is the condition: z and the class embedding, `[n, z + embedding]`. Of the
 * layers of w+ the first feeds `gen_z` and each further one a residual block, in order; attention has none.
 * Truncation chooses the stored batch statistics, whatever the input is; it has no cutoff. Here they come with `norms`.
 * Taps: of each block `generator.layers.I.conv_N`, of attention `generator.layers.I.snconv1x1_{theta,phi,g,o_conv}`,
 * of both `generator.layers.I`, and `generator.conv_to_rgb`, of whose channels the first three make the image.
 * Source: Brock et al., "Large scale GAN training for high fidelity natural image synthesis", 2019, appendix B.
 */
export function addBigGan(
  b: GraphBuilder,
  input: GeneratorInput,
  weights: Weights,
  config: BigGanConfig,
  norms: BigGanNorms,
): BuiltGenerator {
  const taps = new Map<string, Value>();
  const tap = (name: string, value: Value): Value => {
    taps.set(name, value);
    return value;
  };
  const convolution = (x: Value, name: string): Value => {
    const weight = normalisedWeight(b, weights, name);
    const bias = weights.has(`${name}.bias`) ? weights.constant(b, `${name}.bias`, [weight.shape[0]]) : undefined;
    const pad = (weight.shape[2] - 1) >> 1;
    return tap(name, b.conv(x, weight, bias, { pads: [pad, pad, pad, pad] }));
  };

  const ws = conditions(b, input, weights, config);
  const [first, ...latents] = eachLayer(b, ws);
  let x = firstMaps(b, first, weights);
  let block = 0;
  config.layers.forEach((layer, i) => {
    const name = `generator.layers.${i}`;
    if (layer === 'attention') {
      x = tap(name, attention(b, x, name, weights, convolution));
      return;
    }
    const { channels: widths, gains, offsets } = modulation(b, latents[block++], name, weights);
    const normalised = norms.conditional(b, name, widths, gains, offsets);
    const activation = (maps: Value, n: number): Value => activated(b, maps, normalised(maps, n));
    let branch = convolution(activation(x, 0), `${name}.conv_0`);
    branch = activation(branch, 1);
    if (layer === 'up') branch = doubled(b, branch);
    branch = convolution(branch, `${name}.conv_1`);
    branch = convolution(activation(branch, 2), `${name}.conv_2`);
    branch = convolution(activation(branch, 3), `${name}.conv_3`);
    const [, channels] = branch.shape;
    let shortcut = channels === x.shape[1] ? x : b.slice(x, { axes: [1], starts: [0], ends: [channels] });
    if (layer === 'up') shortcut = doubled(b, shortcut);
    x = tap(name, b.add(branch, shortcut));
  });

  x = activated(b, x, norms.last(b, x));
  convolution(x, 'generator.conv_to_rgb');
  return { taps, output: b.tanh(imageOf(b, x, weights)), ws, noise: [] };
}

const activated = (b: GraphBuilder, x: Value, { scale, shift }: AffineMaps): Value =>
  b.relu(b.add(b.mul(x, scale), shift));

const doubled = (b: GraphBuilder, x: Value): Value =>
  b.resize(x, { scales: [2, 2], mode: 'nearest', coordinates: 'asymmetric', nearest: 'floor' });

/** The condition of each layer, `[n, layers, z + embedding]`. */
function conditions(b: GraphBuilder, input: GeneratorInput, weights: Weights, config: BigGanConfig): Value {
  if ('ws' in input) return input.ws;
  const layers = 1 + blocksOf(config);
  if ('w' in input) return spread(b, input.w, layers);
  if (!input.c) throw new UserError(`${weights.owner} needs a class beside z: c, one-hot, [n, ${config.classes}]`);
  const embeddings = weights.constant(b, 'embeddings.weight', [config.embedding, config.classes]);
  return spread(b, b.concat([input.z, b.gemm(input.c, embeddings, undefined, { transB: true })], 1), layers);
}

/** `gen_z`: maps of 4 x 4, which it has with the channels last. */
function firstMaps(b: GraphBuilder, w: Value, weights: Weights): Value {
  const weight = normalisedWeight(b, weights, 'generator.gen_z');
  const [size] = weight.shape;
  const flat = b.gemm(w, weight, weights.constant(b, 'generator.gen_z.bias', [size]), { transB: true });
  return b.transpose(b.reshape(flat, [w.shape[0], 4, 4, size / 16]), [0, 3, 1, 2]);
}

/**
 * The gains and offsets of a block's four normalisations, `[n, sum of channels]` each: 1 + scale(w) and offset(w). All of
 * them come from one product with w.
 */
function modulation(b: GraphBuilder, w: Value, block: string, weights: Weights) {
  const names = conditionalNorms.map((norm) => `${block}.${norm}`);
  const channels = names.map((name) => weights.shape(`${name}.scale.weight_orig`)[0]);
  const total = channels.reduce((sum, count) => sum + count, 0);
  const parts = ['scale', 'offset'].flatMap((part) => names.map((name) => `${name}.${part}`));
  const matrix = normalisedMatrix(b, weights, `${block}:modulation`, parts);
  const ones = b.constant(float32([2 * total], new Float32Array(2 * total).fill(1, 0, total)));
  const [gains, offsets] = b.split(b.gemm(w, matrix, ones, { transB: true }), [total, total], 1);
  return { channels, gains, offsets };
}

/** The first three channels of `conv_to_rgb`, by themselves: where no one asks for the others, a quarter of the work. */
function imageOf(b: GraphBuilder, x: Value, weights: Weights): Value {
  const name = 'generator.conv_to_rgb';
  const shape = [3, ...weights.shape(`${name}.weight_orig`).slice(1)];
  const first = (x: Value): Value => b.slice(x, { axes: [0], starts: [0], ends: [3] });
  const weight = weights.derived(
    b,
    `${name}:image`,
    () => float32(shape, spectrallyNormalised(weights, name).slice(0, sizeOf(shape))),
    () => first(normalisedWeight(b, weights, name)),
  );
  const bias = weights.derived(
    b,
    `${name}.bias:image`,
    () => float32([3], weights.values(`${name}.bias`).slice(0, 3)),
    () => first(weights.constant(b, `${name}.bias`)),
  );
  return b.conv(x, weight, bias, { pads: [1, 1, 1, 1] });
}

/** Self-attention with keys and values from maps of half the size. */
function attention(
  b: GraphBuilder,
  x: Value,
  name: string,
  weights: Weights,
  convolution: (x: Value, name: string) => Value,
): Value {
  const [n, , height, width] = x.shape;
  const flat = (maps: Value): Value => b.reshape(maps, [n, maps.shape[1], maps.shape[2] * maps.shape[3]]);
  const pooled = (maps: Value): Value => flat(b.maxPool(maps, { kernel: [2, 2], strides: [2, 2] }));
  const query = flat(convolution(x, `${name}.snconv1x1_theta`));
  const key = pooled(convolution(x, `${name}.snconv1x1_phi`));
  const value = pooled(convolution(x, `${name}.snconv1x1_g`));
  const shares = b.softmax(b.matmul(b.transpose(query, [0, 2, 1]), key));
  const mixed = b.matmul(value, b.transpose(shares, [0, 2, 1]));
  const out = convolution(b.reshape(mixed, [n, mixed.shape[1], height, width]), `${name}.snconv1x1_o_conv`);
  return b.add(x, b.mul(out, weights.constant(b, `${name}.gamma`, [1])));
}
