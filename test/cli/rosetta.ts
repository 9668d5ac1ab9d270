// Runs the command line as its users do: in a folder of its own, by its launcher.
// It is no test itself.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const rosetta = fileURLToPath(new URL('../../bin/rosetta.js', import.meta.url));

/** A file of test/golden. */
export const goldenFile = (path: string) => fileURLToPath(new URL(`../golden/${path}`, import.meta.url));

export interface Finished {
  code: number | null;
  out: string;
  err: string;
}

/** A folder for a file of tests, its cache of models included, and how to run the command line in it. */
export function workplace() {
  const folder = mkdtempSync(join(tmpdir(), 'rosetta-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string) => join(folder, name);
  const env = { ...process.env, ROSETTA_CACHE: at('cache') };
  const run = (...args: string[]): Promise<Finished> =>
    new Promise((done) => {
      execFile(process.execPath, [rosetta, ...args], { cwd: folder, env, maxBuffer: 1e8 }, (error, out, err) => {
        done({ code: error ? ((error as { code?: number }).code ?? null) : 0, out, err });
      });
    });
  return { folder, env, at, run };
}
