// The vision transformer (ViT) as one builder: DINO's, and the encoder of MAE, whose code names tensors alike.
// It has no LayerScale, no register tokens and no relative positions.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import type { Read } from '../../files/json.ts';
import { float, int } from '../../graph/attributes.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { channels, layers, whole } from '../bounds.ts';
import type { EncoderFamily, Shapes } from '../architecture.ts';
import type { BuiltModel } from '../model.ts';
import { gridSide, positionsFor } from './positions.ts';
import { imageNet } from './resnet.ts';
import type { Weights } from '../weights.ts';

const vitConfig = Type.Object({
  patch: whole('Side of a patch, in pixels.', 1024),
  width: channels('Channels of a token.'),
  depth: layers('Number of blocks.'),
  hidden: whole('Channels between the two layers of an MLP.', 2 ** 16),
  grid: whole('Side of the grid of patches that the position embeddings were trained for.', 1024),
  heads: layers('Heads of the attention; they divide the width.'),
});

/** What tensors tell of a ViT, and the number of heads, which they cannot tell. */
export type VitConfig = Read<typeof vitConfig>;

/** Configuration of a ViT from the names and shapes of its tensors; undefined when they are not those of one. */
function recogniseVit(shapes: Shapes): VitConfig | undefined {
  const [width, colours, patch, patchWidth] = shapes.get('patch_embed.proj.weight') ?? [];
  const positions = shapes.get('pos_embed')?.at(-2);
  const hidden = shapes.get('blocks.0.mlp.fc1.weight')?.[0];
  const grid = positions && gridSide(positions);
  if (colours !== 3 || patch !== patchWidth || !grid || !hidden || !shapes.has('cls_token')) return undefined;
  if (!shapes.has('blocks.0.attn.qkv.weight')) return undefined;
  let depth = 1;
  while (shapes.has(`blocks.${depth}.attn.qkv.weight`)) depth++;
  return { patch, width, depth, hidden, grid, heads: usualHeads(width) };
}

/** Heads of 64 channels, except in the huge ViT, whose 16 heads have 80. Source: Dosovitskiy et al., 2021, table 1. */
const usualHeads = (width: number): number => (width === 1280 ? 16 : width / 64);

export const vit: EncoderFamily<VitConfig> = {
  name: 'vit',
  kind: 'encoder',
  config: vitConfig,
  recognise: recogniseVit,
  choices: { heads: 'number' },
  /** The decoder of MAE's pre-training. */
  unused: ['mask_token', 'decoder_**'],
  defaultTaps: () => ['blocks.*.mlp.act'],
  defaultInput({ grid, patch }) {
    const side = grid * patch;
    return { height: side, width: side, ...imageNet, resize: 'bicubic', antialias: true };
  },
  addTo: addVit,
};

/**
 * Adds a ViT to a builder. Taps: `patch_embed` (before the positions), and of each block `blocks.I.norm1`,
 * `blocks.I.attn`, `blocks.I.norm2`, `blocks.I.mlp.fc1`, `blocks.I.mlp.act`, `blocks.I.mlp` and `blocks.I`, and `norm`,
 * all on the grid of patches, without the class token. The output is that of the official code: the normalised class
 * token, or the mean of the patches where there is an `fc_norm`, through `head` where there is one.
 * @param x `[n, 3, h, w]`, normalised; h and w are multiples of the patch.
 * @throws UserError for another size, or heads that do not divide the width.
 */
function addVit(b: GraphBuilder, x: Value, weights: Weights, config: VitConfig): BuiltModel {
  const { width, hidden, patch, depth, heads } = config;
  checkHeads(config, weights.owner);
  const [n] = x.shape;
  const grid = gridOf(x, config, weights.owner);
  const tokens = 1 + grid.height * grid.width;
  const taps = new Map<string, Value>();

  /** Lays `[n * tokens, channels]` back on the grid, `[n, channels, height, width]`. */
  const tap = (name: string, value: Value): Value => {
    const channels = value.shape[1];
    const all = b.reshape(value, [n, tokens, channels]);
    const patches = b.slice(all, { axes: [1], starts: [1], ends: [tokens] });
    taps.set(name, b.reshape(b.transpose(patches, [0, 2, 1]), [n, channels, grid.height, grid.width]));
    return value;
  };

  const filters = weights.constant(b, 'patch_embed.proj.weight', [width, 3, patch, patch]);
  const bias = optional(b, weights, 'patch_embed.proj.bias', [width]);
  const embedded = b.conv(x, filters, bias, { strides: [patch, patch] });
  taps.set('patch_embed', embedded);
  const patches = b.transpose(b.reshape(embedded, [n, width, tokens - 1]), [0, 2, 1]);
  const first = b.expand(weights.constant(b, 'cls_token', [1, 1, width]), [n, 1, width]);
  const placed = b.add(b.concat([first, patches], 1), positionsFor(b, weights, 'pos_embed', grid));

  let y = b.reshape(placed, [n * tokens, width]);
  for (let i = 0; i < depth; i++) y = vitBlock(b, weights, `blocks.${i}`, y, { n, tokens, hidden, heads }, tap);

  const perImage = (value: Value) => b.reshape(value, [n, tokens, width]);
  let output: Value;
  if (weights.has('fc_norm.weight')) {
    const mean = b.reduceMean(b.slice(perImage(y), { axes: [1], starts: [1], ends: [tokens] }), [1]);
    output = vitNormalisation(b, weights, 'fc_norm', mean);
  } else {
    output = b.gather(perImage(tap('norm', vitNormalisation(b, weights, 'norm', y))), 0, 1);
  }
  if (weights.has('head.weight')) output = vitLinear(b, weights, 'head', output, weights.shape('head.weight')[0]);
  return { taps, output };
}

