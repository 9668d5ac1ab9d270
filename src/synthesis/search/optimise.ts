// The search for latents that minimise an objective: Adam on the gradient graph, several rows side by side.
// What is searched for is in the terms; it reads no files and keeps its state as plain data, so that it can be taken up again.

import { float32, type Float32Tensor, type Tensor, floats } from '../../graph/tensor.ts';
import { normalAt } from '../../random.ts';
import type { LongWork, Progress } from '../../progress.ts';
import type { Engine, Outputs, Session } from '../../runtime/engine.ts';
import { withSession } from '../../runtime/with-session.ts';
import type { Generator, GeneratorOptions } from '../../zoo/model.ts';
import { adamStep, projectorNoise, projectorRate, type AdamState } from './adam.ts';
import { checkLatents, entriesOf, mapTensors, shapesOf, spaceOf, type Latents } from './latents.ts';
import { beginSearch, copySearch, keepBest, resumeSearch, type Search, type SearchState } from './rows.ts';
import { stepGraph, stepOutputs } from './step-graph.ts';
import type { Term } from '../terms/terms.ts';
import { searchDefaults } from '../defaults.ts';
import { present } from '../../lookup.ts';

export interface OptimiseOptions extends Omit<LongWork, 'onProgress'> {
  readonly engine: Engine;
  readonly generator: Generator;
  readonly generatorOptions?: Partial<GeneratorOptions>;
  /** Rows to begin from; the result has as many. */
  readonly start: Latents;
  readonly terms: readonly Term[];
  /** Default 200. */
  readonly steps?: number;
  /** Full learning rate; default 0.05 in z, 0.1 in w and w+. */
  readonly rate?: number;
  /** Move the class condition too, as a mixture; default false. */
  readonly freeClass?: boolean;
  /** Standard deviation of the noise that is added to the latent in early steps; default none. */
  readonly noise?: number;
  /** Of the noise; default 0. */
  readonly seed?: number;
  /** Stop when no row has got better by more than 0.1 % of its loss in so many steps; default never. */
  readonly patience?: number;
  /** Awaited every `every` steps. */
  readonly onProgress?: (progress: StepProgress) => void | Promise<void>;
  /** Tell the progress every so many steps; default 10. The first and the last step are always among them. */
  readonly every?: number;
  /** Memory against time, see StepGraphOptions. */
  readonly segments?: number;
  readonly memory?: number;
  /** Go on from here; steps, rows and objective must be those of the interrupted search. */
  readonly state?: SearchState;
  /** Stops after the current step: the search returns what it has, with `stopped: 'cancelled'`. */
  readonly signal?: AbortSignal;
}

/** After a step of a search; `done` and `total` count steps. */
export interface StepProgress extends Progress {
  readonly stage: 'search';
  readonly unit: 'steps';
  /** Loss of every row, `[n]`, at the latents of this step. */
  readonly loss: Float32Array;
  /** The terms of every row, unweighted, by name. */
  readonly terms: Readonly<Record<string, Float32Array>>;
  /** Row with the smallest loss at this step. */
  readonly leader: number;
  /** The images of this step, `[n, 3, height, width]`; a copy is made when it is called, before the callback returns. */
  images(): Float32Tensor;
  /** A copy of the state after this step. */
  state(): SearchState;
}

export interface SearchResult {
  /** The best latents of each row. */
  readonly latents: Latents;
  /** Loss and terms there. */
  readonly loss: Float32Array;
  readonly terms: Readonly<Record<string, Float32Array>>;
  /** What terms report of every row there, e.g. `rosetta/r` `[n, pairs]`. */
  readonly details: Readonly<Record<string, Float32Tensor>>;
  readonly images: Float32Tensor;
  /** Row with the smallest loss. */
  readonly leader: number;
  /** Steps done. */
  readonly steps: number;
  /** Why it ended. `not-finite`: the loss or gradient of every row was no number; what is returned was the best before. */
  readonly stopped: 'done' | 'converged' | 'cancelled' | 'not-finite';
}

/**
 * Searches: the best latents of every row.
 * @throws UserError when the latents do not fit the generator, or a layer on the way has no gradient.
 */
