// Latents as plain data: what drives a generator, in one of its spaces, several side by side as rows.
// The same tensors, under the same names, are what latent files hold and what `rosetta activations --input` takes.

import { UserError } from '../../errors.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { float32, sizeOf, type Float32Tensor, floats } from '../../graph/tensor.ts';
import { generatedSource } from '../../images/generated.ts';
import type { Engine } from '../../runtime/engine.ts';
import { present } from '../../lookup.ts';
import { runOnce } from '../../runtime/run-once.ts';
import type { GeneratorCard } from '../../zoo/card.ts';
import type { Generator, GeneratorInput, GeneratorOptions } from '../../zoo/model.ts';
import { generatorInput } from '../../zoo/network.ts';

/** Spaces of a generator: z, one w for all layers, or one w for each layer (w+). */
export const spaces = ['z', 'w', 'w+'] as const;
export type Space = (typeof spaces)[number];

const latentNames = ['z', 'c', 'w', 'ws'] as const;
export type LatentName = (typeof latentNames)[number];

/**
 * Rows of latents: `z` `[n, latent.z]` and, where there are classes, `c` `[n, latent.classes]`, whose rows are one-hot or a
 * mixture; or `w` `[n, latent.w]`; or `ws` `[n, latent.layers, latent.w]`.
 */
export type Latents = Readonly<Partial<Record<LatentName, Float32Tensor>>>;

export const spaceOf = (latents: Latents): Space => (latents.z ? 'z' : latents.w ? 'w' : 'w+');

/** Number of rows. */
export const rowsIn = (latents: Latents): number => Object.values(latents)[0].shape[0];

/** The names and shapes of `n` latents of a space. */
export function latentShapes({ latent }: GeneratorCard, space: Space, n: number): [LatentName, number[]][] {
  if (space === 'w') return [['w', [n, latent.w]]];
  if (space === 'w+') return [['ws', [n, latent.layers, latent.w]]];
  return latent.classes
    ? [
        ['z', [n, latent.z]],
        ['c', [n, latent.classes]],
      ]
    : [['z', [n, latent.z]]];
}

/** @throws UserError when these are no latents of the generator. */
export function checkLatents(card: GeneratorCard, latents: Latents): void {
  const given = Object.entries(latents);
  const wanted = given.length ? latentShapes(card, spaceOf(latents), rowsIn(latents)) : [];
  const fits =
    given.length === wanted.length &&
    given.length > 0 &&
    wanted.every(([name, shape]) => latents[name]?.shape.join() === shape.join());
  if (fits) return;
  const all = spaces.map((space) =>
    latentShapes(card, space, 1)
      .map(([name, [, ...shape]]) => `"${name}" [n, ${shape.join(', ')}]`)
      .join(' and '),
  );
  const found = given.map(([name, { shape }]) => `"${name}" [${shape.join(', ')}]`).join(', ');
  throw new UserError(`${card.name} takes ${all.join(', or ')}; these latents are ${found || 'none of these'}`);
}

/** Rows of latents by their numbers. */
export function takeRows(latents: Latents, rows: readonly number[]): Latents {
  return mapTensors(latents, ({ shape: [, ...shape], data }) => {
    const size = sizeOf(shape);
    const out = new Float32Array(rows.length * size);
    rows.forEach((row, i) => out.set(data.subarray(row * size, (row + 1) * size), i * size));
    return float32([rows.length, ...shape], out);
  });
}

export function mapTensors(latents: Latents, f: (tensor: Float32Tensor, name: LatentName) => Float32Tensor): Latents {
  return Object.fromEntries(entriesOf(latents).map(([name, tensor]) => [name, f(tensor, name)]));
}

/** Names and tensors, in their order. */
export const entriesOf = (latents: Latents): [LatentName, Float32Tensor][] =>
  Object.entries(latents).filter((entry): entry is [LatentName, Float32Tensor] =>
    latentNames.some((name) => name === entry[0]),
  );

