// The training loop: batches, steps, learning rates, progress, checkpoints. It stops and resumes to the same result.
// What is trained is in the steps; it draws no batches itself.

import { UserError } from '../../errors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Engine } from '../../runtime/engine.ts';
import type { Folder } from '../../files/folder.ts';
import type { LongWork, Progress } from '../../progress.ts';
import { addTo, linesUntil, meansOf, type Sums } from './log.ts';
import { beginState, copyState, isFiniteReport, StepRunner, type StepReport, type TrainingState } from './run-step.ts';
import type { Schedule } from './schedule.ts';
import { checkpointFile, expectSame, loadTraining, saveTraining } from './state.ts';
import type { TrainingStep } from './step.ts';

/** Tensors for each training step by its name, by input. A step that gets none is not run this time. */
export type Batches = Readonly<Record<string, Readonly<Record<string, Tensor>> | undefined>>;

/** `onProgress` is called every `every` steps and after the last; `signal` ends the training after the current step, saved. */
export interface TrainOptions extends LongWork<TrainProgress> {
  readonly engine: Engine;
  /** Run one after another in every iteration, over one state: one, or generator and discriminator. */
  readonly parts: readonly TrainingStep[];
  /** Weights and buffers at the beginning; they are not altered. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** Iterations in all, those before a resume included. */
  readonly steps: number;
  /**
   * What iteration `step` (from 0) is fed: a pure function of the step, or a resumed training is another one. It is asked
   * for ahead, so that what it does on other threads (reading, decoding) goes on while the engine computes; the engine for
   * Node holds up this one.
   */
  readonly batch: (step: number) => Batches | Promise<Batches>;
  /** Learning rate by iteration, for all parts or each by name. */
  readonly rate: Schedule | Readonly<Record<string, Schedule>>;
  /** Report every so many iterations, and the last; default 50. */
  readonly every?: number;
  /** Where the training is kept, and resumed from when it is there already. Default: nowhere. */
  readonly folder?: Folder;
  /** Save when so many seconds have passed, beside the end; default 120. */
  readonly saveSeconds?: number;
  /** What is trained and how: any JSON. A folder with another recipe is not resumed. */
  readonly recipe?: unknown;
  /** As the batches were drawn with; kept with the recipe. Default 0. */
  readonly seed?: number;
  /** Stops after the step in which so many seconds have passed; the training is saved. Default: no limit. */
  readonly seconds?: number;
}

/** `done` and `total` are iterations, those before a resume included. */
export interface TrainProgress extends Progress {
  /** Mean loss of the first part since the last report. */
  readonly loss: number;
  /** Means of all numbers since the last report; of several parts as `PART/NAME`. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Of the first part in this iteration. */
  readonly rate: number;
  readonly secondsPerStep: number;
  /** A copy of the state, while `onProgress` has not resolved. */
  state(): TrainingState;
}

export interface TrainResult {
  readonly state: TrainingState;
  readonly step: number;
  /** `time`: `seconds` have passed. */
  readonly stopped: 'done' | 'cancelled' | 'time';
}

/** Where options say nothing; the command line has the same. */
export const trainingDefaults = { every: 50, saveSeconds: 120 } as const;

/** The log, in a training's folder: one line of JSON per report. */
export const logFile = 'log.jsonl';

