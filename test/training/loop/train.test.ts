// Small networks learn, stop, resume to the same numbers, and tell when they diverge.
// Formulas of single updates are in optimiser.test.ts.

import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../../src/graph/tensor.ts';
import { memoryFolder } from '../../../src/files/folder.ts';
import { adam, sgd } from '../../../src/training/loop/optimiser.ts';
import { beginState, StepRunner } from '../../../src/training/loop/run-step.ts';
import { constant, cosine } from '../../../src/training/loop/schedule.ts';
import { trainingStep } from '../../../src/training/loop/step.ts';
import { train, type TrainOptions, type TrainProgress, type TrainResult } from '../../../src/training/loop/train.ts';
import { circleBatch, circles, convNet, convNetWeights, dataOf, engine, filled, perceptron, perceptronWeights, stripes } from '../networks.ts'; // prettier-ignore

async function run(
  options: Partial<TrainOptions>,
  onReport?: (progress: TrainProgress) => void,
): Promise<{ reports: TrainProgress[]; result: TrainResult }> {
  const reports: TrainProgress[] = [];
  const result = await train({
    engine,
    parts: [perceptron()],
    state: perceptronWeights(),
    steps: 200,
    batch: circles,
    rate: constant(0.02),
    every: 25,
    onProgress(progress) {
      reports.push(progress);
      onReport?.(progress);
    },
    ...options,
  });
  return { reports, result };
}

const values = (state: ReadonlyMap<string, Tensor>) =>
  [...state].map(([name, { data }]) => [name, ...(data as Float32Array)]).sort();
const text = (folder: ReturnType<typeof memoryFolder>, name: string) =>
  new TextDecoder().decode(folder.files.get(name));
const logOf = (folder: ReturnType<typeof memoryFolder>) =>
  text(folder, 'log.jsonl')
    .trim()
    .split('\n')
    .map((line): Record<string, number> => ({ ...(JSON.parse(line) as Record<string, number>), secondsPerStep: 0 }));

describe('networks learn', () => {
  it('a perceptron, what lies in a circle', async () => {
    const { reports, result } = await run({ steps: 400, rate: cosine({ rate: 0.03, steps: 400, warmUp: 10 }) });
    expect(reports[0].loss).toBeGreaterThan(0.4);
    expect(reports.at(-1)!.loss).toBeLessThan(0.12);
    expect(result).toMatchObject({ step: 400, stopped: 'done' });
  });

  it('a convolutional network with batch normalisation, the direction of stripes', async () => {
    const options = { parts: [convNet({ clip: 5, ema: { decay: 0.9 } })], state: convNetWeights(), batch: stripes };
    const { reports, result } = await run({ ...options, steps: 100 });
    expect(reports.at(-1)!.loss).toBeLessThan(0.05);
    // The averaged network is a whole one, with its statistics.
    expect(dataOf(result.state, 'ema bn.running_var')).toHaveLength(8);
    expect(dataOf(result.state, 'bn.running_var')[0]).not.toBe(1);
  });

  it('two parts in turn, each with weights of its own, one of them only now and then', async () => {
    // Saddle x y: its first part descends in x, the second ascends in y.
    const state = new Map([['x', filled([], 1)], ['y', filled([], 1)]]); // prettier-ignore
    const part = (name: 'x' | 'y', sign: number) =>
      trainingStep({
        name,
        state,
        trainable: [name],
        batch: { one: { shape: [] } },
        addTo: (b, p, { one }) => ({ loss: b.mul(b.mul(b.mul(p.get('x'), p.get('y')), one), sign) }),
        optimiser: sgd(),
      });
    const one = { one: filled([], 1) };
    const { reports, result } = await run({
      parts: [part('x', 1), part('y', -1)],
      state,
      steps: 20,
      every: 20,
      batch: (step) => (step % 2 ? { x: one } : { x: one, y: one }),
      rate: { x: constant(0.1), y: constant(0.05) },
    });
    let [x, y] = [1, 1];
    let losses = 0;
    for (let step = 0; step < 20; step++) {
      losses += x * y;
      x -= 0.1 * y;
      if (step % 2 === 0) y += 0.05 * x;
    }
    expect(dataOf(result.state, 'x')[0]).toBeCloseTo(x, 5);
    expect(dataOf(result.state, 'y')[0]).toBeCloseTo(y, 5);
    expect(reports[0].metrics['x/loss']).toBeCloseTo(losses / 20, 5);
    expect(reports[0].loss).toBe(reports[0].metrics['x/loss']);
    expect([dataOf(result.state, 'count x')[0], dataOf(result.state, 'count y')[0]]).toEqual([20, 10]);
  });
});

