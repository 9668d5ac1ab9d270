// Spectral normalisation in a step's graph: a weight divided by its largest singular value.
// The vectors of the power iteration are buffers of the training; when they are replaced is the caller's business.

import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32, type Tensor, floats } from '../../graph/tensor.ts';
import { singularVectors as vectorsOf } from '../../zoo/biggan/weights.ts';

/** Names of a weight's left and right singular vectors in the state. */
export const singularNames = (weight: string) => ({ left: `${weight}:u`, right: `${weight}:v` });

/**
 * The weight `[m, ...]`, as a matrix of m rows, divided by u' W v. The vectors count as constants, as in PyTorch's
 * `spectral_norm`: they are those that the last update left, so that only the updates themselves iterate.
 * Source: Miyato et al., "Spectral normalization for generative adversarial networks", ICLR 2018.
 * @param left u `[m, 1]`.
 * @param right v `[columns, 1]`.
 * @param gain multiple of the result.
 * @returns the weight, and what adds either vector after one power iteration: v = W'u / |W'u|, u = W v / |W v|.
 */
export function spectrallyNormalised(
  b: GraphBuilder,
  weight: Value,
  left: Value,
  right: Value,
  gain = 1,
): { weight: Value; left: () => Value; right: () => Value } {
  const matrix = b.reshape(weight, [left.shape[0], right.shape[0]]);
  const norm = b.reshape(b.gemm(left, b.gemm(matrix, right), undefined, { transA: true }), []);
  const unit = (x: Value) => b.div(x, b.add(b.op('ReduceL2', [x], { keepdims: { int: 0 } })[0], 1e-12));
  const after = () => unit(b.gemm(matrix, left, undefined, { transA: true }));
  return { weight: b.mul(weight, b.div(gain, norm)), left: () => unit(b.gemm(matrix, after())), right: after };
}

/** The vectors of a weight, `[m, 1]` and `[columns, 1]`, by power iterations. */
export function singularVectors({ shape, data }: Tensor, iterations = 100): { left: Tensor; right: Tensor } {
  const { u, v } = vectorsOf(floats(data), shape[0], iterations);
  return { left: float32([u.length, 1], u), right: float32([v.length, 1], v) };
}
