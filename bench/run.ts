// Runs a program of a folder with the allocator settings that the command line uses: npm run bench NAME [-- OPTIONS],
// npm run experiment NAME [-- OPTIONS]. Programs are the files directly in the folder; what they share is in folders.

import { readdirSync } from 'node:fs';
import { join, parse, resolve } from 'node:path';
import { runWithAllocator } from '../bin/allocator.js';

const [folder, name, ...args] = process.argv.slice(2);
const programs = readdirSync(folder).filter(
  (file) => /\.(ts|mjs)$/.test(file) && join(folder, file) !== 'bench/run.ts',
);
const script = programs.find((file) => parse(file).name === name);
if (script) {
  runWithAllocator(resolve(folder, script), args);
} else {
  const names = programs.map((file) => parse(file).name);
  const command = folder === 'bench' ? 'bench' : 'experiment';
  console.error(`usage: npm run ${command} NAME, where NAME is one of: ${names.join(', ')}`);
  process.exitCode = 2;
}
