// `.rosetta.json`: which files of a folder this program made, and which of them says that all are there.
// Only what it lists is ever removed or replaced; it makes no files itself.

import { lstat, open, readdir } from 'node:fs/promises';
import { join, normalize, relative, sep } from 'node:path';
import Type from 'typebox';
import { UserError } from '../../errors.ts';
import { readJson, type Read } from '../../files/json.ts';
import { unfinished } from '../../files/folder.ts';
import { nodeFolder } from '../../files/node/folder.ts';
import { isPartial } from '../../files/node/replace-file.ts';
import { errorCode, fileError } from '../../files/node/system-error.ts';
import { program } from '../../program.ts';

export const listName = '.rosetta.json';

const schema = Type.Object({
  program: Type.Literal(program.name),
  /** Written last: with it the folder is finished. */
  last: Type.String(),
  /** With '/' between folders; the last one too. */
  files: Type.Array(Type.String()),
});

export type FileList = Read<typeof schema>;

/** The list of a folder, undefined when there is none. @throws UserError when it is damaged, or of another command. */
export async function readList(path: string, last: string): Promise<FileList | undefined> {
  const bytes = await nodeFolder(path).read(listName);
  if (!bytes) return undefined;
  const found = readJson(schema, bytes);
  const file = join(path, listName);
  if (found.problem !== undefined)
    throw new UserError(`${file} does not list what this program made here: ${found.problem}; choose another folder`);
  const { value } = found;
  if (!value.files.every(isInside))
    throw new UserError(`${file} lists files outside its folder; choose another folder`);
  if (value.last !== last)
    throw new UserError(`${path} holds what another command made (${value.last}); choose another folder`);
  return value;
}

export const writeList = (path: string, last: string, files: readonly string[]): Promise<void> =>
  nodeFolder(path).write(listName, [`${JSON.stringify({ program: program.name, last, files }, null, 1)}\n`]);

export const isInside = (name: string): boolean =>
  name !== '' && !name.includes('\0') && normalize(name) === normalize(`./${name}`) && !/^([/\\]|\.\.([/\\]|$))/.test(normalize(name)); // prettier-ignore

/**
 * Holds the files that are to be written against those that are there.
 * @param names with '/' between folders. A folder, which ends in '/', may hold nothing that is not listed.
 * @throws UserError for the first that this program did not make, or that cannot be a file.
 */
export async function expectOurs(path: string, names: readonly string[], list: FileList | undefined): Promise<void> {
  const ours = new Set(list?.files);
  for (const name of names) {
    const parts = name.split('/');
    for (let i = 1; i < parts.length; i++) {
      const folder = join(path, ...parts.slice(0, i));
      const kind = await kindOf(folder);
      if (kind && !kind.isDirectory()) throw new UserError(`${folder} is in the way: it is not a folder; ${elsewhere}`);
    }
    if (name.endsWith('/')) await expectOnlyOurs(path, name, ours);
    const file = join(path, name);
    const kind = name.endsWith('/') ? undefined : await kindOf(file);
    if (kind?.isDirectory()) throw new UserError(`${file} is in the way: it is a folder; ${elsewhere}`);
    if (kind && !ours.has(name)) throw new UserError(`${file} is not a file that this program made here; ${elsewhere}`);
  }
}

/**
 * The files of a folder that are among these names, with '/' between folders; what is half-written or unfinished is left out.
 * @param names with '/' between folders. A folder, which ends in '/', stands for all files in it.
 */
export async function filesAmong(path: string, names: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const name of names) {
    if (!(await kindOf(join(path, name)))) continue;
    if (!name.endsWith('/')) files.push(name);
    else {
      const inside = await readdir(join(path, name), { recursive: true, withFileTypes: true });
      for (const entry of inside) {
        const parts = relative(path, join(entry.parentPath, entry.name)).split(sep);
        if (entry.isFile() && !isPartial(entry.name) && !parts.includes(unfinished)) files.push(parts.join('/'));
      }
    }
  }
  return files;
}

async function expectOnlyOurs(path: string, name: string, ours: ReadonlySet<string>): Promise<void> {
  const folder = join(path, name);
  if (!(await kindOf(folder))) return;
  const inside = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw fileError('read', folder, error);
  });
  for (const entry of inside) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isDirectory() || ours.has(relative(path, file).split(sep).join('/'))) continue;
    throw new UserError(`${file} is not a file that this program made here; ${elsewhere}`);
  }
}

const elsewhere = 'move it away, or choose another folder with --out';

/** What is at a path, links not followed. */
export async function kindOf(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw fileError('read', path, error);
  }
}

/** Whether a file begins as this program writes it. @param mark what its first 4096 bytes hold. */
export async function beginsWith(path: string, mark: string): Promise<boolean> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
      return buffer.subarray(0, bytesRead).includes(mark, 0, 'latin1');
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileError('read', path, error);
  }
}
