// Latents of one image, from a file or a seed; and what a latent's file tells of them.
// How latents become images is the generator's business.

import { isAbsolute, join } from 'node:path';
import { openCheckpoint } from '../../checkpoint/checkpoint.ts';
import { openFile } from '../../checkpoint/node.ts';
import { UserError } from '../../errors.ts';
import { parseJson } from '../../files/parse-json.ts';
import { float32, toFloat32 } from '../../graph/tensor.ts';
import type { Engine } from '../../runtime/engine.ts';
import {
  checkLatents,
  rowsIn,
  sampleLatents,
  spaceOf,
  takeRows,
  type LatentName,
  type Latents,
} from '../../synthesis/search/latents.ts';
import type { Generator, GeneratorOptions } from '../../zoo/model.ts';
import type { SampleOptions } from './options.ts';

export interface LatentFile {
  readonly latents: Latents;
  /** E.g. `generator` and `truncation`, in files that this program wrote. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Where the row of a file is told: `FILE#ROW`. */
function rowOf(text: string): { path: string; row?: number } {
  const match = /^(.+)#(\d+)$/s.exec(text);
  return match ? { path: match[1], row: Number(match[2]) } : { path: text };
}

/**
 * One row of a file of latents, whose tensors are "z" (and "c"), "w" or "ws".
 * @param text `FILE` or `FILE#ROW`. @param folder that the file is relative to.
 * @throws UserError for a file that cannot be read or has no latents, and a row that is not there.
 */
export async function readLatent(text: string, { row = 0, folder = '' } = {}): Promise<LatentFile> {
  const named = rowOf(text);
  const path = isAbsolute(named.path) ? named.path : join(folder, named.path);
  const at = named.row ?? row;
  const source = await openFile(path);
  try {
    const { tensors, metadata } = await openCheckpoint(source);
    const latents: Partial<Record<LatentName, ReturnType<typeof float32>>> = {};
    for (const name of ['z', 'c', 'w', 'ws'] as const) {
      const ref = tensors.get(name);
      if (ref) latents[name] = float32(ref.shape, toFloat32(await ref.load()));
    }
    const shapes = Object.values(latents).map(({ shape }) => shape);
    if (!shapes.length) {
      const found = [...tensors.keys()].slice(0, 8).join(', ') || 'none';
      throw new UserError(`${path} holds no latents: tensors "z" (and "c"), "w" or "ws" are expected, it has ${found}`);
    }
    if (shapes.some(([rows]) => rows !== shapes[0][0]) || !shapes[0][0]) {
      throw new UserError(`${path}: its tensors must have one row for each image, and as many of them`);
    }
    if (at >= rowsIn(latents)) {
      throw new UserError(`${path} has no row ${at}: its rows are 0 to ${rowsIn(latents) - 1}`);
    }
    // A run tells of the latents of its exemplars how they were drawn.
    const drawn = metadata.recipe === undefined ? {} : recipeIn(metadata.recipe, path);
    return { latents: takeRows(latents, [at]), metadata: { ...drawn, ...metadata } };
  } finally {
    await source.close();
  }
}

/** How latents were drawn, as texts. @throws UserError when that is not a JSON object. */
function recipeIn(json: string, path: string): Record<string, string> {
  let recipe: unknown;
  try {
    recipe = parseJson(json);
  } catch {
    // Told below.
  }
  if (typeof recipe !== 'object' || recipe === null || Array.isArray(recipe)) {
    throw new UserError(`${path} is damaged: "recipe" in its metadata is not a JSON object; make the latents again`);
  }
  const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  return Object.fromEntries(Object.entries(recipe).map(([name, value]) => [name, shown(value)]));
}

/** The latent of an image that a seed, or a file, tells. @throws UserError when it is none of the generator's. */
export async function latentOf(
  engine: Engine,
  generator: Generator,
  { seed, class: k }: Pick<SampleOptions, 'seed' | 'class'>,
  { truncation }: Partial<GeneratorOptions>,
  file?: LatentFile,
  path?: string,
): Promise<Latents> {
  if (!file) {
    const classes = classesOf(generator, k);
    return sampleLatents(engine, generator, { samples: 1, seed, classes, truncation });
  }
  try {
    checkLatents(generator.card, file.latents);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${path}: ${error.message}`);
  }
  return file.latents;
}

/** Classes to draw from; undefined for all. @throws UserError when the generator has no such class. */
export function classesOf({ name, card }: Generator, k: number | 'auto' | undefined): number[] | undefined {
  if (k === undefined || k === 'auto') return undefined;
  const { classes } = card.latent;
  if (!classes) throw new UserError(`${name} has no classes; leave the class out`);
  if (k >= classes) throw new UserError(`${name} has no class ${k}: its classes are 0 to ${classes - 1}`);
  return [k];
}

/** Metadata of a latent's file. */
export const aboutLatent = (
  generator: Generator,
  latents: Latents,
  options: Pick<GeneratorOptions, 'truncation' | 'noise'>,
  seed: number,
): Record<string, string> => ({
  generator: generator.name,
  space: spaceOf(latents),
  truncation: String(options.truncation),
  noise: options.noise,
  seed: String(seed),
});