describe('a training is kept', () => {
  const options = {
    parts: [convNet({ optimiser: adam({ weightDecay: 0.01 }), ema: { decay: 0.99 }, clip: 1 })],
    state: convNetWeights(),
    batch: stripes,
    rate: cosine({ rate: 0.01, steps: 200 }),
    recipe: { name: 'stripes' },
    seed: 4,
  };

  it('two halves give what one go gives, number for number, in state and log', async () => {
    const [whole, halves] = [memoryFolder(), memoryFolder()];
    const once = await run({ ...options, folder: whole });
    await run({ ...options, folder: halves, steps: 110, every: 20 });
    const twice = await run({ ...options, folder: halves });
    expect(values(twice.result.state)).toEqual(values(once.result.state));
    expect(twice.reports.at(-1)!.loss).toBe(once.reports.at(-1)!.loss);
  });

  it('stops on a signal after saving, and the log goes on as if it had not', async () => {
    const [whole, halves] = [memoryFolder(), memoryFolder()];
    await run({ ...options, folder: whole });
    const stop = new AbortController();
    const batch = (step: number) => {
      if (step === 90) stop.abort();
      return stripes(step);
    };
    const { result } = await run({ ...options, folder: halves, batch, signal: stop.signal });
    expect(result).toMatchObject({ step: 90, stopped: 'cancelled' });
    const log = text(halves, 'log.jsonl');
    // As if it had been cut off between the log and the checkpoint.
    await halves.write('log.jsonl', [log, '{"step":100,"loss":1}\n{"step":12']);
    const { reports } = await run({ ...options, folder: halves });
    expect(reports[0].done).toBe(100);
    expect(logOf(halves)).toEqual(logOf(whole));
    expect(logOf(whole).map(({ step }) => step)).toEqual([25, 50, 75, 100, 125, 150, 175, 200]);
  });

  it('saves from time to time, and its files hold all there is', async () => {
    const folder = memoryFolder();
    const steps: number[] = [];
    const write = folder.write.bind(folder);
    folder.write = (name, chunks) => {
      if (name === 'log.jsonl') steps.push(steps.length);
      return write(name, chunks);
    };
    await run({ ...options, steps: 10, folder, saveSeconds: 0 });
    expect(steps).toHaveLength(10);
    expect([...folder.files.keys()].sort()).toEqual(['checkpoint.safetensors', 'log.jsonl']);
    expect(text(folder, 'checkpoint.safetensors').slice(8, 400)).toMatch(/"step":"10","seed":"4"/);
  });

  it('a finished one is done at once', async () => {
    const folder = memoryFolder();
    const first = await run({ ...options, steps: 5, folder });
    const again = await run({ ...options, steps: 5, folder });
    expect(again.reports).toHaveLength(0);
    expect(values(again.result.state)).toEqual(values(first.result.state));
  });

  it('and not taken for another one', async () => {
    const folder = memoryFolder();
    await run({ ...options, steps: 5, folder });
    await expect(run({ ...options, recipe: { name: 'dots' }, folder })).rejects.toThrow(
      /another recipe, .*stripes.*dots/,
    );
    await expect(run({ ...options, seed: 5, folder })).rejects.toThrow(/has the seed 4, not 5/);
    await expect(run({ ...options, parts: [convNet()], folder })).rejects.toThrow(
      /"ema bn.running_mean" of .* missing/,
    );
  });

  it.each([
    ['cut short', (bytes: Uint8Array) => bytes.slice(0, -4)],
    ['empty', () => new Uint8Array()],
    ['with a header that is flipped', (bytes: Uint8Array) => bytes.map((byte, i) => (i === 8 ? byte ^ 0xff : byte))],
  ])('is begun anew, with a note, when its file is %s', async (_, damage) => {
    const folder = memoryFolder();
    const whole = await run({ ...options, steps: 5, folder });
    const file = 'checkpoint.safetensors';
    folder.files.set(file, damage(folder.files.get(file)!));
    const notes: string[] = [];
    const again = await run({ ...options, steps: 5, folder, onNote: (note) => notes.push(note) });
    expect(notes).toEqual(['checkpoint.safetensors is damaged; training begins anew']);
    expect(values(again.result.state)).toEqual(values(whole.result.state));
  });
});

