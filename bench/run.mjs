// Runs one of the benches with the allocator settings that the command line uses: npm run bench NAME [-- OPTIONS]

import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runWithAllocator } from '../bin/allocator.js';

const [name, ...args] = process.argv.slice(2);
const script = fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));
if (name && existsSync(script)) {
  runWithAllocator(script, args);
} else {
  const helpers = [
    'run.mjs',
    'shapes.mjs',
    'random-maps.mjs',
    'measure.mjs',
    'full-shapes.mjs',
    'small-generators.mjs',
    'findings-counts.mjs',
    'findings-edits.mjs',
    'findings-inversion.mjs',
    'findings-page.mjs',
    'findings-page-mining.mjs',
    'findings-page-search.mjs',
    'findings-pictures.mjs',
    'findings-stages.mjs',
    'findings-statistics.mjs',
  ];
  const all = readdirSync(new URL('.', import.meta.url)).filter(
    (file) => file.endsWith('.mjs') && !helpers.includes(file),
  );
  console.error(`usage: npm run bench NAME, where NAME is ${all.map((file) => file.slice(0, -4)).join(', ')}`);
  process.exitCode = 2;
}
