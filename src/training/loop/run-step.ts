// A training step on an engine: feeds it from the state, and puts what comes out in the state's place.
// It decides neither batches nor learning rates.

import { UserError } from '../../errors.ts';
import { float32, type Tensor, floats } from '../../graph/tensor.ts';
import type { Engine, Outputs, Session } from '../../runtime/engine.ts';
import { stateInput, stateOutput } from './parameters.ts';
import { stepNames, type TrainingStep } from './step.ts';

/** All tensors of a training by name: weights, buffers, moments, averages, counts. Its entries are replaced, never altered. */
export type TrainingState = Map<string, Tensor>;

/**
 * The state at the beginning: weights and buffers, and what the steps have beside them.
 * @throws UserError when two steps count their updates together, but do not move the same weights.
 */
export function beginState(weights: ReadonlyMap<string, Tensor>, steps: readonly TrainingStep[]): TrainingState {
  const state: TrainingState = new Map(weights);
  const moved = new Map<string, string>();
  for (const { name: step, beginning, count, moments } of steps) {
    for (const [name, members] of moments) {
      const all = members.join();
      if ((moved.get(name) ?? all) !== all) {
        throw new UserError(
          `"${step}" has "${count}" in common with another step, but moves other weights; give it a counter of its own`,
        );
      }
      moved.set(name, all);
    }
    for (const [name, tensor] of beginning) if (!state.has(name)) state.set(name, tensor);
  }
  return state;
}

/** A copy in memory of its own, for use beyond the next step. */
export const copyState = (state: ReadonlyMap<string, Tensor>): TrainingState =>
  new Map([...state].map(([name, { shape, data }]) => [name, float32([...shape], Float32Array.from(floats(data)))]));

/** Loss and metrics of one step, by name; `loss` among them. */
export type StepReport = Readonly<Record<string, number>>;

export const isFiniteReport = ({ loss, gradient }: StepReport): boolean => Number.isFinite(loss + gradient);

export class StepRunner {
  readonly step: TrainingStep;
  readonly #session: Session;
  /** Owns the memory of the state tensors that the last run made. */
  #owner: Outputs | undefined;

  private constructor(step: TrainingStep, session: Session) {
    this.step = step;
    this.#session = session;
  }

  static async open(engine: Engine, step: TrainingStep): Promise<StepRunner> {
    return new StepRunner(step, await engine.open(step.graph));
  }

  /**
   * One update. The new tensors are the engine's memory, which the next run of this runner takes back: copy what is to
   * last longer. When loss or gradient are no finite numbers, the state stays as it is.
   * @param batch one tensor for each input of the step's batch.
   * @param rate learning rate.
   * @throws UserError when the batch or the state does not fit the step.
   */
  async run(state: TrainingState, batch: Readonly<Record<string, Tensor>>, rate: number): Promise<StepReport> {
    const { step } = this;
    const updates = Number(state.get(step.count)?.data[0] ?? 0);
    const outputs = await this.#session.run({
      ...batchFeeds(step, batch),
      ...stateFeeds(step, state),
      ...step.scalars(rate, updates),
    });
    const read = (name: string) => floats(outputs.tensors[name].data)[0];
    const metrics = step.metrics.map((name): [string, number] => [name, read(stepNames.metric(name))]);
    const report: StepReport = { loss: read(stepNames.loss), ...Object.fromEntries<number>(metrics) };
    if (!isFiniteReport(report)) {
      outputs.dispose();
      return report;
    }
    for (const name of step.writes) state.set(name, outputs.tensors[stateOutput(name)]);
    state.set(step.count, float32([], [updates + 1]));
    this.#owner?.dispose();
    this.#owner = outputs;
    return report;
  }

  /** Frees the session and what its last run put into the state. */
  async release(): Promise<void> {
    this.#owner?.dispose();
    this.#owner = undefined;
    await this.#session.release();
  }
}

const shown = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

function batchFeeds(
  { name, batch }: TrainingStep,
  given: Readonly<Record<string, Tensor | undefined>>,
): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const [key, { shape, dtype = 'float32' }] of Object.entries(batch)) {
    const tensor = given[key];
    if (tensor?.dtype !== dtype || tensor.shape.join() !== shape.join()) {
      const what = tensor ? `${tensor.dtype} ${shown(tensor.shape)}` : 'missing';
      throw new UserError(
        `"${key}" of the batch for the step "${name}" is ${what}; the step was built for ${dtype} ${shown(shape)}`,
      );
    }
    feeds[key] = tensor;
  }
  return feeds;
}

function stateFeeds({ name, reads }: TrainingStep, state: ReadonlyMap<string, Tensor>): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const key of reads) {
    const tensor = state.get(key);
    if (!tensor)
      throw new UserError(`the state has no "${key}", which the step "${name}" reads; begin it with beginState`);
    feeds[stateInput(key)] = tensor;
  }
  return feeds;
}
