// DINO's loss, centre, head and optimiser against plain float64, written from the paper's formulas.
// Whole steps are in recipe.test.ts.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/autodiff/reverse.ts';
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts';
import { float32, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { directions, freshDinoHead, addDinoHead } from '../../../src/training/dino/head.ts';
import { dinoLoss, nextCentre } from '../../../src/training/dino/loss.ts';
import { decayingBy, standingStill } from '../../../src/training/dino/optimiser.ts';
import { adam, type Optimiser } from '../../../src/training/loop/optimiser.ts';
import { beginState, StepRunner } from '../../../src/training/loop/run-step.ts';
import { trainingStep } from '../../../src/training/loop/step.ts';
import { largestDifference } from '../../golden.ts';
import { engine, noise } from '../../zoo/fixtures.ts';
import { filled } from '../networks.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

type Rows = number[][];

const rowsOf = ({ shape: [n, width], data }: Tensor): Rows =>
  Array.from({ length: n }, (_, i) => Array.from(data.slice(i * width, (i + 1) * width) as Float32Array));
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

function softmax(row: readonly number[]): number[] {
  const powers = row.map((value) => Math.exp(value - Math.max(...row)));
  return powers.map((power) => power / sum(powers));
}

const settings = { globals: 2, student: 0.1, teacher: 0.055 };

/** The double loop over crops, as the paper has it. */
function reference(student: Rows, teacher: Rows, centre: readonly number[], { globals, ...temperature } = settings) {
  const n = teacher.length / globals;
  const said = teacher.map((row) => softmax(row.map((value, k) => (value - centre[k]) / temperature.teacher)));
  const losses: number[] = [];
  for (let g = 0; g < globals; g++) {
    for (let v = 0; v < student.length / n; v++) {
      if (v === g) continue;
      for (let i = 0; i < n; i++) {
        const own = softmax(student[v * n + i].map((value) => value / temperature.student)).map(Math.log);
        losses.push(-sum(own.map((log, k) => said[g * n + i][k] * log)));
      }
    }
  }
  const entropy = (p: readonly number[]) => -sum(p.map((value) => (value > 0 ? value * Math.log(value) : 0)));
  const mean = centre.map((_, k) => sum(said.map((row) => row[k])) / said.length);
  return {
    loss: sum(losses) / losses.length,
    entropy: sum(said.map(entropy)) / said.length,
    spread: entropy(mean),
  };
}

async function run(
  addTo: (b: GraphBuilder, input: (name: string) => Value) => Record<string, Value>,
  feeds: Record<string, Tensor>,
) {
  const b = new GraphBuilder();
  const inputs = new Map(Object.entries(feeds).map(([name, { shape }]) => [name, b.input(name, shape)]));
  for (const [name, value] of Object.entries(addTo(b, (name) => inputs.get(name)!))) b.output(b.mul(value, 1), name);
  const tensors = await runOnce(engine, b.build(), feeds);
  return tensors;
}

describe('the loss of DINO', () => {
  const views = 5;
  const n = 3;
  const outputs = 7;
  const feeds = {
    student: noise([views * n, outputs], 1),
    teacher: noise([2 * n, outputs], 2),
    centre: float32(
      [1, outputs],
      noise([outputs], 3).data.map((value) => value / 4),
    ),
    temperature: float32([], [settings.teacher]),
  };
  const centre = Array.from(feeds.centre.data);
  const options = (input: (name: string) => Value) => ({
    globals: 2,
    centre: input('centre'),
    student: settings.student,
    teacher: input('temperature'),
  });

  it('is that of all pairs of a global and another crop, within 2e-6 of float64', async () => {
    const found = await run((b, input) => {
      const { loss, metrics } = dinoLoss(b, input('student'), input('teacher'), options(input));
      return { loss, ...metrics };
    }, feeds);
    const expected = reference(rowsOf(feeds.student), rowsOf(feeds.teacher), centre);
    for (const [name, value] of Object.entries(expected)) {
      expect(Math.abs(toFloat32(found[name])[0] / value - 1), name).toBeLessThan(2e-6);
    }
  });

  it('has the gradient of differences of float64, within 1e-6', async () => {
    const { gradient } = await run((b, input) => {
      const { loss } = dinoLoss(b, input('student'), input('teacher'), options(input));
      return { gradient: gradients(b, loss, [input('student')])[0] };
    }, feeds);
    const [student, teacher] = [rowsOf(feeds.student), rowsOf(feeds.teacher)];
    const at = (i: number, k: number, shift: number) => {
      const moved = student.map((row, r) => (r === i ? row.with(k, row[k] + shift) : row));
      return reference(moved, teacher, centre).loss;
    };
    const numbers = student.flatMap((row, i) => row.map((_, k) => (at(i, k, 1e-5) - at(i, k, -1e-5)) / 2e-5));
    expect(Math.max(...numbers.map(Math.abs))).toBeGreaterThan(0.1);
    expect(largestDifference(toFloat32(gradient), Float64Array.from(numbers))).toBeLessThan(1e-6);
  });

  it('moves the centre towards the mean of the logits, within 1e-7', async () => {
    const { next } = await run((b, input) => ({ next: nextCentre(b, input('centre'), input('teacher'), 0.9) }), feeds);
    const teacher = rowsOf(feeds.teacher);
    const expected = centre.map((value, k) => 0.9 * value + 0.1 * (sum(teacher.map((row) => row[k])) / teacher.length));
    expect(next.shape).toEqual([1, outputs]);
    expect(largestDifference(toFloat32(next), Float64Array.from(expected))).toBeLessThan(1e-7);
  });
});

/** The error function by its series, which is exact enough up to 4. */
function erf(x: number): number {
  let term = x;
  let total = x;
  for (let k = 1; k < 80; k++) {
    term *= (-x * x) / k;
    total += term / (2 * k + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

describe('the head of DINO', () => {
  it('gives cosines to its directions, within 2e-6 of float64', async () => {
    const head = freshDinoHead(6, { hidden: 10, bottleneck: 4, outputs: 9 }, 5);
    expect([...head.keys()]).toEqual([
      ...[0, 2, 4].flatMap((i) => [`head.mlp.${i}.weight`, `head.mlp.${i}.bias`]),
      directions,
    ]);
    for (const [name, { data }] of head)
      if (name.endsWith('bias')) (data as Float32Array).set(noise([data.length], 8).data);
    const x = noise([5, 6], 6);
    const { logits } = await run((b, input) => ({ logits: addDinoHead(b, input('x'), input) }), {
      x,
      ...Object.fromEntries(head),
    });
    const unit = (row: readonly number[]) => row.map((value) => value / Math.sqrt(sum(row.map((v) => v * v))));
    const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((value, i) => value * b[i]));
    const expected = rowsOf(x).map((row) => {
      const projected = [0, 2, 4].reduce((values, i) => {
        const input = i ? values.map((v) => (v * (1 + erf(v / Math.SQRT2))) / 2) : values;
        const bias = head.get(`head.mlp.${i}.bias`)!.data as Float32Array;
        return rowsOf(head.get(`head.mlp.${i}.weight`)!).map((weights, k) => dot(weights, input) + bias[k]);
      }, row);
      return rowsOf(head.get(directions)!).map((weights) => dot(unit(weights), unit(projected)));
    });
    expect(largestDifference(toFloat32(logits), Float64Array.from(expected.flat()))).toBeLessThan(2e-6);
  });
});

describe('the optimiser of DINO', () => {
  const begin = new Map([['still', filled([2, 2], 1)], ['free', filled([2, 2], 1)]]); // prettier-ignore

  /** Values of the first number of both after each of four steps at rate 0.1, with gradients of 1. */
  async function moved(optimiser: Optimiser): Promise<{ still: number; free: number }[]> {
    const step = trainingStep({
      name: 's',
      state: begin,
      trainable: ['still', 'free'],
      batch: {},
      addTo: (b, p) => ({ loss: b.reduceSum(b.add(p.get('still'), p.get('free')), [0, 1]) }),
      optimiser,
    });
    const state = beginState(begin, [step]);
    const runner = await StepRunner.open(engine, step);
    const seen: { still: number; free: number }[] = [];
    for (let i = 0; i < 4; i++) {
      await runner.run(state, {}, 0.1);
      const [still, free] = ['still', 'free'].map((name) => (state.get(name)!.data as Float32Array)[0]);
      seen.push({ still, free });
    }
    await runner.release();
    return seen;
  }

  it('leaves a tensor where it is for some updates, and then moves it by steps of the usual length', async () => {
    const seen = await moved(standingStill(adam(), 'still', 2));
    // With gradients that are the same always, a step of Adam is as long as the rate.
    const expected = [1, 1, 0.9, 0.8];
    seen.forEach(({ still, free }, i) => {
      expect(Math.abs(still - expected[i])).toBeLessThan(1e-6);
      expect(Math.abs(free - (0.9 - 0.1 * i))).toBeLessThan(1e-6);
    });
  });

  it('decays by what a schedule says', async () => {
    const seen = await moved(decayingBy(adam({ weightDecay: 1 }), (step) => step));
    let expected = 1;
    seen.forEach(({ free }, i) => {
      expected = expected * (1 - 0.1 * i) - 0.1;
      expect(Math.abs(free - expected)).toBeLessThan(1e-6);
    });
  });
});
