#!/usr/bin/env node
// Starts the command line in a process whose memory allocator suits large buffers.
// With glibc's default, fresh memory for each output costs more than computing it; this setting is read at start only.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const tunable = 'glibc.malloc.hugetlb=1';

if (!existsSync(main)) {
  console.error('rosetta: the program is not built yet; run "npm ci" or "npm run build" in its folder');
  process.exit(1);
}

const tunables = process.env.GLIBC_TUNABLES;
if (process.platform !== 'linux' || tunables?.includes('glibc.malloc.hugetlb')) {
  await import(pathToFileURL(main).href);
} else {
  const env = { ...process.env, GLIBC_TUNABLES: tunables ? `${tunables}:${tunable}` : tunable };
  const child = spawn(process.execPath, [...process.execArgv, main, ...process.argv.slice(2)], {
    env,
    // The channel lets the child notice when this process is killed.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  // A terminal sends Ctrl-C to both; the child decides what to do.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal) process.kill(process.pid, signal);
    process.exitCode = code ?? 1;
  });
}
