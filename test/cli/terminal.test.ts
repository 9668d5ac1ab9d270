// What reaches a terminal: names that would move its cursor, and streams that are closed or full.
// That commands print the right things is cli.test.ts.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { printable, printableLines } from '../../src/cli/terminal.ts';
import { safetensorsChunks } from '../../src/files/safetensors.ts';
import { rosetta } from './rosetta.ts';

describe('a line', () => {
  it.each([
    ['\u001b[2J\u001b[31mred', '\\u001b[2J\\u001b[31mred'],
    ['a\u009b31mb', 'a\\u009b31mb'],
    ['evil\rgood', 'evil\\u000dgood'],
    ['two\nlines', 'two\\u000alines'],
    ['abc\u202etxt.exe', 'abc\\u202etxt.exe'],
    ['a\u2028b', 'a\\u2028b'],
    ['half \ud83d', 'half \\ud83d'],
    ['Tür, 漢字, 🐟', 'Tür, 漢字, 🐟'],
  ])('%j is printed as %j', (text, printed) => expect(printable(text)).toBe(printed));

  it('of several keeps their breaks', () => expect(printableLines('a\n\u001bb')).toBe('a\n\\u001bb'));
});

it.skipIf(!existsSync('/proc/self/limits'))('a limit of open files that is too low is told (needs /proc)', () => {
  const limited = 'ulimit -n 40; exec "$0" "$@"';
  const { status, stderr } = spawnSync('sh', ['-c', limited, process.execPath, rosetta, '--version'], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([
    1,
    'rosetta: only 40 files may be open at once here; allow at least 256 (ulimit -n 256)\n',
  ]);
});

describe('the command line', () => {
  let folder: string;
  const name = 'w\u001b]0;owned\u0007\u202e';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rosetta-terminal-'));
    const tensor = { dtype: 'float32' as const, shape: [1], data: new Float32Array(1) };
    const names = [name, ...Array.from({ length: 5000 }, (_, i) => `layer.${i}.weight`)];
    await writeFile(
      join(folder, 'odd.safetensors'),
      Buffer.concat(safetensorsChunks(new Map(names.map((key) => [key, tensor])))),
    );
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** By a shell, so that streams can be closed and led elsewhere. */
  const shell = (rest: string) =>
    spawnSync('bash', ['-c', `set -o pipefail; "$0" "$1" inspect odd.safetensors ${rest}`, process.execPath, rosetta], {
      cwd: folder,
      encoding: 'utf8',
    });

  it.each(['', '--json', '--all'])('escapes what a file names, with %j', (option) => {
    const { status, stdout } = shell(option);
    expect(status).toBe(0);
    // eslint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(stdout).toContain('owned');
  });

  it('gives JSON that reads back as the name was', () => {
    expect(JSON.stringify(JSON.parse(shell('--json --all').stdout))).toContain(JSON.stringify(name).slice(1, -1));
  });

  it('escapes what was typed', () => {
    const { status, stderr } = spawnSync(process.execPath, [rosetta, 'inspect', '\u001b[31mno.pth'], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('\\u001b[31mno.pth');
  });

  it('is quiet when its reader has had enough', () => {
    const { status, stdout, stderr } = shell('--all | head -1');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.split('\n')).toHaveLength(2);
  });

  it.runIf(existsSync('/dev/full'))('says that standard output is full', () => {
    const { status, stderr } = shell('> /dev/full');
    expect(status).toBe(1);
    expect(stderr).toBe('rosetta: cannot write to standard output: no space left on the device\n');
  });

  it.runIf(existsSync('/dev/full')).each(['2> /dev/full', '2>&-'])('does its work with %s', (redirection) => {
    const { status, stdout } = shell(redirection);
    expect(status).toBe(0);
    expect(stdout).toContain('safetensors');
  });
});
