// What the tests of generators share: a family's golden files, running a generator, and comparing by the layer's spread.
// It is no test itself.

import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { openCheckpoint, stateDict } from '../../src/checkpoint/checkpoint.ts';
import { bytesSource } from '../../src/files/source.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { float32, sizeOf, toFloat32, type Float32Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { modelFromTensors, type FromCheckpointOptions } from '../../src/zoo/from-checkpoint.ts';
import type { Generator, GeneratorInput, GeneratorOptions } from '../../src/zoo/model.ts';
import { golden, largestDifference } from '../golden.ts';
import { engine } from './fixtures.ts';
import type { FullShapes } from './shapes.ts';

export interface GoldenTensor {
  readonly tensor: string;
  readonly std: number;
  readonly float32_error_max_abs?: number;
}

export interface GoldenCase {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, { readonly tensor: string }>>;
  readonly output: GoldenTensor;
  readonly layers: readonly (GoldenTensor & { readonly module: string })[];
}

export interface Manifest {
  readonly hooks: readonly string[];
  readonly cases: readonly GoldenCase[];
}

export const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(`test/golden/${folder}/manifest.json`, 'utf8')) as Manifest;

export { golden };

/** The network's tensors of a file, and all tensors of the file by their whole names. */
export async function tensorsOf(path: string) {
  const checkpoint = await openCheckpoint(bytesSource(path, readFileSync(path)));
  const load = async (refs: ReadonlyMap<string, { load(): Promise<Tensor> }>) =>
    new Map(await Promise.all([...refs].map(async ([name, ref]) => [name, await ref.load()] as const)));
  return { network: await load(stateDict(checkpoint)), all: await load(checkpoint.tensors), checkpoint };
}

/** `modelFromTensors` of what must be a generator. */
export function generatorOf(tensors: ReadonlyMap<string, Tensor>, options: FromCheckpointOptions): Generator {
  const { model } = modelFromTensors(tensors, options);
  if (model.kind !== 'generator') throw new Error(`${model.name} is an ${model.kind}`);
  return model;
}

export interface Ran {
  readonly taps: Readonly<Record<string, Tensor>>;
  readonly output: Tensor;
  readonly images: Tensor;
  readonly ws: Tensor;
}

/** Runs a generator on an input of one kind; random noise is fed by `noise`, from the names of the inputs. */
export async function runGenerator(
  model: Generator,
  feeds: Readonly<Partial<Record<'z' | 'c' | 'w' | 'ws', Tensor>>>,
  options: Partial<GeneratorOptions> = {},
  noise: (name: string, shape: readonly number[]) => Tensor = () => {
    throw new Error('no noise is expected');
  },
): Promise<Ran> {
  const b = new GraphBuilder();
  const given = Object.entries(feeds);
  const input = Object.fromEntries(given.map(([name, { shape }]) => [name, b.input(name, shape)]));
  const built = model.addTo(b, input as unknown as GeneratorInput, options);
  const output = (value: Value, name: string) => b.output(b.mul(value, 1), name);
  for (const [layer, value] of built.taps) output(value, `tap ${layer}`);
  for (const name of ['output', 'images', 'ws'] as const) output(built[name], `the ${name}`);
  const all = { ...feeds, ...Object.fromEntries(built.noise.map(({ name, shape }) => [name, noise(name, shape)])) };
  const session = await engine.open(b.build());
  try {
    const { tensors } = await session.run(all);
    const taps = Object.entries(tensors).filter(([name]) => name.startsWith('tap '));
    return {
      taps: Object.fromEntries(taps.map(([name, tensor]) => [name.slice('tap '.length), tensor])),
      output: tensors['the output'],
      images: tensors['the images'],
      ws: tensors['the ws'],
    };
  } finally {
    await session.release();
  }
}

/**
 * Expects the golden values: within ten times the official code's own rounding where that is told, and never off by more
 * than 3e-4 of the layer's standard deviation, or 1e-4 where no rounding is told.
 */
export function expectGolden(
  actual: Tensor,
  expected: Tensor | { shape: readonly number[]; data: Float32Array },
  { std, float32_error_max_abs }: GoldenTensor,
): void {
  expect(actual.shape).toEqual(expected.shape);
  const difference = largestDifference(toFloat32(actual), expected.data as Float32Array);
  const tolerance = float32_error_max_abs === undefined ? 1e-4 * std : Math.min(10 * float32_error_max_abs, 3e-4 * std);
  expect(difference).toBeLessThanOrEqual(tolerance);
}

/** Standard deviation of all values. */
export function std(tensor: Tensor): number {
  const values = toFloat32(tensor);
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
}

/** A row of a tensor: elements along its last axis. */
export const rowOf = (tensor: Tensor, row: number): Float32Array =>
  toFloat32(tensor).slice(row * tensor.shape.at(-1)!, (row + 1) * tensor.shape.at(-1)!);

/** Expects the layers of a full-size network to have the official names, shapes and number of units. */
export function expectOfficialLayers(model: Generator, { layers, num_units, output_shape }: FullShapes): void {
  const found = model.taps.map(({ layer, ...tap }) => [layer, [1, tap.channels, tap.height, tap.width]]);
  const expected = layers.map(({ module, shape }) => [module, shape]);
  expect(new Map(found as [string, number[]][])).toEqual(new Map(expected as [string, number[]][]));
  expect(model.taps.reduce((sum, { channels }) => sum + channels, 0)).toBe(num_units);
  expect([1, 3, model.card.latent.height, model.card.latent.width]).toEqual(output_shape);
}

/** Tensors of these shapes whose data are made, of ones, only where they are read. */
export function lazyTensors({ state_dict }: FullShapes): Map<string, Tensor> {
  return new Map(
    state_dict.map(([name, shape]): [string, Float32Tensor] => [
      name,
      {
        dtype: 'float32',
        shape,
        get data() {
          return float32(shape, new Float32Array(sizeOf(shape)).fill(1)).data;
        },
      },
    ]),
  );
}
