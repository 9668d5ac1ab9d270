// What can be known of an output before any work: that it can be written, is no input, and replaces nothing of others.
// It writes nothing.

import { access, constants, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import { fileError, reasonOf } from '../../files/node/system-error.ts';
import { program } from '../../program.ts';
import { beginsWith, kindOf } from './list.ts';

/** @throws UserError unless `path` is a folder that can be written to, or can be made. */
export async function expectFolder(path: string): Promise<void> {
  for (let at = resolve(path); ; at = dirname(at)) {
    if (!(await kindOf(at)) && at !== dirname(at)) continue;
    const real = await realpath(at).catch((error: unknown) => {
      throw fileError('write to', at, error);
    });
    if (!(await kindOf(real))?.isDirectory())
      throw new UserError(`cannot write to ${path}: ${at === resolve(path) ? 'it' : at} is a file, not a folder`);
    await access(real, constants.W_OK | constants.X_OK).catch((error: unknown) => {
      throw fileError('write to', path, error);
    });
    return;
  }
}

/** @throws UserError unless there is something at `path` that can be read: better now than when models are loaded. */
export async function expectReadable(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    throw new UserError(`${path} cannot be opened: ${reasonOf(error)}`);
  }
}

export interface OutputFile {
  /** What the first 4096 bytes of such a file hold when this program made it. */
  readonly mark: string;
  /** Files that are read. */
  readonly inputs?: readonly string[];
  /** E.g. `model.onnx`. */
  readonly example: string;
}

/** How our pages, ONNX files and activations begin: with the name of the program where their formats have a place for it. */
export const [pageMark, onnxMark, activationsMark] = [
  `<meta name="generator" content="${program.name} `,
  // Field 2 of the model, a text of so many bytes.
  `\x12${String.fromCharCode(program.name.length)}${program.name}`,
  `{"__metadata__":{"program":"${program.name}"`,
];

/** @throws UserError unless `path` is a file that can be written, and not an input or a file that others made. */
export async function expectFile(path: string, { mark, inputs = [], example }: OutputFile): Promise<void> {
  const kind = await kindOf(path);
  if (kind?.isDirectory() || /[\\/]$/.test(path))
    throw new UserError(`${path} is a folder; give a file to --out, such as ${join(path, example)}`);
  await expectFolder(dirname(resolve(path)));
  await expectNoInput(path, inputs);
  if (!kind) return;
  if (!kind.isFile()) throw new UserError(`${path} is not a regular file; choose another with --out`);
  if (!(await beginsWith(path, mark)))
    throw new UserError(`${path} is not a file that this program made; move it away, or choose another with --out`);
}

/** @throws UserError when an output is one of the files that are read. */
export async function expectNoInput(path: string, inputs: readonly string[]): Promise<void> {
  const real = await placeOf(path);
  for (const input of inputs) {
    if ((await placeOf(input)) === real)
      throw new UserError(`${path} would be written over ${input}, which is read; choose another place with --out`);
  }
}

/** A path without links; the file itself need not be there. */
const placeOf = (path: string): Promise<string> =>
  realpath(path).catch(() =>
    realpath(dirname(path)).then(
      (folder) => join(folder, basename(path)),
      () => resolve(path),
    ),
  );
