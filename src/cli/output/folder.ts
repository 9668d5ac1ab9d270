// The folder that a command fills: results are made in a folder inside it, and put in their places when all are there.
// What was there before stays until then; it is replaced only as far as this program made it.

import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import Type from 'typebox';
import { UserError } from '../../errors.ts';
import { readJson } from '../../files/json.ts';
import { unfinished, type Folder } from '../../files/folder.ts';
import { nodeFolder } from '../../files/node/folder.ts';
import { fileError } from '../../files/node/system-error.ts';
import { withFolderLock } from '../../files/node/lock.ts';
import { complain } from '../terminal.ts';
import { expectFolder } from './check.ts';
import { expectOurs, isInside, kindOf, readList, writeList } from './list.ts';

/** In there: which files are to be put in place; from when it is written on nothing is computed any more. */
const readyName = 'ready.json';
const readySchema = Type.Object({ files: Type.Array(Type.String()) });

/** What a folder of results is. */
export interface OutputKind {
  /** The file that is put in its place last: with it the folder is finished. */
  readonly last: string;
  /** What is said of a finished one: that it holds results, and what to do. */
  readonly held: string;
}

export interface OutputFolder {
  /** Where results are made. */
  readonly path: string;
  readonly folder: Folder;
  /** @throws UserError when files of these names are there that this program did not make. */
  expect(names: readonly string[]): Promise<void>;
  /**
   * Puts results in their places, and removes those of before that are not among them, and the rest of what was unfinished.
   * @throws UserError as `expect`, with all left as it is.
   */
  finish(names: readonly string[]): Promise<void>;
}

/** Runs `work` alone in a folder, made if need be. @throws UserError when it cannot be one, or another one works in it. */
export async function inFolder<T>(path: string, work: () => Promise<T>): Promise<T> {
  await expectFolder(path);
  return withFolderLock(path, work, { onWait: complain });
}

/**
 * Opens a folder for results.
 * @throws UserError when it holds finished ones that are not to be replaced, or were not made by this program.
 */
export async function openOutput(path: string, kind: OutputKind, force = false): Promise<OutputFolder> {
  await putReady(path, kind);
  const list = await readList(path, kind.last);
  if (await kindOf(join(path, kind.last))) {
    await expectOurs(path, [kind.last], list);
    if (!force) throw new UserError(`${path} ${kind.held}`);
  }
  const making = join(path, unfinished);
  return {
    path: making,
    folder: nodeFolder(making),
    expect: (names) => expectOurs(path, names, list),
    async finish(names) {
      await expectOurs(path, names, list);
      await nodeFolder(making).write(readyName, [JSON.stringify({ files: names })]);
      await putReady(path, kind);
    },
  };
}

/**
 * Ends what a killed process had begun: puts results in their places that were ready.
 * It may be cut off and called again at any point.
 * @returns whether there were any.
 */
export async function putReady(path: string, { last }: Pick<OutputKind, 'last'>): Promise<boolean> {
  const making = join(path, unfinished);
  const found = await kindOf(making);
  if (found && !found.isDirectory())
    throw new UserError(`${making} is in the way: it is not a folder; choose another folder with --out`);
  const bytes = await nodeFolder(making).read(readyName);
  const ready = bytes && readJson(readySchema, bytes);
  if (!ready || ready.problem !== undefined || !ready.value.files.every(isInside)) return false;
  const { files } = ready.value;
  const before = (await readList(path, last))?.files ?? [];
  const gone = before.filter((name) => !files.includes(name));
  try {
    // Both belong to this program while one takes the other's place.
    await writeList(path, last, [...files, ...gone]);
    // Neither the old results nor the new ones are whole from here on.
    if (await kindOf(join(making, last))) await rm(join(path, last), { force: true });
    for (const name of gone) await removeFile(path, name);
    for (const name of [...files.filter((each) => each !== last), last]) {
      if (!(await kindOf(join(making, name)))) continue;
      await mkdir(dirname(join(path, name)), { recursive: true });
      await rename(join(making, name), join(path, name));
    }
    await writeList(path, last, files);
    for (const name of await readdir(making)) {
      if (name !== readyName) await rm(join(making, name), { recursive: true, force: true });
    }
    await rm(making, { recursive: true, force: true });
  } catch (error) {
    throw fileError('put results into', path, error);
  }
  return true;
}

/** Removes a file, and the folders that are empty then. */
async function removeFile(path: string, name: string): Promise<void> {
  await rm(join(path, name), { force: true });
  for (let folder = dirname(name); folder !== '.'; folder = dirname(folder)) {
    try {
      await rmdir(join(path, folder));
    } catch {
      return; // not empty, or not there
    }
  }
}

/**
 * Claims files of a folder that work writes in place, as a training does that is taken up again and never replaced.
 * @param adopt whether what is there was made before lists were kept.
 * @throws UserError when files of these names are there that this program did not make.
 */
export async function claimFiles(path: string, last: string, names: readonly string[], adopt = false): Promise<void> {
  const list = await readList(path, last);
  if (!adopt || list) await expectOurs(path, names, list);
  const files = [...new Set([...(list?.files ?? []), ...names])];
  if (files.length !== list?.files.length) await writeList(path, last, files);
}