/** What a block's tensors do not tell: images, tokens of each of them, channels inside the MLP, heads. */
export interface VitBlockSizes {
  readonly n: number;
  readonly tokens: number;
  readonly hidden: number;
  readonly heads: number;
}

/**
 * One block, `[n * tokens, width]` -> the same, from tensors `NAME.norm1.weight` and so on.
 * @param tap sees the block's inner values by name, `[n * tokens, channels]`, and gives them back.
 */
export function vitBlock(
  b: GraphBuilder,
  weights: Weights,
  name: string,
  x: Value,
  sizes: VitBlockSizes,
  tap: (name: string, value: Value) => Value = (_name, value) => value,
): Value {
  const width = x.shape[1];
  const linear = (input: Value, layer: string, to: number) => vitLinear(b, weights, `${name}.${layer}`, input, to);
  const first = tap(`${name}.norm1`, vitNormalisation(b, weights, `${name}.norm1`, x));
  const attended = linear(attention(b, linear(first, 'attn.qkv', 3 * width), sizes), 'attn.proj', width);
  const y = b.add(x, tap(`${name}.attn`, attended));
  const second = tap(`${name}.norm2`, vitNormalisation(b, weights, `${name}.norm2`, y));
  const raised = tap(`${name}.mlp.fc1`, linear(second, 'mlp.fc1', sizes.hidden));
  const active = tap(`${name}.mlp.act`, b.op('Gelu', [raised])[0]);
  return tap(name, b.add(y, tap(`${name}.mlp`, linear(active, 'mlp.fc2', width))));
}

/** `[rows, channels]` -> `[rows, to]`, with a bias where there is one. */
export function vitLinear(b: GraphBuilder, weights: Weights, name: string, x: Value, to: number): Value {
  const weight = weights.constant(b, `${name}.weight`, [to, x.shape[1]]);
  return b.gemm(x, weight, optional(b, weights, `${name}.bias`, [to]), { transB: true });
}

/** Each row of `[rows, channels]` normalised. */
export function vitNormalisation(b: GraphBuilder, weights: Weights, name: string, x: Value): Value {
  const [scale, bias] = ['weight', 'bias'].map((part) => weights.constant(b, `${name}.${part}`, [x.shape[1]]));
  return b.op('LayerNormalization', [x, scale, bias], { axis: int(-1), epsilon: float(1e-6) })[0];
}

const optional = (b: GraphBuilder, weights: Weights, name: string, shape: readonly number[]): Value | undefined =>
  weights.has(name) ? weights.constant(b, name, shape) : undefined;

/** Attention among the tokens of each image: queries, keys and values `[n * tokens, 3 * width]` -> `[n * tokens, width]`. */
function attention(b: GraphBuilder, qkv: Value, { n, tokens, heads }: VitBlockSizes): Value {
  const width = qkv.shape[1] / 3;
  const size = width / heads;
  const [queries, keys, values] = b.split(qkv, [width, width, width], 1);
  const perHead = (value: Value, perm: readonly number[]) =>
    b.transpose(b.reshape(value, [n, tokens, heads, size]), perm);
  const scores = b.mul(b.matmul(perHead(queries, [0, 2, 1, 3]), perHead(keys, [0, 2, 3, 1])), size ** -0.5);
  const mixed = b.matmul(b.softmax(scores), perHead(values, [0, 2, 1, 3]));
  return b.reshape(b.transpose(mixed, [0, 2, 1, 3]), [n * tokens, width]);
}

function checkHeads({ heads, width }: VitConfig, owner: string): void {
  if (Number.isInteger(heads) && heads > 0 && width % heads === 0) return;
  throw new UserError(
    `${owner} cannot have heads=${heads}: a whole number that divides its width, ${width}, is expected`,
  );
}

/** Patches of an input along each axis; official code may drop pixels at the border, which would shift every map. */
function gridOf(x: Value, { patch }: VitConfig, owner: string) {
  const [height, width] = x.shape.slice(2);
  if (height % patch === 0 && width % patch === 0 && height * width > 0) {
    return { height: height / patch, width: width / patch };
  }
  const near = (round: (v: number) => number) =>
    [height, width].map((side) => Math.max(1, round(side / patch)) * patch).join('x');
  throw new UserError(
    `${owner} takes images whose sides are multiples of its patch, ${patch}, not ${height}x${width}; the nearest sizes are ${near(Math.floor)} and ${near(Math.ceil)}`,
  );
}
