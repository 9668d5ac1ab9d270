// What a step reads, writes and refuses; its batch normalisation against float64.
// The optimisers' formulas are in optimiser.test.ts.

import { describe, expect, it } from 'vitest';
import { int64, type Tensor } from '../../../src/graph/tensor.ts';
import { sgd } from '../../../src/training/loop/optimiser.ts';
import { beginState, StepRunner } from '../../../src/training/loop/run-step.ts';
import { trainingStep, type StepOptions, type TrainingStep } from '../../../src/training/loop/step.ts';
import {
  circleBatch,
  convNet,
  convNetWeights,
  dataOf,
  engine,
  filled,
  addPerceptron,
  normal,
  perceptron,
  perceptronWeights,
  stripesBatch,
} from '../networks.ts';

async function once(step: TrainingStep, weights: ReadonlyMap<string, Tensor>, batch: Record<string, Tensor>) {
  const state = beginState(weights, [step]);
  const runner = await StepRunner.open(engine, step);
  const report = await runner.run(state, batch, 0.1);
  const copy = new Map([...state].map(([name, { data }]) => [name, Array.from(data as Float32Array)]));
  await runner.release();
  return { report, copy };
}

/** Largest absolute difference. */
const apart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));

describe('a training step', () => {
  it('has inputs for what it reads and outputs for what it replaces', () => {
    const step = convNet({ optimiser: sgd({ momentum: 0.9 }), ema: { decay: 0.9 } });
    const inputs = step.graph.inputs.map(({ name }) => name);
    expect(inputs).toContain('x');
    expect(inputs).toContain('scalar rate');
    expect(inputs).toContain('state bn.running_mean');
    expect(inputs).toContain('state ema conv.weight');
    expect([...step.writes].sort()).toEqual(
      [...convNetWeights().keys()]
        .flatMap((name) => [name, `ema ${name}`])
        // One row for the weights that decay, one for those that do not.
        .concat('momentum conv net 0', 'momentum conv net 1')
        .sort(),
    );
    expect([...step.beginning.keys()].sort()).toEqual(
      ['count conv net', ...step.writes.filter((name) => /^(ema|momentum) /.test(name))].sort(),
    );
  });

  it('keeps running statistics: 0.9 of the old, 0.1 of the batch (the unbiased variance), to 1e-6 of float64', async () => {
    const weights = convNetWeights();
    const batch = stripesBatch(3);
    const { copy } = await once(convNet(), weights, batch);
    const kernel = dataOf(weights, 'conv.weight');
    const x = batch.x.data as Float32Array;
    for (let channel = 0; channel < 8; channel++) {
      const map: number[] = [];
      for (let i = 0; i < 16 * 64; i++) {
        const [image, row, column] = [i >> 6, (i >> 3) & 7, i & 7];
        let sum = 0;
        for (let k = 0; k < 9; k++) {
          const [r, c] = [row + Math.floor(k / 3) - 1, column + (k % 3) - 1];
          if (r >= 0 && r < 8 && c >= 0 && c < 8) sum += kernel[9 * channel + k] * x[64 * image + 8 * r + c];
        }
        map.push(sum);
      }
      const mean = map.reduce((sum, value) => sum + value, 0) / map.length;
      const variance = map.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (map.length - 1);
      expect(Math.abs(copy.get('bn.running_mean')![channel] - 0.1 * mean)).toBeLessThan(1e-6);
      expect(Math.abs(copy.get('bn.running_var')![channel] - (0.9 + 0.1 * variance))).toBeLessThan(1e-6);
    }
  });

  it('alters no tensor that it is given', async () => {
    const [weights, untouched] = [convNetWeights(), convNetWeights()];
    const step = convNet({ segments: 2, ema: { decay: 0.9 } });
    const state = beginState(weights, [step]);
    const runner = await StepRunner.open(engine, step);
    for (let i = 0; i < 3; i++) {
      const before = [...state].map(
        ([name, tensor]) => [name, tensor, Array.from(tensor.data as Float32Array)] as const,
      );
      await runner.run(state, stripesBatch(i), 0.1);
      // Those of the last run belong to the engine again.
      if (i === 0)
        for (const [name, { data }, values] of before) expect(Array.from(data as Float32Array), name).toEqual(values);
    }
    await runner.release();
    for (const [name, { data }] of untouched) expect(weights.get(name)!.data, name).toEqual(data);
  });

  it('moves the same with parts of the forward pass computed twice', async () => {
    const whole = await once(convNet(), convNetWeights(), stripesBatch(0));
    const cut = await once(convNet({ segments: 2 }), convNetWeights(), stripesBatch(0));
    expect(apart([cut.report.loss, cut.report.gradient], [whole.report.loss, whole.report.gradient])).toBeLessThan(
      1e-6,
    );
    for (const [name, values] of whole.copy) expect(apart(cut.copy.get(name)!, values), name).toBeLessThan(1e-5);
  });

  it('lets the loss read the averages, as a teacher', async () => {
    const weights = new Map([['w', filled([3], 2)]]);
    const step = trainingStep({
      name: 'pupil',
      state: weights,
      trainable: ['w'],
      batch: { x: { shape: [3] } },
      addTo(b, p, { x }) {
        const difference = b.sub(b.mul(p.get('w'), x), p.get('ema w'));
        return {
          loss: b.reduceSum(b.mul(difference, difference), [0]),
          metrics: { teacher: b.reduceSum(p.get('ema w'), [0]) },
        };
      },
      optimiser: sgd(),
      ema: { decay: 0.5 },
    });
    const { report, copy } = await once(step, weights, { x: filled([3], 3) });
    // (2 * 3 - 2)^2 for each; its gradient by w is 2 * 4 * 3.
    expect(report).toEqual({ loss: 48, teacher: 6, gradient: expect.closeTo(24 * Math.sqrt(3), 4) as number });
    expect(copy.get('w')![0]).toBeCloseTo(2 - 0.1 * 24, 5);
    expect(copy.get('ema w')![0]).toBeCloseTo(2 - 0.05 * 24, 5);
  });

  it('takes new values of buffers from the recipe', async () => {
    const weights = new Map([['w', filled([2], 1)], ['seen', filled([], 5)]]); // prettier-ignore
    const step = trainingStep({
      name: 'counting',
      state: weights,
      trainable: ['w'],
      batch: { x: { shape: [2] } },
      addTo: (b, p, { x }) => ({
        loss: b.reduceSum(b.mul(p.get('w'), x), [0]),
        updates: { seen: b.add(p.get('seen'), 2) },
      }),
      optimiser: sgd(),
    });
    const { copy } = await once(step, weights, { x: filled([2], 1) });
    expect(copy.get('seen')).toEqual([7]);
  });

  it('leaves the state as it is when the loss is no number', async () => {
    const step = perceptron();
    const state = beginState(perceptronWeights(), [step]);
    const runner = await StepRunner.open(engine, step);
    await runner.run(state, circleBatch(0), 0.1);
    const before = new Map(state);
    const report = await runner.run(state, { ...circleBatch(1), x: filled([32, 2], NaN) }, 0.1);
    expect(report.loss).toBeNaN();
    expect([...state]).toEqual([...before]);
    await runner.release();
  });
});

