// CLIP's text tower, a small causal transformer, in training and afterwards; and classes told apart by their captions.
// The image tower is the zoo's; captions and tokens are in captions.ts.

import { UserError } from '../../errors.ts';
import { float, int } from '../../graph/attributes.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { float32, int64, toFloat32, type Float32Tensor, type Tensor } from '../../graph/tensor.ts';
import type { Engine } from '../../runtime/engine.ts';
import { runOnce } from '../../runtime/run-once.ts';
import { Weights } from '../../zoo/weights.ts';
import { captionOf, Tokenizer, vocabularyIn } from './captions.ts';

/** Heads of the attention: of 64 channels, as the official code has it, or one. */
export const textHeads = (width: number): number => Math.max(1, Math.floor(width / 64));

/**
 * Adds the text tower: the features `[n, embed]` at the end token, not normalised.
 * Source: Radford et al., 2021, section 2.4; names and layout of the official `clip/model.py`.
 * @param tokens int64 `[n, context]`, one end token (the largest number) in each row; what follows it is not seen.
 */
export function textFeatures(b: GraphBuilder, tokens: Value, weights: Weights): Value {
  const [n, context] = tokens.shape;
  const [size, width] = weights.shape('token_embedding.weight');
  const linear = (input: Value, weight: string, bias: string): Value =>
    b.gemm(input, weights.constant(b, weight), weights.constant(b, bias), { transB: true });
  const normalisation = (input: Value, name: string): Value => {
    const [scale, bias] = ['weight', 'bias'].map((part) => weights.constant(b, `${name}.${part}`, [width]));
    return b.op('LayerNormalization', [input, scale, bias], { axis: int(-1), epsilon: float(1e-5) })[0];
  };

  const embedded = b.gather(weights.constant(b, 'token_embedding.weight'), tokens, 0);
  const placed = b.add(embedded, weights.constant(b, 'positional_embedding', [context, width]));
  const later = laterTokens(b, context);
  let y = b.reshape(placed, [n * context, width]);
  for (let i = 0; weights.has(`transformer.resblocks.${i}.ln_1.weight`); i++) {
    const name = `transformer.resblocks.${i}`;
    const { attn, mlp } = { attn: `${name}.attn`, mlp: `${name}.mlp` };
    const qkv = linear(normalisation(y, `${name}.ln_1`), `${attn}.in_proj_weight`, `${attn}.in_proj_bias`);
    const attended = causalAttention(b, qkv, later, n);
    y = b.add(y, linear(attended, `${attn}.out_proj.weight`, `${attn}.out_proj.bias`));
    const raised = linear(normalisation(y, `${name}.ln_2`), `${mlp}.c_fc.weight`, `${mlp}.c_fc.bias`);
    y = b.add(y, linear(quickGelu(b, raised), `${mlp}.c_proj.weight`, `${mlp}.c_proj.bias`));
  }
  const atEnd = b.cast(b.equal(tokens, b.constant(int64([size - 1], []))), 'float32');
  const chosen = b.matmul(b.reshape(atEnd, [n, 1, context]), b.reshape(y, [n, context, width]));
  const last = normalisation(b.reshape(chosen, [n, width]), 'ln_final');
  return b.matmul(last, weights.constant(b, 'text_projection'));
}

/** `[context, context]`: what hides from each token those after it, when it is added to the scores. */
function laterTokens(b: GraphBuilder, context: number): Value {
  const mask = new Float32Array(context * context);
  for (let t = 0; t < context; t++) mask.fill(-Infinity, t * context + t + 1, (t + 1) * context);
  return b.constant(float32([context, context], mask));
}

/**
 * Attention of each token to itself and those before it: `[n * context, 3 * width]` -> `[n * context, width]`.
 * @param later as `laterTokens`.
 */
function causalAttention(b: GraphBuilder, qkv: Value, later: Value, n: number): Value {
  const [context] = later.shape;
  const width = qkv.shape[1] / 3;
  const heads = textHeads(width);
  const size = width / heads;
  const perHead = (value: Value, perm: readonly number[]) =>
    b.transpose(b.reshape(value, [n, context, heads, size]), perm);
  const [queries, keys, values] = b.split(qkv, [width, width, width], 1);
  const scores = b.mul(b.matmul(perHead(queries, [0, 2, 1, 3]), perHead(keys, [0, 2, 3, 1])), size ** -0.5);
  const shares = b.softmax(b.add(scores, later));
  const mixed = b.matmul(shares, perHead(values, [0, 2, 1, 3]));
  return b.reshape(b.transpose(mixed, [0, 2, 1, 3]), [n * context, width]);
}

const quickGelu = (b: GraphBuilder, x: Value): Value => b.mul(x, b.sigmoid(b.mul(x, 1.702)));

/** Rows `[n, features]` of length 1. */
export const normalised = (b: GraphBuilder, x: Value): Value => b.div(x, b.sqrt(b.reduceSumSquare(x, [1], true)));

/**
 * Features of captions by a trained network, rows of length 1: `[captions.length, embed]`.
 * @param tensors of both towers, with the vocabulary.
 * @throws UserError when a caption is too long, or tensors of the text tower or the vocabulary are missing.
 */
export async function encodeText(
  engine: Engine,
  tensors: ReadonlyMap<string, Tensor>,
  captions: readonly string[],
): Promise<Float32Tensor> {
  if (!captions.length) throw new UserError('there are no captions to encode; give one or more');
  const weights = new Weights(tensors, 'the text tower');
  const tokenizer = new Tokenizer(vocabularyIn(tensors), weights.shape('positional_embedding')[0]);
  const tokens = tokenizer.encode(captions);
  const b = new GraphBuilder({ name: 'text' });
  b.output(normalised(b, textFeatures(b, b.input('tokens', tokens.shape, 'int64'), weights)), 'features');
  const { features } = await runOnce(engine, b.build(), { tokens });
  return float32(features.shape, toFloat32(features));
}

/**
 * Features that stand for classes, rows of length 1: the mean of those of their captions, `[classes.length, embed]`.
 * Source: Radford et al., 2021, section 3.1.4 (an ensemble over the space of features).
 */
export async function classFeatures(
  engine: Engine,
  tensors: ReadonlyMap<string, Tensor>,
  classes: readonly string[],
  prompts: readonly string[] = ['a photo of a {}'],
): Promise<Float32Tensor> {
  const captions = classes.flatMap((name) => prompts.map((prompt) => captionOf(prompt, name)));
  const { shape, data } = await encodeText(engine, tensors, captions);
  const embed = shape[1];
  const rows = new Float32Array(classes.length * embed);
  classes.forEach((_, c) => {
    const row = rows.subarray(c * embed, (c + 1) * embed);
    prompts.forEach((_prompt, p) => row.forEach((_v, k) => (row[k] += data[(c * prompts.length + p) * embed + k])));
    const length = Math.hypot(...row);
    row.forEach((value, k) => (row[k] = value / length));
  });
  return float32([classes.length, embed], rows);
}
