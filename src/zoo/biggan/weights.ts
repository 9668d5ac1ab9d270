// Weights of BigGAN-deep as its layers use them: spectrally normalised, batch statistics of a truncation; and fresh ones.
// The network itself is in biggan.ts.

import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32, sizeOf, type Tensor, floats } from '../../graph/tensor.ts';
import { fillNormal } from '../../random.ts';
import type { Weights } from '../weights.ts';

/** The weight of a layer, spectrally normalised. */
export function normalisedWeight(b: GraphBuilder, weights: Weights, name: string): Value {
  const shape = weights.shape(`${name}.weight_orig`);
  const make = () => float32(shape, spectrallyNormalised(weights, name));
  return weights.derived(b, `${name}:normalised`, make, () => addNormalised(b, weights, name));
}

/** Weights of layers of one condition, one below the other: `[sum of outputs, length of the condition]`. */
export function normalisedMatrix(b: GraphBuilder, weights: Weights, key: string, names: readonly string[]): Value {
  const shapes = names.map((name) => weights.shape(`${name}.weight_orig`));
  const rows = shapes.reduce((sum, shape) => sum + shape[0], 0);
  return weights.derived(
    b,
    key,
    () => float32([rows, shapes[0][1]], joined(names.map((name) => spectrallyNormalised(weights, name)))),
    () =>
      b.concat(
        names.map((name) => addNormalised(b, weights, name)),
        0,
      ),
  );
}

/** As `spectrallyNormalised`, in a graph. To the gradient u and v are what they are fed as: constants. */
function addNormalised(b: GraphBuilder, weights: Weights, name: string): Value {
  const weight = weights.constant(b, `${name}.weight_orig`);
  const rows = weight.shape[0];
  const columns = sizeOf(weight.shape) / rows;
  const u = b.reshape(weights.constant(b, `${name}.weight_u`, [rows]), [1, rows]);
  const v = b.reshape(weights.constant(b, `${name}.weight_v`, [columns]), [columns, 1]);
  const sigma = b.gemm(u, b.gemm(b.reshape(weight, [rows, columns]), v));
  return b.div(weight, b.reshape(sigma, []));
}

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

interface Affine {
  readonly scale: Float32Array;
  readonly shift: Float32Array;
}

/**
 * Normalisation by the batch statistics of a truncation: (x - mean) / sqrt(variance + eps) as x * scale + shift.
 * Between two stored truncations the official code weighs the lower one by the distance from it, not to it: so does this.
 * It divides by the step, which rounds unlike multiplying: 0.58 falls just short of the row 29 of 0.02 steps.
 */
