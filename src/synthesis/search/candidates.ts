// Where a search begins: the best of many samples by the objective itself.
// With no search after it, it is random search: the measure of what gradients are worth.

import { floats } from '../../graph/tensor.ts';
import type { LongWork, Progress } from '../../progress.ts';
import type { Engine } from '../../runtime/engine.ts';
import { withSession } from '../../runtime/with-session.ts';
import type { Generator, GeneratorOptions } from '../../zoo/model.ts';
import { rowsIn, shapesOf, takeRows, type Latents } from './latents.ts';
import { stepGraph, stepOutputs } from './step-graph.ts';
import type { Term } from '../terms/terms.ts';

/** Samples judged so far. */
export interface CandidateProgress extends Progress {
  readonly stage: 'candidates';
  readonly unit: 'samples';
}

export interface CandidateOptions extends LongWork<CandidateProgress> {
  readonly engine: Engine;
  readonly generator: Generator;
  readonly generatorOptions?: Partial<GeneratorOptions>;
  readonly latents: Latents;
  /** Targets with a row of their own are not possible here: every candidate is judged by the same ones. */
  readonly terms: readonly Term[];
  /** How many to keep. */
  readonly keep: number;
  /** Judged at once; default 8. */
  readonly batch?: number;
}

/** The candidates with the smallest loss, best first, and those losses. @throws the signal's reason when aborted. */
export async function bestCandidates({
  engine,
  generator,
  generatorOptions,
  latents,
  terms,
  keep,
  batch = 8,
  onProgress,
  signal,
}: CandidateOptions): Promise<{ latents: Latents; loss: number[] }> {
  const total = rowsIn(latents);
  const size = Math.min(batch, total);
  const shapes = shapesOf(takeRows(latents, Array<number>(size).fill(0)));
  const step = stepGraph({ generator, generatorOptions, latents: shapes, terms, free: [] });
  const losses: number[] = [];
  await withSession(engine, step.graph, async (session) => {
    for (let from = 0; from < total; from += size) {
      signal?.throwIfAborted();
      // The last batch is filled up with its first row, and the surplus left out.
      const rows = Array.from({ length: size }, (_, i) => (from + i < total ? from + i : from));
      const outputs = await session.run({ ...takeRows(latents, rows), ...step.given });
      const found = floats(outputs.tensors[stepOutputs.loss].data);
      losses.push(...found.subarray(0, Math.min(size, total - from)));
      outputs.dispose();
      await onProgress?.({ stage: 'candidates', unit: 'samples', done: losses.length, total });
    }
  });
  const order = losses.map((_, i) => i).filter((i) => Number.isFinite(losses[i]));
  const best = (order.length ? order : [0]).sort((i, j) => losses[i] - losses[j]).slice(0, keep);
  return { latents: takeRows(latents, best), loss: best.map((i) => losses[i]) };
}
