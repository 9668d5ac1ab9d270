// What the tests of this room share: running models, comparing with a scale, and files in a folder of their own.
// It is no test itself.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { float32, sizeOf, toFloat32, type Float32Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { randomAt } from '../../src/random.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import type { LoadedModel } from '../../src/zoo/from-checkpoint.ts';
import type { BuiltModel, Encoder } from '../../src/zoo/model.ts';
import { loadModel, type LoadOptions } from '../../src/zoo/node.ts';

export const engine = nodeEngine({ threads: 2 });

/** Numbers between -1 and 1. */
export function noise(shape: readonly number[], seed: number): Float32Tensor {
  return float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => 2 * randomAt(seed, i) - 1),
  );
}

/** Numbers in [0, 1): images. */
export function images(shape: readonly number[], seed: number): Float32Tensor {
  return float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => randomAt(seed, i)),
  );
}

/** The graph of a model whose outputs are its taps and, as `output`, its output. */
export function graphOf(model: Encoder, shape: readonly number[], how: 'addTo' | 'addRawTo' = 'addRawTo'): Graph {
  const b = new GraphBuilder();
  const built = model[how](b, b.input('x', shape));
  outputsOf(b, built);
  return b.build();
}

function outputsOf(b: GraphBuilder, { taps, output }: BuiltModel): void {
  // One more operator: a graph output must not take the name of a value away from the network.
  const output1 = (value: Value, name: string) => b.output(b.mul(value, 1), name);
  for (const [layer, value] of taps) output1(value, `tap ${layer}`);
  output1(output, 'output');
}

/** Maps by layer, and the output, for the network's own input (or images, by `addTo`). */
export async function runTaps(model: Encoder, x: Tensor, how: 'addTo' | 'addRawTo' = 'addRawTo') {
  const session = await engine.open(graphOf(model, x.shape, how));
  try {
    const { tensors } = await session.run({ x });
    const { output, ...rest } = tensors;
    const taps = Object.entries(rest).map(([name, tensor]) => [name.slice('tap '.length), tensor]);
    return { taps: Object.fromEntries(taps) as Record<string, Tensor>, output };
  } finally {
    await session.release();
  }
}

/** Largest absolute difference. */
export function absoluteError(actual: Tensor, expected: Tensor): number {
  expect(actual.shape).toEqual(expected.shape);
  const [a, b] = [toFloat32(actual), toFloat32(expected)];
  const error = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
  expect(error).not.toBeNaN();
  return error;
}

/** Largest absolute difference, relative to the largest absolute value that is expected. */
export function relativeError(actual: Tensor, expected: Tensor): number {
  const scale = toFloat32(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(scale).toBeGreaterThan(0);
  return absoluteError(actual, expected) / scale;
}

/** Image i of a batch. */
export function imageOf(tensor: Tensor, i: number): Float32Tensor {
  const shape = [1, ...tensor.shape.slice(1)];
  const size = sizeOf(shape);
  return float32(shape, toFloat32(tensor).slice(i * size, (i + 1) * size));
}

/** Several images as one batch. */
export function stack(tensors: readonly Tensor[]): Float32Tensor {
  const data = tensors.flatMap((tensor) => Array.from(toFloat32(tensor)));
  const [{ shape }] = tensors;
  return float32([tensors.reduce((sum, tensor) => sum + tensor.shape[0], 0), ...shape.slice(1)], data);
}

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'rosetta-zoo-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  return (name) => join(folder, name);
}

/** `loadModel` of what must be an encoder. */
export async function loadEncoder(path: string, options: LoadOptions): Promise<LoadedModel<Encoder>> {
  const { model, assumed } = await loadModel(path, options);
  if (model.kind !== 'encoder') throw new Error(`${model.name} is a ${model.kind}`);
  return { model, assumed };
}