describe('mistakes are told', () => {
  const refuse = (options: Partial<StepOptions>, message: RegExp) => expect(() => perceptron(options)).toThrow(message);

  it('of the recipe', () => {
    refuse({ trainable: [] }, /trains nothing/);
    refuse({ trainable: ['fc3.weight'] }, /to train fc3.weight, which its loss does not read/);
    refuse({ addTo: (_b, p) => ({ loss: p.get('fc1.bias') }) }, /one float32 number of shape \[\], not float32 \[16\]/);
    refuse({ addTo: (_b, p) => ({ loss: p.get('fc4.bias') }) }, /has no tensor "fc4.bias"/);
    const loss = addPerceptron;
    refuse(
      { addTo: (...at) => ({ ...loss(...at), updates: { 'fc1.bias': at[1].get('fc2.bias') } }) },
      /update of "fc1.bias"/,
    );
    const state = new Map<string, Tensor>([...perceptronWeights(), ['fc1.bias', int64([1])]]);
    refuse({ state }, /"fc1.bias" is int64; training needs float32/);
  });

  it('of the batch', async () => {
    const runner = await StepRunner.open(engine, perceptron());
    const state = beginState(perceptronWeights(), [runner.step]);
    const { x } = circleBatch(0);
    await expect(runner.run(state, { x }, 1)).rejects.toThrow(/"target" of the batch .* is missing/);
    await expect(runner.run(state, { ...circleBatch(0, 8) }, 1)).rejects.toThrow(
      /is float32 \[8, 2\].*float32 \[32, 2\]/,
    );
    await expect(runner.run(new Map(), circleBatch(0), 1)).rejects.toThrow(/the state has no "fc1.weight"/);
    await runner.release();
  });

  it('of steps that count together and move other weights', () => {
    const both = ['a', 'b'].map((name) => perceptron({ name, counter: 'both' }));
    expect(beginState(new Map([['extra', normal([1], 1, 1)]]), both).has('count both')).toBe(true);
    const less = perceptron({ name: 'c', counter: 'both', trainable: ['fc1.weight'] });
    expect(() => beginState(perceptronWeights(), [both[0], less])).toThrow(/"c" has "count both" in common/);
  });
});
