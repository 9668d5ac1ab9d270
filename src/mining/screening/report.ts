// What is told of a screened run: how it was screened, and what the audit found; as tensors, too, for a state that is saved.
// It judges nothing.

import type { Tensor } from '../../graph/tensor.ts';
import type { MinedModel } from '../correlation/plan.ts';
import type { Audit } from './audit.ts';

/** What is told of a screened run. */
export interface ScreeningReport {
  /** By pair of models, for the units of its first and of its second: 1 where no nearest can have been missed. */
  readonly sure: readonly (readonly [Uint8Array, Uint8Array])[];
  /** Values of a unit's sketch on the largest grid. */
  readonly width: number;
  /** Deviations that an estimate may be off. */
  readonly margin: number;
  /** Pairs of units whose scores are exact. */
  readonly candidates: number;
  /** Units, towards one other model each, whose candidates may lack one of their nearest: their lists were too short. */
  readonly unsure: number;
  readonly audit: Audit;
}

export const vector = (data: Int32Array | Uint8Array | Float32Array): Tensor => ({
  dtype: data instanceof Int32Array ? 'int32' : data instanceof Uint8Array ? 'uint8' : 'float32',
  shape: [data.length],
  data,
});

/** A report as tensors for a file. */
export function reportTensors({
  sure,
  width,
  margin: deviations,
  candidates,
  unsure,
  audit,
}: ScreeningReport): Map<string, Tensor> {
  const numbers = Float64Array.of(width, deviations, candidates, unsure, audit.units, audit.found, audit.largestError);
  return new Map<string, Tensor>([
    ['numbers', { dtype: 'float64', shape: [numbers.length], data: numbers }],
    ...sure.flatMap((directions, i) => directions.map((data, d): [string, Tensor] => [`sure ${i} ${d}`, vector(data)])),
  ]);
}

/** Takes back what `reportTensors` gave; undefined where it is not whole. */
export function reportFrom(
  tensors: ReadonlyMap<string, Tensor>,
  { pairs, models }: { readonly pairs: readonly (readonly [number, number])[]; readonly models: readonly MinedModel[] },
): ScreeningReport | undefined {
  const numbers = tensors.get('numbers')?.data;
  if (!(numbers instanceof Float64Array) || numbers.length !== 7) return undefined;
  const [width, deviations, candidates, unsure, units, found, largestError] = numbers;
  const sureOf = (i: number, d: number, model: number) => {
    const data = tensors.get(`sure ${i} ${d}`)?.data;
    return data instanceof Uint8Array && data.length === models[model].units ? data : undefined;
  };
  const sure = pairs.flatMap(([a, b], i): [Uint8Array, Uint8Array][] => {
    const [forward, backward] = [sureOf(i, 0, a), sureOf(i, 1, b)];
    return forward && backward ? [[forward, backward]] : [];
  });
  if (sure.length < pairs.length) return undefined;
  return { sure, width, margin: deviations, candidates, unsure, audit: { units, found, largestError } };
}
