// Files appear whole, and what killed processes have left half-written goes when their folder is written to or taken.
// What is in the files is the business of other tests.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { withFolderLock } from '../../../src/files/node/lock.ts';
import { placeName } from '../../../src/files/node/process-mark.ts';
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

/** A folder with half-written files, by what their names tell of the process that wrote them. */
function leftovers() {
  const left = mkdtempSync(join(folder, 'left-'));
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const names = {
    dead: `page.html.rosetta-partial-${placeName}-${dead}--0`,
    weights: `run.onnx.rosetta-partial-${placeName}-${dead}-17-3.data`,
    // The number is another process's by now. (Where the start of a process is unknown, it is not looked at.)
    ...(process.platform === 'linux' && { reused: `b.json.rosetta-partial-${placeName}-${process.ppid}-1-0` }),
    living: `c.json.rosetta-partial-${placeName}-${process.ppid}--2`,
    elsewhere: `d.json.rosetta-partial-00000000-${dead}-17-0`,
    user: 'e.rosetta-partial-of-mine',
  };
  for (const name of Object.values(names)) writeFileSync(join(left, name), 'half');
  return { left, names };
}

it('removes with the next write what dead processes have left beside, and nothing of living ones', async () => {
  const { left, names } = leftovers();
  await replaceFile(join(left, 'page.html'), ['whole']);
  expect(readdirSync(left).sort()).toEqual([names.living, names.elsewhere, names.user, 'page.html'].sort());
});

it('keeps, when a folder is locked, what a living process writes there, and minds no folder of such a name', async () => {
  const { left, names } = leftovers();
  const odd = 'folder.rosetta-partial-7';
  mkdirSync(join(left, odd));
  await withFolderLock(left, () => Promise.resolve());
  expect(readdirSync(left).sort()).toEqual([names.living, names.user, odd].sort());
});

it('keeps two writes of one file at once apart', async () => {
  const path = join(folder, 'twice.txt');
  let release: () => void = () => undefined;
  const half = new Promise<void>((resolve) => (release = resolve));
  let finish: () => void = () => undefined;
  const first = new Promise<void>((resolve) => (finish = resolve));
  async function* early(): AsyncGenerator<string> {
    yield 'early ';
    await half;
    yield 'whole';
  }
  async function* late(): AsyncGenerator<string> {
    yield 'late ';
    release();
    await first;
    yield 'whole';
  }
  const done = [replaceFile(path, early()).then(() => readFileSync(path, 'utf8')).finally(finish)]; // prettier-ignore
  done.push(replaceFile(path, late()).then(() => readFileSync(path, 'utf8')));
  expect(await Promise.all(done)).toEqual(['early whole', 'late whole']);
});