/**
 * Trains: to the end, or until it is told to stop. What is in `folder` is resumed, to the same result.
 * @throws UserError when loss or gradient are no longer finite (what was before is saved), the folder has another
 *   training, or batch and state do not fit the steps.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { engine, parts, steps, folder, seed = 0, seconds = Infinity } = options;
  const { every = trainingDefaults.every, saveSeconds = trainingDefaults.saveSeconds } = options;
  expectOptions(options);
  const began = performance.now();
  const stopping = (): Exclude<TrainResult['stopped'], 'done'> | undefined => {
    if (options.signal?.aborted) return 'cancelled';
    return performance.now() - began >= seconds * 1000 ? 'time' : undefined;
  };
  const rateOf = rates(options);
  const recipe = JSON.stringify(options.recipe ?? {});
  let state = beginState(options.state, parts);
  let step = 0;
  let sums: Sums = {};
  const lines: string[] = [];
  const saved =
    folder &&
    (await loadTraining(folder, () => options.onNote?.(`${checkpointFile} is damaged; training begins anew`)));
  if (saved) {
    expectSame(saved, state, recipe, seed);
    state = new Map(saved.tensors);
    ({ step } = saved);
    sums = { ...saved.sums };
    lines.push(...linesUntil(new TextDecoder().decode(await folder.read(logFile)), step));
  }
  let savedAt = performance.now();
  const save = async () => {
    if (!folder) return;
    // The log first: lines beyond the checkpoint are dropped by a resume.
    await folder.write(logFile, [lines.map((line) => `${line}\n`).join('')]);
    await saveTraining(folder, { tensors: state, step, recipe, seed, sums });
    savedAt = performance.now();
  };

  const runners: StepRunner[] = [];
  try {
    for (const part of parts) runners.push(await StepRunner.open(engine, part));
    let next = prepare(options, step);
    let since = performance.now();
    let counted = step;
    let stop: ReturnType<typeof stopping> = options.signal?.aborted ? 'cancelled' : undefined;
    while (step < steps && !stop) {
      const batches = await next.catch(async (error: unknown) => {
        await save();
        throw error;
      });
      const numbers = iterate(runners, state, batches, (name) => rateOf(name, step));
      next = prepare(options, step + 1);
      const { report, failed } = await numbers;
      if (failed) {
        await save();
        throw new UserError(diverged(failed, step, folder !== undefined));
      }
      addTo(sums, report);
      step++;
      if (step % every === 0 || step === steps) {
        const metrics = meansOf(sums);
        const rate = rateOf(parts[0].name, step - 1);
        const secondsPerStep = (performance.now() - since) / 1000 / (step - counted);
        lines.push(JSON.stringify({ step, rate, secondsPerStep, ...metrics }));
        sums = {};
        const loss = metrics[parts.length > 1 ? `${parts[0].name}/loss` : 'loss'];
        await options.onProgress?.({
          stage: 'training',
          unit: 'steps',
          done: step,
          total: steps,
          loss,
          metrics,
          rate,
          secondsPerStep,
          state: () => copyState(state),
        });
        since = performance.now();
        counted = step;
      }
      stop = stopping();
      if (step < steps && performance.now() - savedAt > saveSeconds * 1000) await save();
    }
    await save();
    return { state: copyState(state), step, stopped: (step < steps && stop) || 'done' };
  } finally {
    for (const runner of runners) await runner.release();
  }
}

/** The batches of an iteration, asked for ahead: a failure is told when they are awaited. */
function prepare({ batch, steps, parts }: TrainOptions, step: number): Promise<Batches> {
  const made = (async () => {
    const batches = step < steps ? await batch(step) : {};
    const unknown = Object.keys(batches).find((name) => !parts.some((part) => part.name === name));
    if (unknown === undefined) return batches;
    const list = parts.map(({ name }) => name).join(', ');
    throw new UserError(`a batch is for "${unknown}", which is not trained here; there is: ${list}`);
  })();
  made.catch(() => undefined);
  return made;
}

interface Iteration {
  readonly report: StepReport;
  /** Name and numbers of a part that diverged. */
  readonly failed?: { readonly name: string; readonly report: StepReport };
}

/** Runs all parts that have a batch. One that diverges leaves the state as it found it, and ends the iteration. */
async function iterate(
  runners: readonly StepRunner[],
  state: TrainingState,
  batches: Batches,
  rateOf: (name: string) => number,
): Promise<Iteration> {
  const all: Record<string, number> = {};
  for (const runner of runners) {
    const { name } = runner.step;
    const batch = batches[name];
    if (!batch) continue;
    const report = await runner.run(state, batch, rateOf(name));
    if (!isFiniteReport(report)) return { report: all, failed: { name, report } };
    for (const [key, value] of Object.entries(report)) all[runners.length > 1 ? `${name}/${key}` : key] = value;
  }
  return { report: all };
}

function diverged({ name, report }: NonNullable<Iteration['failed']>, step: number, kept: boolean): string {
  const where = `in step ${step + 1} the loss of "${name}" is ${report.loss} and the norm of its gradient ${report.gradient}`;
  const saved = kept ? ' What was before is saved.' : '';
  return `${where}: training has diverged, or the batch holds numbers that are not finite.${saved} Begin anew with a smaller learning rate, a longer warm-up or clipped gradients.`;
}

function rates({ rate, parts }: TrainOptions): (name: string, step: number) => number {
  if (typeof rate === 'function') return (_name, step) => rate(step);
  const missing = parts.find(({ name }) => !Object.hasOwn(rate, name));
  if (missing) throw new UserError(`there is no learning rate for "${missing.name}"; give one for each part`);
  return (name, step) => rate[name](step);
}

function expectOptions({ parts, steps, every = trainingDefaults.every }: TrainOptions): void {
  const names = parts.map(({ name }) => name);
  if (!names.length || new Set(names).size < names.length) {
    throw new UserError(`training needs one part or several with names of their own, not: ${names.join(', ')}`);
  }
  if (!Number.isInteger(steps) || steps < 0) throw new UserError(`steps must be a whole number, not ${steps}`);
  if (!Number.isInteger(every) || every < 1) throw new UserError(`every must be a positive whole number, not ${every}`);
}