export async function optimise(options: OptimiseOptions): Promise<SearchResult> {
  const { engine, generator, start, terms, noise = 0, patience, signal } = options;
  const { steps = searchDefaults.steps, every = searchDefaults.every, seed = searchDefaults.seed } = options;
  checkLatents(generator.card, start);
  const space = spaceOf(start);
  const rate = options.rate ?? searchDefaults.rate[space === 'z' ? 'z' : 'w'];
  const free = entriesOf(start).flatMap(([name]) => (name !== 'c' || options.freeClass ? [name] : []));
  const step = stepGraph({
    generator,
    generatorOptions: options.generatorOptions,
    latents: shapesOf(start),
    terms,
    free,
    segments: options.segments,
    memory: options.memory,
  });
  const used = terms.filter((term) => term.weight);
  const search = options.state ? resumeSearch(options.state, start) : beginSearch(start);
  let stopped: SearchResult['stopped'] = 'done';
  return await withSession(engine, step.graph, async (session) => {
    while (search.step < steps) {
      const t = search.step / steps;
      const shaken = withNoise(search.latents, noise * projectorNoise(t), seed, search.step);
      const outputs = await session.run({ ...shaken, ...step.given });
      try {
        const read = (name: string) => floats(outputs.tensors[name].data);
        const loss = Float32Array.from(read(stepOutputs.loss));
        keepBest(search, shaken, loss);
        const fine = finiteRows(
          loss,
          free.map((name) => read(stepOutputs.gradient(name))),
        );
        if (!fine.includes(true)) {
          stopped = 'not-finite';
          break;
        }
        const settings = { rate: rate * projectorRate(t), step: search.step + 1 };
        for (const name of free) {
          moveRows(
            present(search.latents[name], 'latent').data,
            read(stepOutputs.gradient(name)),
            search.adam[name],
            fine,
            settings,
          );
        }
        search.step++;
        const last = search.step === steps;
        if (search.step === 1 || last || search.step % every === 0) {
          await options.onProgress?.({
            stage: 'search',
            unit: 'steps',
            done: search.step,
            total: steps,
            loss,
            terms: termsOf(outputs, used),
            leader: least(loss),
            images: () => copyOf(outputs, stepOutputs.images),
            state: () => copySearch(search),
          });
        }
        if (!last && signal?.aborted) {
          stopped = 'cancelled';
          break;
        }
        if (!last && patience !== undefined && search.step - search.improved.step >= patience) {
          stopped = 'converged';
          break;
        }
      } finally {
        outputs.dispose();
      }
    }
    if (stopped === 'done') {
      // Where the last step led has not been looked at yet.
      const outputs = await session.run({ ...search.latents, ...step.given });
      keepBest(search, search.latents, floats(outputs.tensors[stepOutputs.loss].data));
      outputs.dispose();
    }
    return await evaluated(session, search, step.given, step.details, used, stopped);
  });
}

/** Noise is a pure function of seed and step, so that a resumed search sees the same. */
function withNoise(latents: Latents, std: number, seed: number, step: number): Latents {
  if (!std) return latents;
  return mapTensors(latents, (tensor, name) =>
    name === 'c'
      ? tensor
      : float32(
          tensor.shape,
          tensor.data.map((value, i) => value + std * normalAt(seed, step * tensor.data.length + i, noiseStream)),
        ),
  );
}
const noiseStream = 0x6e6f6973;

function finiteRows(loss: Float32Array, gradients: readonly Float32Array[]): boolean[] {
  return Array.from(loss, (value, row) => {
    if (!Number.isFinite(value)) return false;
    return gradients.every((gradient) => {
      const size = gradient.length / loss.length;
      return gradient.subarray(row * size, (row + 1) * size).every(Number.isFinite);
    });
  });
}

/** Rows that are not finite stay where they are. */
function moveRows(
  x: Float32Array,
  gradient: Float32Array,
  state: AdamState,
  fine: readonly boolean[],
  options: { rate: number; step: number },
): void {
  const size = x.length / fine.length;
  fine.forEach((ok, row) => {
    if (!ok) return;
    const part = (data: Float32Array) => data.subarray(row * size, (row + 1) * size);
    adamStep(part(x), part(gradient), { first: part(state.first), second: part(state.second) }, options);
  });
}

const least = (loss: Float32Array): number =>
  loss.reduce((best, value, row) => (value < loss[best] || Number.isNaN(loss[best]) ? row : best), 0);

function copyOf(outputs: Outputs, name: string): Float32Tensor {
  const { shape, data } = outputs.tensors[name];
  return float32(shape, Float32Array.from(floats(data)));
}

const termsOf = (outputs: Outputs, terms: readonly Term[]): Record<string, Float32Array> =>
  Object.fromEntries(terms.map(({ name }) => [name, copyOf(outputs, stepOutputs.term(name)).data]));

/** The last word: everything at the best latents. */
async function evaluated(
  session: Session,
  { best, step }: Search,
  given: Readonly<Record<string, Tensor>>,
  details: readonly string[],
  terms: readonly Term[],
  stopped: SearchResult['stopped'],
): Promise<SearchResult> {
  const outputs = await session.run({ ...best.latents, ...given });
  try {
    const loss = copyOf(outputs, stepOutputs.loss).data;
    return {
      latents: best.latents,
      loss,
      terms: termsOf(outputs, terms),
      details: Object.fromEntries(details.map((name) => [name, copyOf(outputs, stepOutputs.detail(name))])),
      images: copyOf(outputs, stepOutputs.images),
      leader: least(loss),
      steps: step,
      stopped,
    };
  } finally {
    outputs.dispose();
  }
}
