#!/usr/bin/env node
// Starts the command line: in a checkout builds it first if need be, and gives the computing process a memory
// allocator that suits large buffers.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runWithAllocator, wantsAllocator } from './allocator.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const main = join(root, 'dist', 'cli', 'main.js');

/** Files that may have to be open at once: Node reads all modules side by side. */
const leastFiles = 256;

const most = openFiles();
if (most < leastFiles) {
  console.error(
    `rosetta: only ${most} files may be open at once here; allow at least ${leastFiles} (ulimit -n ${leastFiles})`,
  );
  process.exit(1);
}
if (isStale()) build();
if (wantsAllocator()) runWithAllocator(main, process.argv.slice(2));
else await import(pathToFileURL(main).href);

/** How many files the system lets this process open at once, where it tells. */
function openFiles() {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return limit ? Number(limit[1]) : Infinity;
  } catch {
    return Infinity;
  }
}

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
