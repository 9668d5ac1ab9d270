// Five updates in a graph against the plain formulas in float64.
// Whether anything is learnt is train.test.ts.

import { describe, expect, it } from 'vitest';
import { adam, sgd, type Optimiser } from '../../../src/training/loop/optimiser.ts';
import { beginState, StepRunner } from '../../../src/training/loop/run-step.ts';
import { averageWarmUp } from '../../../src/training/loop/schedule.ts';
import { trainingStep, type StepOptions } from '../../../src/training/loop/step.ts';
import { dataOf, engine, normal } from '../networks.ts';

const weights = { matrix: normal([2, 3], 1, 1), bias: normal([3], 1, 2) };
type Name = keyof typeof weights;
const names = Object.keys(weights) as Name[];
const rates = [0.1, 0.1, 0.07, 0.05, 0.02];
/** The loss is the sum of (a w^2 / 2 + x w) over all elements, its gradient a w + x. */
const a = 0.7;
const pull = (step: number, name: Name) => normal(weights[name].shape, 1, 10 + step, name === 'bias' ? 1 : 0);

type Numbers = Record<Name, number[]>;
type Update = (w: number, g: number, memory: number[], rate: number, count: number, decays: boolean) => number;

interface Expected {
  readonly weights: Numbers;
  readonly averages: Numbers;
  readonly norms: number[];
}

/** In float64, element by element. */
function reference(update: Update, clip = Infinity, decay: (step: number) => number = () => 0): Expected {
  const start = (): Numbers => ({ matrix: Array.from(weights.matrix.data), bias: Array.from(weights.bias.data) });
  const w = start();
  const averages = start();
  const memory = { matrix: w.matrix.map(() => [0, 0]), bias: w.bias.map(() => [0, 0]) };
  const norms: number[] = [];
  rates.forEach((rate, step) => {
    const gradient = (name: Name) => w[name].map((value, i) => a * value + pull(step, name).data[i]);
    const g: Numbers = { matrix: gradient('matrix'), bias: gradient('bias') };
    const norm = Math.hypot(...g.matrix, ...g.bias);
    norms.push(norm);
    const scale = Math.min(1, clip / (norm + 1e-6));
    for (const name of names) {
      w[name] = w[name].map((value, i) =>
        update(value, scale * g[name][i], memory[name][i], rate, step + 1, name === 'matrix'),
      );
      averages[name] = averages[name].map((value, i) => decay(step) * value + (1 - decay(step)) * w[name][i]);
    }
  });
  return { weights: w, averages, norms };
}

async function computed(optimiser: Optimiser, options: Partial<StepOptions> = {}): Promise<Expected> {
  const step = trainingStep({
    name: 'test',
    state: new Map(Object.entries(weights)),
    trainable: names,
    batch: Object.fromEntries(names.map((name) => [`x ${name}`, { shape: weights[name].shape }])),
    addTo(b, p, batch) {
      const parts = names.map((name) => {
        const w = p.get(name);
        const terms = b.add(b.mul(b.mul(w, w), a / 2), b.mul(w, batch[`x ${name}`]));
        return b.reduceSum(terms, [...w.shape.keys()]);
      });
      return { loss: b.add(parts[0], parts[1]) };
    },
    optimiser,
    ...options,
  });
  const state = beginState(new Map(Object.entries(weights)), [step]);
  const runner = await StepRunner.open(engine, step);
  const norms: number[] = [];
  for (const [i, rate] of rates.entries()) {
    const batch = Object.fromEntries(names.map((name) => [`x ${name}`, pull(i, name)]));
    norms.push((await runner.run(state, batch, rate)).gradient);
  }
  const read = (prefix: string): Numbers => ({
    matrix: Array.from(dataOf(state, `${prefix}matrix`)),
    bias: Array.from(dataOf(state, `${prefix}bias`)),
  });
  const result = { weights: read(''), averages: options.ema ? read('ema ') : read(''), norms };
  await runner.release();
  return result;
}

