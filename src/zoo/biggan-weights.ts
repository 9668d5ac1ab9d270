// Weights of BigGAN-deep as its layers use them: spectrally normalised, batch statistics of a truncation; and fresh ones.
// The network itself is in biggan.ts.

import { float32, sizeOf, type Tensor } from '../graph/tensor.ts';
import { fillNormal } from '../random.ts';
import type { Weights } from './weights.ts';

/**
 * A weight divided by its spectral norm, which the stored vectors u and v tell: W / (u' W v).
 * Source: Miyato et al., "Spectral normalization for generative adversarial networks", 2018.
 */
export function spectrallyNormalised(weights: Weights, name: string): Float32Array {
  const rows = weights.shape(`${name}.weight_orig`)[0];
  const weight = weights.values(`${name}.weight_orig`);
  const columns = weight.length / rows;
  const u = weights.values(`${name}.weight_u`, [rows]);
  const v = weights.values(`${name}.weight_v`, [columns]);
  const product = timesVector(weight, v);
  let sigma = 0;
  for (let r = 0; r < rows; r++) sigma += u[r] * product[r];
  return weight.map((value) => value / sigma);
}

export interface Affine {
  readonly scale: Float32Array;
  readonly shift: Float32Array;
}

/**
 * Normalisation by the batch statistics of a truncation: (x - mean) / sqrt(variance + eps) as x * scale + shift.
 * Between two stored truncations the official code weighs the lower one by the distance from it, not to it: so does this.
 * It divides by the step, which rounds unlike multiplying: 0.58 falls just short of the row 29 of 0.02 steps.
 */
export function statisticsAt(weights: Weights, name: string, truncation: number, eps: number): Affine {
  const [rows, channels] = weights.shape(`${name}.running_means`);
  const position = truncation / (1 / (rows - 1));
  const row = Math.floor(position);
  const fraction = position - row;
  const at = (part: string): Float64Array => {
    const values = weights.values(`${name}.${part}`, [rows, channels]);
    const lower = values.subarray(row * channels, (row + 1) * channels);
    if (fraction === 0 || row === rows - 1) return Float64Array.from(lower);
    const upper = values.subarray((row + 1) * channels, (row + 2) * channels);
    return Float64Array.from(lower, (value, c) => value * fraction + upper[c] * (1 - fraction));
  };
  const means = at('running_means');
  const scale = at('running_vars').map((variance) => 1 / Math.sqrt(variance + eps));
  return { scale: Float32Array.from(scale), shift: Float32Array.from(scale, (value, c) => -means[c] * value) };
}

/** Standard deviation of fresh weights. Spectral normalisation takes it out of all but the embeddings. */
const deviation = 0.02;
/** Rounds of power iteration for the u and v of fresh weights; training makes one a step. */
const rounds = 3;

/**
 * Untrained weights: normal ones of deviation 0.02, with u and v by power iteration; scales 1, biases and attention's
 * gamma 0; means 0 and variances 1 for every truncation.
 */
export function freshBigGan(tensors: ReadonlyMap<string, Tensor>, seed: number): Map<string, Tensor> {
  const out = new Map<string, Tensor>();
  let stream = 0;
  for (const [name, { shape }] of tensors) {
    stream++;
    const values = new Float32Array(sizeOf(shape));
    if (/\.(running_vars|weight)$/.test(name) && name.startsWith('generator.')) values.fill(1);
    else if (name.endsWith('weight_orig') || name === 'embeddings.weight') {
      fillNormal(values, deviation, seed, stream);
    }
    out.set(name, float32(shape, values));
  }
  for (const [name, { data, shape }] of out) {
    if (!name.endsWith('.weight_orig')) continue;
    const { u, v } = singularVectors(data as Float32Array, shape[0]);
    out.set(name.replace(/orig$/, 'u'), float32([u.length], u));
    out.set(name.replace(/orig$/, 'v'), float32([v.length], v));
  }
  return out;
}

/** Vectors near those of the largest singular value of a matrix `[rows, ...]`. */
function singularVectors(matrix: Float32Array, rows: number) {
  let u = new Float32Array(rows).fill(1);
  let v = new Float32Array(0);
  for (let round = 0; round < rounds; round++) {
    v = unit(timesVectorFromLeft(matrix, u));
    u = unit(timesVector(matrix, v));
  }
  return { u, v };
}

function timesVector(matrix: Float32Array, vector: Float32Array): Float64Array {
  const columns = vector.length;
  const out = new Float64Array(matrix.length / columns);
  for (let r = 0, i = 0; r < out.length; r++) {
    let sum = 0;
    for (let c = 0; c < columns; c++, i++) sum += matrix[i] * vector[c];
    out[r] = sum;
  }
  return out;
}

function timesVectorFromLeft(matrix: Float32Array, vector: Float32Array): Float64Array {
  const out = new Float64Array(matrix.length / vector.length);
  for (let r = 0, i = 0; r < vector.length; r++) {
    for (let c = 0; c < out.length; c++, i++) out[c] += matrix[i] * vector[r];
  }
  return out;
}

function unit(vector: Float64Array): Float32Array<ArrayBuffer> {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(vector, (value) => value / length);
}
