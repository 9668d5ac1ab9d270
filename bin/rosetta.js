#!/usr/bin/env node
// Starts the command line: in a checkout builds it first if need be, and gives the computing process a memory
// allocator that suits large buffers. With glibc's default, fresh memory for outputs costs more than computing them,
// and the setting is read at start only.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const main = join(root, 'dist', 'cli', 'main.js');
const tunable = 'glibc.malloc.hugetlb=1';

if (isStale()) build();
await start();

/** Whether this is a checkout whose sources are newer than what was built of them. */
function isStale() {
  const source = join(root, 'src');
  if (!existsSync(source)) return false;
  const built = existsSync(main) ? statSync(main).mtimeMs : 0;
  return readdirSync(source, { recursive: true, withFileTypes: true }).some(
    (entry) => entry.isFile() && statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs > built,
  );
}

function build() {
  let compiler;
  try {
    compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  } catch {
    console.error('rosetta: this checkout is not built, and there is no compiler; run "npm ci" in its folder');
    process.exit(1);
  }
  console.error('rosetta: building once ...');
  const options = { cwd: root, stdio: ['ignore', 2, 2] };
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], options);
  if (status !== 0) process.exit(1);
}

async function start() {
  const tunables = process.env.GLIBC_TUNABLES;
  if (process.platform !== 'linux' || tunables?.includes('glibc.malloc.hugetlb')) {
    await import(pathToFileURL(main).href);
    return;
  }
  const child = spawn(process.execPath, [...process.execArgv, main, ...process.argv.slice(2)], {
    env: { ...process.env, GLIBC_TUNABLES: tunables ? `${tunables}:${tunable}` : tunable },
    // The channel lets the child notice when this process is killed.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  // A terminal sends Ctrl-C to both; the child decides what to do.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 1;
    if (!signal) return;
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
