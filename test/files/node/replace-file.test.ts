// Files appear whole, and what killed processes have left half-written goes when their folder is taken.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { withFolderLock } from '../../../src/files/node/lock.ts';
import { replaceFile } from '../../../src/files/node/replace-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'rosetta-replace-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('keeps the file that is there until the new one is whole', async () => {
  const path = join(folder, 'a.txt');
  writeFileSync(path, 'old');
  async function* chunks(): AsyncGenerator<string> {
    yield 'n';
    expect(readFileSync(path, 'utf8')).toBe('old');
    await Promise.resolve();
    yield 'ew';
  }
  await replaceFile(path, chunks());
  expect(readFileSync(path, 'utf8')).toBe('new');
  function* failing(): Generator<string> {
    yield 'half';
    throw new Error('no more');
  }
  await expect(replaceFile(path, failing())).rejects.toThrow('no more');
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(readdirSync(folder)).toEqual(['a.txt']);
});

it('removes half-written files when their folder is locked', async () => {
  for (const name of ['image.png.rosetta-partial-4000000', 'notes.partial-7', 'rosetta-partial-1'])
    writeFileSync(join(folder, name), '');
  await withFolderLock(folder, () => {
    expect(readdirSync(folder).sort()).toEqual(['.lock', 'a.txt', 'notes.partial-7', 'rosetta-partial-1']);
    return Promise.resolve();
  });
});
