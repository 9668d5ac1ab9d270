// Errors of the system become messages about files; defects of the program do not.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { nodeFolder } from '../../../src/files/node/folder.ts';
import { openSource } from '../../../src/files/node/open-source.ts';
import { complaintOf } from '../../../src/errors.ts';
import { readZip } from '../../../src/files/zip.ts';
import { fileError, reasonOf } from '../../../src/files/node/system-error.ts';

const folder = mkdtempSync(join(tmpdir(), 'rosetta-system-error-'));
afterAll(() => rmSync(folder, { recursive: true }));

const failed = (work: () => Promise<unknown>): Promise<unknown> =>
  work().then(
    () => undefined,
    (error: unknown) => error,
  );

describe('an error of the system', () => {
  it('is told in words, with what may help who writes', async () => {
    const missing = await failed(() => open(join(folder, 'none')));
    expect(reasonOf(missing)).toBe('no such file or folder');
    const long = join(folder, 'x'.repeat(300));
    expect(String(fileError('write', long, await failed(() => open(long, 'w'))))).toMatch(
      /cannot write .*: the name is too long; choose a shorter one$/,
    );
    writeFileSync(join(folder, 'file'), '');
    const below = await failed(() => nodeFolder(join(folder, 'file', 'below')).write('x', ['y']));
    expect(String(below)).toMatch(/cannot write .*: a part of the path is a file, not a folder; choose another path$/);
    expect(String(await failed(() => nodeFolder(join(folder, 'file')).remove('x')))).toMatch(
      /^UserError: cannot remove .*: a part of the path is a file, not a folder; choose another path$/,
    );
    expect(String(await failed(() => openSource(folder)))).toMatch(/cannot be read: it is a folder/);
    // Advice about the path only where the path is wrong.
    expect(String(await failed(() => openSource(join(folder, 'none'), ' Name another.')))).toMatch(/Name another\.$/);
    expect(String(await failed(() => openSource(long, ' Name another.')))).toMatch(/the name is too long\.$/);
  });

  it('that has no words names its code', () => {
    const error = Object.assign(new Error('x'), { syscall: 'open', code: 'EPROTO' });
    expect(reasonOf(error)).toBe('the system says EPROTO');
  });

  it('for too many open files tells which limit to raise (skipped without prlimit)', async (context) => {
    if (!existsSync('/usr/bin/prlimit')) return context.skip();
    const path = join(folder, 'many');
    writeFileSync(path, 'x');
    const limit = (most: string) =>
      execFileSync('/usr/bin/prlimit', ['--pid', String(process.pid), `--nofile=${most}:`]);
    const opened: { close(): Promise<void> }[] = [];
    const before = execFileSync('/usr/bin/prlimit', ['--pid', String(process.pid), '--nofile', '--output=SOFT', '--noheadings'], { encoding: 'utf8' }).trim(); // prettier-ignore
    limit('120');
    try {
      const error = await failed(async () => {
        for (let i = 0; i < 200; i++) opened.push(await openSource(path));
      });
      expect(String(error)).toMatch(/many cannot be opened: too many files are open; raise the limit \(ulimit -n\)/);
      const target = join(folder, 'new');
      expect(String(await failed(() => nodeFolder(folder).write('new', ['x'])))).toBe(
        `UserError: cannot write ${target}: too many files are open; raise the limit (ulimit -n)`,
      );
    } finally {
      for (const file of opened) await file.close();
      limit(before);
    }
  });
});

describe('a defect of the program', () => {
  it('is passed on as it is, also while a file is written', async () => {
    const defect = new TypeError('undefined is no function');
    expect(fileError('write', 'x', defect)).toBe(defect);
    expect(() => reasonOf(defect)).toThrow(defect);
    expect(() => complaintOf(defect)).toThrow(defect);
    expect(complaintOf(new Error('bad bytes'))).toBe('bad bytes');
    const source = { name: 'x.zip', size: 100, read: () => Promise.reject(defect) };
    expect(await failed(() => readZip(source))).toBe(defect);
    function* chunks(): Generator<string> {
      yield 'half';
      throw defect;
    }
    expect(await failed(() => nodeFolder(folder).write('page.html', chunks()))).toBe(defect);
    expect(existsSync(join(folder, 'page.html'))).toBe(false);
  });
});
