// A training on disk: its state as one safetensors file, with what is needed to go on from there.
// It knows no engine; when to save is decided by train.ts.

import { bytesSource } from '../../files/source.ts';
import { readSafetensors, safetensorsChunks } from '../../files/safetensors.ts';
import { readJson } from '../../files/json.ts';
import { UserError } from '../../errors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { program } from '../../program.ts';
import type { Folder } from '../../files/folder.ts';
import { sumsSchema, type Sums } from './log.ts';

/** The file, in a training's folder. */
export const checkpointFile = 'checkpoint.safetensors';

const format = 'training';
const version = 1;

export interface SavedTraining {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Steps done. */
  readonly step: number;
  /** What was trained and how, as JSON. */
  readonly recipe: string;
  readonly seed: number;
  /** Of the steps since the last line of the log. */
  readonly sums: Sums;
}

/** Writes the file; the one before stays until the new one is whole. */
export async function saveTraining(
  folder: Folder,
  { tensors, step, recipe, seed, sums }: SavedTraining,
): Promise<void> {
  const metadata = {
    format: `${program.name} ${format}`,
    version: String(version),
    program: program.version,
    step: String(step),
    seed: String(seed),
    recipe,
    sums: JSON.stringify(sums),
  };
  await folder.write(checkpointFile, safetensorsChunks(tensors, metadata));
}

/**
 * Reads it; undefined when there is none, or it is damaged.
 * @param onDamage is told when it is.
 * @throws UserError when the file is of another version, or of something else.
 */
export async function loadTraining(
  folder: Folder,
  onDamage: () => void = () => {},
): Promise<SavedTraining | undefined> {
  const bytes = await folder.read(checkpointFile);
  if (!bytes) return undefined;
  const damaged = (): undefined => {
    onDamage();
  };
  const file = await readSafetensors(bytesSource(checkpointFile, bytes)).catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
  });
  if (!file) return damaged();
  const { tensors: refs, metadata = {} } = file;
  if (metadata.format !== `${program.name} ${format}`) {
    throw new UserError(`${checkpointFile} is not a saved training; choose another folder`);
  }
  if (metadata.version !== String(version)) {
    throw new UserError(
      `${checkpointFile} is of version ${metadata.version}, not ${version}: go on with the ${program.name} that wrote it ` +
        `(${metadata.program}), or begin in another folder`,
    );
  }
  const [step, seed] = [Number(metadata.step), Number(metadata.seed)];
  const { value: sums } = readJson(sumsSchema, metadata.sums ?? '');
  if (!Number.isSafeInteger(step) || step < 0 || !Number.isSafeInteger(seed) || !sums) return damaged();
  if (metadata.recipe === undefined) return damaged();
  const tensors = new Map<string, Tensor>();
  for (const [name, ref] of refs) tensors.set(name, await ref.load());
  return { tensors, step, seed, recipe: metadata.recipe, sums };
}

/**
 * Holds a saved training against the one that is to go on.
 * @param state as the new one would begin.
 * @throws UserError when recipe, seed or tensors are others.
 */
export function expectSame(
  saved: SavedTraining,
  state: ReadonlyMap<string, Tensor>,
  recipe: string,
  seed: number,
): void {
  const remedy = 'give the settings that it was begun with, or another folder';
  if (saved.recipe !== recipe) {
    throw new UserError(`the folder's training has another recipe, ${saved.recipe}, and not ${recipe}; ${remedy}`);
  }
  if (saved.seed !== seed)
    throw new UserError(`the folder's training has the seed ${saved.seed}, not ${seed}; ${remedy}`);
  const shown = (tensor: Tensor | undefined) => (tensor ? `${tensor.dtype} [${tensor.shape.join(', ')}]` : 'missing');
  for (const name of new Set([...saved.tensors.keys(), ...state.keys()])) {
    const [there, here] = [shown(saved.tensors.get(name)), shown(state.get(name))];
    if (there !== here) {
      throw new UserError(`"${name}" of the folder's training is ${there}; here it is ${here}; ${remedy}`);
    }
  }
}
