// Runs a program of a folder with the allocator settings that the command line uses: npm run bench NAME [-- OPTIONS],
// npm run experiment NAME [-- OPTIONS]. Programs are the files directly in the folder; what they share is in folders.

import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runWithAllocator } from '../bin/allocator.js';

const [folder, name, ...args] = process.argv.slice(2);
const script = resolve(folder, `${name}.mjs`);
if (name && existsSync(script)) {
  runWithAllocator(script, args);
} else {
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.mjs') && join(folder, file) !== 'bench/run.mjs')
    .map((file) => file.slice(0, -4));
  const command = folder === 'bench' ? 'bench' : 'experiment';
  console.error(`usage: npm run ${command} NAME, where NAME is one of: ${names.join(', ')}`);
  process.exitCode = 2;
}