/** Graph inputs for latents of these shapes, and how they enter the generator. */
export function latentInputs(
  b: GraphBuilder,
  shapes: readonly (readonly [LatentName, readonly number[]])[],
): { values: Readonly<Partial<Record<LatentName, Value>>>; input: GeneratorInput } {
  const values = Object.fromEntries(shapes.map(([name, shape]) => [name, b.input(name, shape)]));
  return { values, input: generatorInput(values) };
}

export const shapesOf = (latents: Latents): [LatentName, readonly number[]][] =>
  entriesOf(latents).map(([name, { shape }]) => [name, shape]);

export interface SampleOptions {
  readonly samples: number;
  /** Default 0. */
  readonly seed?: number;
  /** Default z. */
  readonly space?: Space;
  /** Classes to draw from; default all. */
  readonly classes?: readonly number[];
  /** Default: that of the generator's card. It is applied on the way to w, and not again where w enters. */
  readonly truncation?: number;
}

/** Latents of the samples 0 to n-1 of a generator and seed, as mining draws them. */
export async function sampleLatents(
  engine: Engine,
  generator: Generator,
  { samples, seed = 0, space = 'z', classes, truncation }: SampleOptions,
): Promise<Latents> {
  const { latent } = generator.card;
  const source = generatedSource(generator, { samples, seed, classes, truncation });
  const drawn = source.generated.latents(Array.from({ length: samples }, (_, i) => i));
  const z = float32([samples, latent.z], drawn.z);
  const classOf = (k: number | undefined) => present(k, 'class');
  const latents = latent.classes ? { z, c: oneHot(drawn.classes.map(classOf), latent.classes) } : { z };
  return space === 'z' ? latents : toSpace(engine, generator, latents, space, { truncation });
}

/** One-hot rows. */
export function oneHot(classes: readonly number[], count: number): Float32Tensor {
  const data = new Float32Array(classes.length * count);
  classes.forEach((k, i) => (data[i * count + k] = 1));
  return float32([classes.length, count], data);
}

/**
 * Latents as they are in another space: z to w or w+, w to w+. The image stays the same.
 * @throws UserError when asked to go back.
 */
export async function toSpace(
  engine: Engine,
  generator: Generator,
  latents: Latents,
  space: Space,
  options: Partial<GeneratorOptions> = {},
): Promise<Latents> {
  const from = spaceOf(latents);
  if (from === space) return latents;
  if (spaces.indexOf(from) > spaces.indexOf(space)) {
    throw new UserError(
      `latents of ${generator.name} in the space ${from} have no form in ${space}; optimise in ${from}`,
    );
  }
  const b = new GraphBuilder({ name: 'mapping' });
  const { input } = latentInputs(b, shapesOf(latents));
  b.output(b.identity(generator.addTo(b, input, options).ws), 'ws out');
  const { 'ws out': out } = await runOnce(engine, b.build(), latents);
  const ws = float32(out.shape, floats(out.data));
  if (space === 'w+') return { ws };
  const [n, layers, w] = ws.shape;
  const first = new Float32Array(n * w);
  for (let i = 0; i < n; i++) first.set(ws.data.subarray(i * layers * w, i * layers * w + w), i * w);
  return { w: float32([n, w], first) };
}

/** Mean and standard deviation of every element of a space, over samples. */
export interface LatentStatistics {
  readonly mean: Float32Array;
  /** Root of the mean squared distance to the mean, over all elements: what StyleGAN's projector scales its noise by. */
  readonly std: number;
}

/** Statistics of z, w or ws `[n, ...]`. */
export function latentStatistics(tensor: Float32Tensor): LatentStatistics {
  const [n, ...shape] = tensor.shape;
  const size = sizeOf(shape);
  const mean = new Float64Array(size);
  tensor.data.forEach((value, i) => (mean[i % size] += value / n));
  const square = tensor.data.reduce((sum, value, i) => sum + (value - mean[i % size]) ** 2, 0);
  return { mean: Float32Array.from(mean), std: Math.sqrt(square / (n * size)) };
}