function statisticsAt(weights: Weights, name: string, truncation: number, eps: number): Affine {
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

/** What is left of a normalisation: x * scale + shift, of shapes that broadcast over maps. */
export interface AffineMaps {
  readonly scale: Value;
  readonly shift: Value;
}

/** Where the statistics of normalisations come from. */
export interface BigGanNorms {
  /**
   * The normalisations of a block: (x - mean) / sqrt(variance + eps) * gain + offset.
   * @param block its name; those of the normalisations begin with it.
   * @param channels of each one.
   * @param gains and `offsets`, of all of them one after the other, `[n, sum of channels]`.
   * @returns a function of the maps `[n, c, h, w]` and the number of the normalisation.
   */
  conditional(
    b: GraphBuilder,
    block: string,
    channels: readonly number[],
    gains: Value,
    offsets: Value,
  ): (x: Value, i: number) => AffineMaps;
  /** That before the last convolution, whose gain and offset are weights. */
  last(b: GraphBuilder, x: Value): AffineMaps;
}

/** Names of a block's normalisations, and of the one that has no condition. */
export const conditionalNorms = ['bn_0', 'bn_1', 'bn_2', 'bn_3'];
export const lastNorm = 'generator.bn';

/** By what is stored for a truncation, whatever the maps are. */
export function storedNorms(weights: Weights, truncation: number, eps: number): BigGanNorms {
  return {
    conditional(b, block, channels, gains, offsets) {
      const total = gains.shape[1];
      const statistics = (part: 'scale' | 'shift'): Value =>
        weights.derived(b, `${block}:${part}@${truncation}`, () => {
          const names = conditionalNorms.map((norm) => `${block}.${norm}`);
          return float32([total], joined(names.map((name) => statisticsAt(weights, name, truncation, eps)[part])));
        });
      const scale = perNorm(b, b.mul(gains, statistics('scale')), channels);
      const shift = perNorm(b, b.add(b.mul(gains, statistics('shift')), offsets), channels);
      return (_x, i) => ({ scale: scale[i], shift: shift[i] });
    },
    last(b, { shape: [, channels] }) {
      const part = (key: 'scale' | 'shift'): Value =>
        weights.derived(b, `${lastNorm}:${key}@${truncation}`, () => {
          const [gain, bias] = ['weight', 'bias'].map((own) => weights.values(`${lastNorm}.${own}`, [channels]));
          const values = statisticsAt(weights, lastNorm, truncation, eps)[key];
          return float32(
            [channels, 1, 1],
            values.map((value, c) => (key === 'scale' ? value * gain[c] : value * gain[c] + bias[c])),
          );
        });
      return { scale: part('scale'), shift: part('shift') };
    },
  };
}

/** Numbers per image and channel of all normalisations of a block, as those of each, `[n, c, 1, 1]`. */
export const perNorm = (b: GraphBuilder, values: Value, channels: readonly number[]): Value[] =>
  b.split(values, channels, 1).map((part, i) => b.reshape(part, [values.shape[0], channels[i], 1, 1]));

/** Standard deviation of fresh weights. Spectral normalisation takes it out of all but the embeddings. */
const std = 0.02;
/** Rounds of power iteration for the u and v of fresh weights; training makes one a step. */
const freshRounds = 3;

/**
 * Untrained weights: normal ones of standard deviation 0.02, with u and v by power iteration; scales 1, biases and attention's
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
      fillNormal(values, std, seed, stream);
    }
    out.set(name, float32(shape, values));
  }
  for (const [name, { data, shape }] of out) {
    if (!name.endsWith('.weight_orig')) continue;
    const { u, v } = singularVectors(floats(data), shape[0], freshRounds);
    out.set(name.replace(/orig$/, 'u'), float32([u.length], u));
    out.set(name.replace(/orig$/, 'v'), float32([v.length], v));
  }
  return out;
}

/** Vectors near those of the largest singular value of a matrix `[rows, ...]`, by so many rounds of power iteration. */
export function singularVectors(matrix: Float32Array, rows: number, rounds: number) {
  let u = new Float32Array(rows).fill(1);
  let v = new Float32Array(0);
  for (let round = 0; round < rounds; round++) {
    v = unit(timesVectorFromLeft(matrix, u));
    u = unit(timesVector(matrix, v));
  }
  return { u, v };
}

// Both products take four rows at once, each number still in its order: a sum waits less for the one before it.

function timesVector(matrix: Float32Array, vector: Float32Array): Float64Array {
  const columns = vector.length;
  const out = new Float64Array(matrix.length / columns);
  let row = 0;
  for (; row + 4 <= out.length; row += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map((i) => (row + i) * columns);
    let [sumA, sumB, sumC, sumD] = [0, 0, 0, 0];
    for (let i = 0; i < columns; i++) {
      const x = vector[i];
      sumA += matrix[a + i] * x;
      sumB += matrix[b + i] * x;
      sumC += matrix[c + i] * x;
      sumD += matrix[d + i] * x;
    }
    out[row] = sumA;
    out[row + 1] = sumB;
    out[row + 2] = sumC;
    out[row + 3] = sumD;
  }
  for (; row < out.length; row++) {
    let sum = 0;
    for (let i = 0, at = row * columns; i < columns; i++, at++) sum += matrix[at] * vector[i];
    out[row] = sum;
  }
  return out;
}

function timesVectorFromLeft(matrix: Float32Array, vector: Float32Array): Float64Array {
  const columns = matrix.length / vector.length;
  const out = new Float64Array(columns);
  let row = 0;
  for (; row + 4 <= vector.length; row += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map((i) => (row + i) * columns);
    const [x, y, z, w] = vector.subarray(row, row + 4);
    for (let i = 0; i < columns; i++) {
      out[i] = out[i] + matrix[a + i] * x + matrix[b + i] * y + matrix[c + i] * z + matrix[d + i] * w;
    }
  }
  for (; row < vector.length; row++) {
    for (let i = 0, at = row * columns; i < columns; i++, at++) out[i] += matrix[at] * vector[row];
  }
  return out;
}

function unit(vector: Float64Array): Float32Array<ArrayBuffer> {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return new Float32Array(vector.map((value) => value / length));
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
