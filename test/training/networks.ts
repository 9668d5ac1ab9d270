// Small networks, data and a float64 twin of a loss, for this room's tests.
// It is no test itself.

import type { GraphBuilder, Value } from '../../src/graph/builder.ts';
import { float32, sizeOf, type Float32Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { fillNormal, randomAt } from '../../src/random.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { crossEntropy } from '../../src/training/loop/losses.ts';
import type { Parameters } from '../../src/training/loop/parameters.ts';
import { adam } from '../../src/training/loop/optimiser.ts';
import { trainingStep, type StepOptions, type TrainingStep } from '../../src/training/loop/step.ts';
import type { Batches } from '../../src/training/loop/train.ts';

export const engine = nodeEngine({ threads: 2 });

export const normal = (shape: readonly number[], std: number, seed: number, stream = 0): Float32Tensor =>
  float32(shape, fillNormal(new Float32Array(sizeOf(shape)), std, seed, stream));

export const filled = (shape: readonly number[], value: number): Float32Tensor =>
  float32(shape, new Float32Array(sizeOf(shape)).fill(value));

export const dataOf = (state: ReadonlyMap<string, Tensor>, name: string): Float32Array =>
  state.get(name)!.data as Float32Array;

/** Two classes in the plane, inside and outside of a circle: no line parts them. */
export function circleBatch(step: number, rows = 32): Record<string, Tensor> {
  const x = new Float32Array(rows * 2);
  const target = new Float32Array(rows * 2);
  for (let i = 0; i < rows; i++) {
    const [a, b] = [0, 1].map((axis) => 2 * randomAt(step, 2 * i + axis) - 1);
    x.set([a, b], 2 * i);
    target[2 * i + Number(a * a + b * b < 0.5)] = 1;
  }
  return { x: float32([rows, 2], x), target: float32([rows, 2], target) };
}

export const perceptronWeights = (hidden = 16): Map<string, Tensor> =>
  new Map<string, Tensor>([
    ['fc1.weight', normal([hidden, 2], 1, 1)],
    ['fc1.bias', filled([hidden], 0)],
    ['fc2.weight', normal([2, hidden], 0.3, 2)],
    ['fc2.bias', filled([2], 0)],
  ]);

export function addPerceptron(b: GraphBuilder, p: Parameters, { x, target }: Readonly<Record<string, Value>>) {
  const hidden = b.relu(b.gemm(x, p.get('fc1.weight'), p.get('fc1.bias'), { transB: true }));
  const logits = b.gemm(hidden, p.get('fc2.weight'), p.get('fc2.bias'), { transB: true });
  return { loss: crossEntropy(b, logits, target) };
}

export function perceptron(options: Partial<StepOptions> = {}): TrainingStep {
  const state = perceptronWeights();
  return trainingStep({
    name: 'perceptron',
    state,
    trainable: [...state.keys()],
    batch: { x: { shape: [32, 2] }, target: { shape: [32, 2] } },
    addTo: addPerceptron,
    optimiser: adam(),
    ...options,
  });
}

/** Stripes across or along, with noise. */
export function stripesBatch(step: number, rows = 16): Record<string, Tensor> {
  const x = normal([rows, 1, 8, 8], 0.5, 7, step);
  const target = new Float32Array(rows * 2);
  for (let i = 0; i < rows; i++) {
    const along = Number(randomAt(11, step * rows + i) < 0.5);
    target[2 * i + along] = 1;
    for (let p = 0; p < 64; p++) x.data[64 * i + p] += (along ? p % 8 : p >> 3) % 2 ? 1 : -1;
  }
  return { x, target: float32([rows, 2], target) };
}

export const convNetWeights = (): Map<string, Tensor> =>
  new Map<string, Tensor>([
    ['conv.weight', normal([8, 1, 3, 3], 0.3, 3)],
    ['bn.weight', filled([8], 1)],
    ['bn.bias', filled([8], 0)],
    ['bn.running_mean', filled([8], 0)],
    ['bn.running_var', filled([8], 1)],
    ['fc.weight', normal([2, 8], 0.3, 4)],
    ['fc.bias', filled([2], 0)],
  ]);

export function convNet(options: Partial<StepOptions> = {}): TrainingStep {
  const state = convNetWeights();
  return trainingStep({
    name: 'conv net',
    state,
    trainable: [...state.keys()].filter((name) => !name.includes('running')),
    batch: { x: { shape: [16, 1, 8, 8] }, target: { shape: [16, 2] } },
    addTo(b, p, { x, target }) {
      const [scale, bias, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
        p.get(`bn.${part}`),
      );
      const map = b.conv(x, p.get('conv.weight'), undefined, { pads: [1, 1, 1, 1] });
      const pooled = b.reduceMean(b.relu(b.batchNormalization(map, scale, bias, mean, variance)), [2, 3]);
      return { loss: crossEntropy(b, b.gemm(pooled, p.get('fc.weight'), p.get('fc.bias'), { transB: true }), target) };
    },
    optimiser: adam(),
    ...options,
  });
}

export const circles = (step: number): Batches => ({ perceptron: circleBatch(step) });
export const stripes = (step: number): Batches => ({ 'conv net': stripesBatch(step) });