const errorOf = (is: readonly number[], should: readonly number[]): number => {
  expect(is).toHaveLength(should.length);
  return Math.max(...is.map((value, i) => Math.abs(value - should[i])));
};

const sgdUpdate =
  (momentum: number, nesterov: boolean, weightDecay: number): Update =>
  (w, gradient, memory, rate, _count, decays) => {
    const g = gradient + (decays ? weightDecay * w : 0);
    memory[0] = momentum * memory[0] + g;
    return w - rate * (nesterov ? g + momentum * memory[0] : memory[0]);
  };

const adamUpdate =
  (beta1: number, beta2: number, epsilon: number, weightDecay: number): Update =>
  (w, g, memory, rate, count, decays) => {
    memory[0] = beta1 * memory[0] + (1 - beta1) * g;
    memory[1] = beta2 * memory[1] + (1 - beta2) * g * g;
    const shrunk = decays ? w * (1 - rate * weightDecay) : w;
    return (
      shrunk - (rate * (memory[0] / (1 - beta1 ** count))) / (Math.sqrt(memory[1] / (1 - beta2 ** count)) + epsilon)
    );
  };

describe('five updates agree with float64 to 1e-6', () => {
  const cases: [string, Optimiser, Update][] = [
    ['gradient descent', sgd(), sgdUpdate(0, false, 0)],
    ['momentum', sgd({ momentum: 0.9 }), sgdUpdate(0.9, false, 0)],
    ['momentum and weight decay', sgd({ momentum: 0.9, weightDecay: 0.05 }), sgdUpdate(0.9, false, 0.05)],
    ['Nesterov', sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.05 }), sgdUpdate(0.9, true, 0.05)],
    ['Adam', adam(), adamUpdate(0.9, 0.999, 1e-8, 0)],
    ['AdamW', adam({ beta2: 0.99, epsilon: 1e-3, weightDecay: 0.1 }), adamUpdate(0.9, 0.99, 1e-3, 0.1)],
    ['Adam without a first moment', adam({ beta1: 0, beta2: 0.99 }), adamUpdate(0, 0.99, 1e-8, 0)],
  ];
  it.each(cases)('%s', async (_name, optimiser, update) => {
    const is = await computed(optimiser);
    const should = reference(update);
    for (const name of names) expect(errorOf(is.weights[name], should.weights[name])).toBeLessThan(1e-6);
  });

  it('gradients longer than the limit are shortened, and their norm is told', async () => {
    const should = reference(sgdUpdate(0.9, false, 0), 1.5);
    // The limit is felt in some steps and not in others.
    expect(should.norms.some((norm) => norm > 1.5)).toBe(true);
    const is = await computed(sgd({ momentum: 0.9 }), { clip: 1.5 });
    expect(errorOf(is.norms, should.norms)).toBeLessThan(1e-5);
    for (const name of names) expect(errorOf(is.weights[name], should.weights[name])).toBeLessThan(1e-6);
  });

  it.each([
    ['a constant decay', 0.8, () => 0.8],
    ['a decay that warms up', averageWarmUp(0.25), (step: number) => Math.min(0.25, (1 + step) / (10 + step))],
  ])('moving averages with %s', async (_name, decay, expected) => {
    const is = await computed(adam(), { ema: { decay } });
    const should = reference(adamUpdate(0.9, 0.999, 1e-8, 0), Infinity, expected);
    for (const name of names) expect(errorOf(is.averages[name], should.averages[name])).toBeLessThan(1e-6);
  });

  it('weight decay is for the tensors that are asked for', async () => {
    const is = await computed(sgd({ weightDecay: 0.5 }), { decays: () => false });
    const should = reference(sgdUpdate(0, false, 0));
    for (const name of names) expect(errorOf(is.weights[name], should.weights[name])).toBeLessThan(1e-6);
  });
});
