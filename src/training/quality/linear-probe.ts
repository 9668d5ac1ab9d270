// A linear probe: one linear layer, trained on frozen features, tells the classes. What it gets right, they hold.
// The photos are not augmented, and the features are never changed.

import { required } from '../../lookup.ts';
import { float32, type Float32Tensor, type Tensor, floats } from '../../graph/tensor.ts';
import type { LongWork } from '../../progress.ts';
import type { Engine } from '../../runtime/engine.ts';
import { crossEntropy, smoothed } from '../loop/losses.ts';
import { adam } from '../loop/optimiser.ts';
import { batchOf, stepsOf } from '../loop/photos.ts';
import { cosine } from '../loop/schedule.ts';
import { trainingStep } from '../loop/step.ts';
import { train as runTraining } from '../loop/train.ts';
import { expectFitting, type LabelledFeatures } from './features.ts';
import { largest } from './accuracy.ts';

export interface LinearProbeOptions extends LongWork {
  readonly engine: Engine;
  readonly train: LabelledFeatures;
  /** Features of photos to be sorted, `[n, d]`. */
  readonly test: Float32Tensor;
  readonly classes: number;
  /** Default 60. */
  readonly epochs?: number;
  /** Rows of one step; default 1000, or all where there are fewer. */
  readonly batch?: number;
  /** Learning rate of Adam at the beginning, from where it falls to 0 by half a cosine; default 0.01. */
  readonly rate?: number;
  /** Of the order of the rows; default 0. */
  readonly seed?: number;
}

export interface LinearProbe {
  /** Of each row of `test`. */
  readonly predicted: Int32Array;
  /** Logits `[n, classes]` of `test`. */
  readonly logits: Float32Tensor;
}

/** Added to variances, as MAE's normalisation does. */
const epsilon = 1e-6;

/**
 * Trains a linear layer with cross entropy on standardised features (normalisation without scale and bias, by the
 * statistics of `train`) and applies it to `test`. Weights begin at 0: only the order of the rows is drawn.
 * Source: He et al., "Masked autoencoders are scalable vision learners", 2022, appendix A.1, but with Adam.
 * @throws UserError when features and labels do not fit each other, or the training diverges; the signal's reason when
 *   aborted.
 */
export async function linearProbe(options: LinearProbeOptions): Promise<LinearProbe> {
  const { engine, train, test, classes, epochs = 60, rate = 0.01, seed = 0 } = options;
  expectFitting(train, test);
  const [n, d] = train.features.shape;
  const batch = Math.min(options.batch ?? 1000, n);
  const standardise = standardiser(train.features);
  const rows = standardise(train.features).data;
  const state = new Map<string, Tensor>([
    ['weight', float32([classes, d], new Float32Array(classes * d))],
    ['bias', float32([classes], new Float32Array(classes))],
  ]);
  const step = trainingStep({
    name: 'probe',
    state,
    trainable: ['weight', 'bias'],
    batch: { x: { shape: [batch, d] }, target: { shape: [batch, classes] } },
    addTo: (b, parameters, { x, target }) => ({
      loss: crossEntropy(b, b.gemm(x, parameters.get('weight'), parameters.get('bias'), { transB: true }), target),
    }),
    optimiser: adam(),
  });
  const set = { n };
  const steps = epochs * stepsOf(set, batch);
  const { state: trained } = await runTraining({
    engine,
    onProgress: options.onProgress,
    signal: options.signal,
    parts: [step],
    state,
    steps,
    rate: cosine({ rate, steps }),
    batch(at) {
      const chosen = batchOf(set, seed, at, batch);
      // Of its own: a batch is asked for while the one before is in use.
      const x = new Float32Array(batch * d);
      chosen.forEach((from, row) => x.set(rows.subarray(from * d, (from + 1) * d), row * d));
      const labels = Array.from(chosen, (row) => train.labels[row]);
      return { probe: { x: float32([batch, d], x), target: float32([batch, classes], smoothed(labels, classes)) } };
    },
  });
  options.signal?.throwIfAborted();
  const value = (name: string) => floats(required(trained, name, 'tensor').data);
  const logits = linear(standardise(test), value('weight'), value('bias'));
  return { logits, predicted: largest(logits) };
}

/** Subtracts the mean of each feature over the rows, and divides by its standard deviation. */
function standardiser({ shape: [n, d], data }: Float32Tensor): (features: Float32Tensor) => Float32Tensor {
  const mean = new Float64Array(d);
  const square = new Float64Array(d);
  for (let i = 0; i < n * d; i++) mean[i % d] += data[i] / n;
  for (let i = 0; i < n * d; i++) square[i % d] += (data[i] - mean[i % d]) ** 2 / n;
  return ({ shape, data: given }) =>
    float32(
      shape,
      given.map((value, i) => (value - mean[i % d]) / Math.sqrt(square[i % d] + epsilon)),
    );
}

function linear({ shape: [n, d], data }: Float32Tensor, weight: Float32Array, bias: Float32Array): Float32Tensor {
  const classes = bias.length;
  const out = new Float32Array(n * classes);
  for (let row = 0; row < n; row++) {
    for (let k = 0; k < classes; k++) {
      let sum = bias[k];
      for (let i = 0; i < d; i++) sum += data[row * d + i] * weight[k * d + i];
      out[row * classes + k] = sum;
    }
  }
  return float32([n, classes], out);
}
