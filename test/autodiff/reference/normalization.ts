// Softmax and the normalisations by mean and variance, in float64.
// Variances are those of the population (divided by the count), as everywhere in ONNX.

import { sizeOf } from '../../../src/graph/tensor.ts';
import { array64, broadcastOffsets, splitAxes } from './array.ts';
import type { Array64 } from './array.ts';
import type { Call, Rule } from './call.ts';

/** Applies `f`, which makes values of values, to each line of the input along the attribute `axis`, the last by default. */
const alongAxis =
  (f: (values: readonly number[], call: Call) => number[]): Rule =>
  (call) => {
    const x = call.input(0);
    const { outer, inner } = splitAxes(x.shape, [call.axis('axis', -1, x.shape.length)]);
    const out = array64(x.shape);
    for (const start of outer) {
      const made = f(
        Array.from(inner, (at) => x.data[start + at]),
        call,
      );
      inner.forEach((at, i) => (out.data[start + at] = made[i]));
    }
    return out;
  };

function logSoftmax(values: readonly number[]): number[] {
  const largest = Math.max(...values);
  const sum = values.reduce((total, value) => total + Math.exp(value - largest), 0);
  return values.map((value) => value - largest - Math.log(sum));
}

function lpNormalize(values: readonly number[], call: Call): number[] {
  const p = call.int('p', 2);
  const norm = values.reduce((sum, value) => sum + Math.abs(value) ** p, 0) ** (1 / p);
  return values.map((value) => (norm === 0 ? 0 : value / norm));
}

function moments(values: Float64Array): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, variance };
}

/** Each of `blocks` equal contiguous parts brought to mean 0 and variance 1, with the means and inverse standard deviations. */
function standardize(x: Array64, blocks: number, epsilon: number) {
  const size = x.data.length / blocks;
  const y = new Float64Array(x.data.length);
  const means = new Float64Array(blocks);
  const inverses = new Float64Array(blocks);
  for (let b = 0; b < blocks; b++) {
    const values = x.data.subarray(b * size, (b + 1) * size);
    const { mean, variance } = moments(values);
    means[b] = mean;
    inverses[b] = 1 / Math.sqrt(variance + epsilon);
    values.forEach((value, i) => (y[b * size + i] = (value - mean) * inverses[b]));
  }
  return { y, means, inverses };
}

/** Outputs the result, the means and the inverse standard deviations. */
function layerNormalization(call: Call): Array64[] {
  const x = call.input(0);
  const scale = call.input(1);
  const bias = call.inputs[2];
  const axis = call.axis('axis', -1, x.shape.length);
  const blocks = sizeOf(x.shape.slice(0, axis));
  const { y, means, inverses } = standardize(x, blocks, call.float('epsilon', 1e-5));
  const scaleAt = broadcastOffsets(scale, x.shape);
  const biasAt = bias && broadcastOffsets(bias, x.shape);
  const out = y.map((value, i) => value * scale.data[scaleAt[i]] + (bias && biasAt ? bias.data[biasAt[i]] : 0));
  const shape = x.shape.map((size, i) => (i < axis ? size : 1));
  return [array64(x.shape, out), array64(shape, means), array64(shape, inverses)];
}

/** `scale` and `bias` hold one number for so many channels in a row as there are more channels than numbers. */
function scaleChannels(x: Array64, y: Float64Array, scale: Array64, bias: Array64): Array64 {
  const channels = x.shape[1];
  const pixels = sizeOf(x.shape.slice(2));
  const perNumber = channels / scale.data.length;
  const out = y.map((value, i) => {
    const at = Math.floor((Math.floor(i / pixels) % channels) / perNumber);
    return value * scale.data[at] + bias.data[at];
  });
  return array64(x.shape, out);
}

function instanceNormalization(call: Call): Array64 {
  const x = call.input(0);
  const { y } = standardize(x, x.shape[0] * x.shape[1], call.float('epsilon', 1e-5));
  return scaleChannels(x, y, call.input(1), call.input(2));
}

/** Scale and bias are per group up to operator set 20, per channel from 21 on. */
function groupNormalization(call: Call): Array64 {
  const x = call.input(0);
  const groups = call.int('num_groups');
  const scale = call.input(1);
  const expected = call.opset < 21 ? groups : x.shape[1];
  if (scale.data.length !== expected) throw new Error(`${scale.data.length} scales, where ${expected} are expected`);
  const { y } = standardize(x, x.shape[0] * groups, call.float('epsilon', 1e-5));
  return scaleChannels(x, y, scale, call.input(2));
}

/** With `training_mode` the statistics are those of the input, and the running ones are further outputs. */
function batchNormalization(call: Call): Array64[] {
  const x = call.input(0);
  const [scale, bias, givenMean, givenVariance] = [1, 2, 3, 4].map((i) => call.input(i).data);
  const epsilon = call.float('epsilon', 1e-5);
  const momentum = call.float('momentum', 0.9);
  const training = call.int('training_mode', 0) === 1;
  const { outer, inner } = splitAxes(
    x.shape,
    x.shape.map((_, axis) => axis).filter((axis) => axis !== 1),
  );
  const out = array64(x.shape);
  const running = [givenMean.slice(), givenVariance.slice()];
  outer.forEach((start, c) => {
    const values = Float64Array.from(inner, (at) => x.data[start + at]);
    const { mean, variance } = training ? moments(values) : { mean: givenMean[c], variance: givenVariance[c] };
    const factor = scale[c] / Math.sqrt(variance + epsilon);
    inner.forEach((at, i) => (out.data[start + at] = (values[i] - mean) * factor + bias[c]));
    running[0][c] = givenMean[c] * momentum + mean * (1 - momentum);
    running[1][c] = givenVariance[c] * momentum + variance * (1 - momentum);
  });
  return training ? [out, ...running.map((values) => array64([values.length], values))] : [out];
}

export const normalization: Readonly<Record<string, Rule>> = {
  Softmax: alongAxis((values) => logSoftmax(values).map(Math.exp)),
  LogSoftmax: alongAxis(logSoftmax),
  LpNormalization: alongAxis(lpNormalize),
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  BatchNormalization: batchNormalization,
};
