// Runs a program of a folder with the allocator settings that the command line uses: npm run bench NAME [-- OPTIONS],
// npm run experiment NAME [-- OPTIONS]. Programs are the files directly in the folder; what they share is in folders.

import { readdirSync, readFileSync } from 'node:fs';
import { join, parse, resolve } from 'node:path';
import { runWithAllocator } from '../bin/allocator.js';

const [folder, name, ...args] = process.argv.slice(2);
const programs = readdirSync(folder).filter((file) => file.endsWith('.ts') && join(folder, file) !== 'bench/run.ts');
const script = programs.find((file) => parse(file).name === name);
if (script && args.some((arg) => arg === '--help' || arg === '-h')) {
  console.log(headOf(readFileSync(resolve(folder, script), 'utf8')));
} else if (script) {
  runWithAllocator(resolve(folder, script), args);
} else {
  const names = programs.map((file) => parse(file).name);
  const command = folder === 'bench' ? 'bench' : 'experiment';
  console.error(`usage: npm run ${command} NAME, where NAME is one of: ${names.join(', ')}`);
  process.exitCode = 2;
}

/** The comment that a program begins with: what it does and how it is called. */
function headOf(source: string): string {
  const lines = source.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines
    .slice(0, end)
    .map((line) => line.replace(/^\/\/ ?/, ''))
    .join('\n');
}
