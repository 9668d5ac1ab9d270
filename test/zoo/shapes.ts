// The official full-size networks by the names and shapes of their tensors, for tests that build graphs without running.

import { readFileSync } from 'node:fs';
import type { Tensor } from '../../src/graph/tensor.ts';
import { sizeOf } from '../../src/graph/tensor.ts';

export interface FullShapes {
  readonly config: Readonly<Record<string, unknown>>;
  readonly parameters: number;
  readonly output_shape: readonly number[];
  readonly num_units: number;
  readonly layers: readonly { readonly module: string; readonly shape: readonly number[]; readonly units: number }[];
  readonly state_dict: readonly (readonly [name: string, shape: readonly number[], dtype: string])[];
  readonly layer_attributes?: readonly Readonly<Record<string, unknown>>[];
}

export const fullShapes = JSON.parse(
  readFileSync(new URL('../golden/full_shapes.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, FullShapes>>;

let zeros = new Float32Array(0);

/** Tensors of these shapes, all views of one block of zeros. */
export function zeroTensors({ state_dict: entries }: FullShapes): Map<string, Tensor> {
  const largest = Math.max(...entries.map(([, shape]) => sizeOf(shape)));
  if (zeros.length < largest) zeros = new Float32Array(largest);
  return new Map(
    entries.map(([name, shape]): [string, Tensor] => [
      name,
      { dtype: 'float32', shape, data: zeros.subarray(0, sizeOf(shape)) },
    ]),
  );
}