describe('what goes wrong', () => {
  it('a loss that is no number ends it; what was before is saved', async () => {
    const folder = memoryFolder();
    const batch = (step: number) =>
      step < 30 ? circles(step) : { perceptron: { ...circleBatch(0), x: filled([32, 2], NaN) } };
    await expect(run({ folder, batch })).rejects.toThrow(/in step 31 the loss of "perceptron" is NaN .* saved/);
    const { result } = await run({ folder, steps: 30 });
    const { result: should } = await run({ steps: 30 });
    expect(values(result.state)).toEqual(values(should.state));
  });

  it('a rate that is too high ends it too', async () => {
    await expect(run({ parts: [perceptron({ optimiser: sgd() })], rate: constant(1e20) })).rejects.toThrow(/diverged/);
  });

  it('a batch that cannot be made', async () => {
    const folder = memoryFolder();
    const batch = (step: number) =>
      step < 3 ? Promise.resolve(circles(step)) : Promise.reject(new Error('no such file'));
    await expect(run({ folder, batch })).rejects.toThrow('no such file');
    expect(text(folder, 'checkpoint.safetensors')).toContain('"step":"3"');
    await expect(run({ batch: () => ({ other: {} }) })).rejects.toThrow(/a batch is for "other"/);
  });

  it('options', async () => {
    await expect(run({ parts: [] })).rejects.toThrow(/one part or several/);
    await expect(run({ steps: 1.5 })).rejects.toThrow(/whole number, not 1.5/);
    await expect(run({ every: 0 })).rejects.toThrow(/positive whole number, not 0/);
    await expect(run({ rate: { other: constant(1) } })).rejects.toThrow(/no learning rate for "perceptron"/);
  });
});

describe('memory', () => {
  it('each run gives back what the one before had made', async () => {
    const live = new Set<object>();
    let peak = 0;
    const counting: typeof engine = {
      device: engine.device,
      async open(graph) {
        const session = await engine.open(graph);
        return {
          release: () => session.release(),
          async run(feeds) {
            const outputs = await session.run(feeds);
            const token = {};
            live.add(token);
            peak = Math.max(peak, live.size);
            return {
              tensors: outputs.tensors,
              dispose() {
                live.delete(token);
                outputs.dispose();
              },
            };
          },
        };
      },
    };
    const step = perceptron({ ema: { decay: 0.9 } });
    const state = beginState(perceptronWeights(), [step]);
    const sizes = () => [...state].map(([name, { shape, data }]) => [name, shape.join(), data.length]);
    const before = sizes();
    const runner = await StepRunner.open(counting, step);
    for (let i = 0; i < 50; i++) await runner.run(state, circleBatch(i), 0.01);
    expect(sizes()).toEqual(before);
    expect(peak).toBe(2);
    await runner.release();
    expect(live.size).toBe(0);
  });

  it('a copy of the state outlasts the training', async () => {
    const copies: ReadonlyMap<string, Tensor>[] = [];
    await run({ steps: 50 }, (progress) => copies.push(progress.state()));
    const { result } = await run({ steps: 25 });
    expect(values(copies[0])).toEqual(values(result.state));
    expect(values(copies[1])).not.toEqual(values(result.state));
  });
});
