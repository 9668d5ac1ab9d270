// The masked autoencoder in training: an encoder of the patches that are shown, a lighter decoder of all, and the loss on
// those that are hidden. Which are is drawn in recipe.ts; the encoder as it is shipped is the zoo's `vit`.

import { float, int } from '../../graph/attributes.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32, int64 } from '../../graph/tensor.ts';
import { vitBlock, vitLinear, vitNormalisation } from '../../zoo/encoders/vit.ts';
import type { Weights } from '../../zoo/weights.ts';

/** Sizes of the encoder, or of the decoder. */
export interface TransformerSizes {
  /** Channels of a token: a multiple of 4 and of the heads. */
  readonly width: number;
  /** Number of blocks. */
  readonly depth: number;
  /** Channels between the two layers of an MLP. */
  readonly hidden: number;
  readonly heads: number;
}

export interface MaeSizes {
  /** Side of a patch, in pixels. */
  readonly patch: number;
  /** Side of the grid of patches. */
  readonly grid: number;
  readonly encoder: TransformerSizes;
  readonly decoder: TransformerSizes;
}

/** As many patches of every image: `count` of each. */
export interface PatchSet {
  readonly count: number;
  /** `[n * count, 3, patch * patch]`. */
  readonly pixels: Value;
  /** Their places among an image's tokens, the first of which is the class token: int64 `[n, count]`. */
  readonly places: Value;
}

/**
 * Cuts images into patches, those that are shown and those that are hidden.
 * @param x `[n, 3, side, side]`, normalised.
 * @param order int64 `[n, grid^2]`: of every image all its patches, counted from 0 row by row; the first `shown` are shown.
 */
export function splitPatches(b: GraphBuilder, x: Value, order: Value, shown: number, { patch, grid }: MaeSizes) {
  const [n, count] = order.shape;
  const cut = b.transpose(b.reshape(x, [n, 3, grid, patch, grid, patch]), [0, 2, 4, 1, 3, 5]);
  const all = b.reshape(cut, [n * count, 3, patch * patch]);
  const firsts = b.constant(
    int64(
      [...Array(n).keys()].map((i) => i * count),
      [n, 1],
    ),
  );
  const [some, others] = b.split(order, [shown, count - shown], 1).map((part): PatchSet => {
    const rows = b.reshape(b.add(part, firsts), [n * part.shape[1]]);
    return { count: part.shape[1], pixels: b.gather(all, rows, 0), places: b.add(part, 1) };
  });
  return { shown: some, hidden: others };
}

/**
 * The encoder's tokens, `[n * (1 + count), width]`: of each image the class token, then the patches that are shown, in
 * their order, which attention does not see. What is not shown is chosen before anything is computed of it, so that no
 * gradient has to find its way back to chosen rows.
 */
export function encodeShown(
  b: GraphBuilder,
  { count, pixels, places }: PatchSet,
  weights: Weights,
  { patch, encoder }: MaeSizes,
): Value {
  const { width, depth } = encoder;
  const [n] = places.shape;
  const filters = b.reshape(weights.constant(b, 'patch_embed.proj.weight', [width, 3, patch, patch]), [width, -1]);
  const flat = b.reshape(pixels, [n * count, 3 * patch * patch]);
  const embedded = b.gemm(flat, filters, weights.constant(b, 'patch_embed.proj.bias', [width]), { transB: true });
  const positions = b.constant(positionsOf(weights, 'pos_embed'));
  const patches = b.add(b.reshape(embedded, [n, count, width]), b.gather(positions, places, 0));
  const token = b.add(weights.constant(b, 'cls_token', [1, 1, width]), b.gather(positions, [0], 0));
  let y = b.reshape(b.concat([b.expand(token, [n, 1, width]), patches], 1), [n * (1 + count), width]);
  for (let i = 0; i < depth; i++) y = vitBlock(b, weights, `blocks.${i}`, y, { n, tokens: 1 + count, ...encoder });
  return vitNormalisation(b, weights, 'norm', y);
}

/**
 * What the decoder makes of the hidden patches, `[n * hidden.count, patch * patch * 3]`, pixel by pixel. The official code
 * puts the tokens back in the order of the grid first; here they stay in theirs, and get the positions of their places.
 * @param encoded of `encodeShown`.
 */
export function decodeHidden(
  b: GraphBuilder,
  encoded: Value,
  shown: PatchSet,
  hidden: PatchSet,
  weights: Weights,
  { patch, decoder }: MaeSizes,
): Value {
  const { width, depth } = decoder;
  const [n] = hidden.places.shape;
  const tokens = 1 + shown.count + hidden.count;
  const positions = b.constant(positionsOf(weights, 'decoder_pos_embed'));
  const known = b.reshape(vitLinear(b, weights, 'decoder_embed', encoded, width), [n, 1 + shown.count, width]);
  const knownPlaces = b.concat([b.constant(int64(new Array<number>(n).fill(0), [n, 1])), shown.places], 1);
  const masked = b.add(b.gather(positions, hidden.places, 0), weights.constant(b, 'mask_token', [1, 1, width]));
  let y = b.concat([b.add(known, b.gather(positions, knownPlaces, 0)), masked], 1);
  y = b.reshape(y, [n * tokens, width]);
  for (let i = 0; i < depth; i++) y = vitBlock(b, weights, `decoder_blocks.${i}`, y, { n, tokens, ...decoder });
  const rows = b.slice(b.reshape(y, [n, tokens, width]), { axes: [1], starts: [1 + shown.count], ends: [tokens] });
  const last = vitNormalisation(b, weights, 'decoder_norm', b.reshape(rows, [n * hidden.count, width]));
  return vitLinear(b, weights, 'decoder_pred', last, 3 * patch * patch);
}

/**
 * The pixels that are to be predicted, `[rows, patch * patch * 3]`, pixel by pixel.
 * @param normalised each patch to mean 0 and variance 1: (x - mean) / sqrt(variance + 1e-6), with the unbiased variance.
 */
export function targetOf(b: GraphBuilder, { pixels }: PatchSet, normalised: boolean): Value {
  const [rows, colours, area] = pixels.shape;
  const size = colours * area;
  const target = b.reshape(b.transpose(pixels, [0, 2, 1]), [rows, size]);
  if (!normalised) return target;
  // One operator, whose variance is the biased one: x / sqrt(v s / (s - 1) + e) = k x / sqrt(v + k² e), k² = (s - 1) / s.
  const fraction = (size - 1) / size;
  const scale = b.constant(float32([size], new Float32Array(size).fill(Math.sqrt(fraction))));
  return b.op('LayerNormalization', [target, scale], { axis: int(-1), epsilon: float(1e-6 * fraction) })[0];
}

/** Mean squared error of all elements, shape []. */
export function meanSquare(b: GraphBuilder, prediction: Value, target: Value): Value {
  const [rows, columns] = prediction.shape;
  return b.mul(b.reduceSumSquare(b.sub(prediction, target), [0, 1]), 1 / (rows * columns));
}

/** A table of fixed positions, `[1 + grid^2, width]`. */
function positionsOf(weights: Weights, name: string) {
  const [positions, width] = weights.shape(name).slice(-2);
  return float32([positions, width], weights.values(name));
}
