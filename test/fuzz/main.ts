// npm run fuzz: feeds every reader with files that are nearly right, a process for each, and prints how it went.
// What is fed is in targets/, what is judged in campaign.ts.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { feed, type Limits } from './campaign.ts';
import { watch, type Outcome } from './watch.ts';
import { targets } from './targets/index.ts';

const usage = `npm run fuzz -- [OPTIONS]
  --minutes M     time in all, shared by the targets (default 5)
  --runs N        inputs for each target (default: as many as the time allows)
  --seed S        default: the clock
  --target NAME   only this one; may be repeated: ${targets.map(({ name }) => name).join(', ')}
  --input FILE    reads this one file by the target that is named
  --out FOLDER    where inputs that fail are kept (default fuzz-failures)`;

const limits: Limits = { milliseconds: 1000, bytes: 2 ** 30 };

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    runs: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    target: { type: 'string', multiple: true, default: [] },
    input: { type: 'string' },
    out: { type: 'string', default: 'fuzz-failures' },
    help: { type: 'boolean', default: false },
  },
});
const [minutes, runs, seed] = [Number(values.minutes), Number(values.runs), Number(values.seed)];
const chosen = targets.filter(({ name }) => !values.target.length || values.target.includes(name));
const known = values.target.every((name) => targets.some((target) => target.name === name));

if (values.help || !known || !(minutes > 0) || !(runs > 0) || !Number.isInteger(seed)) {
  console.log(usage);
  process.exitCode = values.help ? 0 : 2;
} else if (values.input !== undefined) {
  await repeat(values.input);
} else {
  await run();
}

/** Lets errors through, with their stacks. */
async function repeat(path: string): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'fuzz-'));
  try {
    const prepared = await chosen[0].prepare(scratch);
    const { outcome, milliseconds } = await feed(prepared, new Uint8Array(readFileSync(path)), limits);
    console.log(`${outcome} in ${milliseconds.toFixed(1)} ms`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function run(): Promise<void> {
  const end = Date.now() + minutes * 60_000;
  console.log(`seed ${seed}\n`);
  console.log(row(['target', 'inputs', 'read', 'refused', 'failures', 'slowest ms', 'peak MB']));
  const total = { inputs: 0, read: 0, refused: 0, failures: 0, slowest: 0, peak: 0 };
  for (const [i, { name }] of chosen.entries()) {
    const until = Date.now() + (end - Date.now()) / (chosen.length - i);
    const { figures: f, failures } = await watch({ target: name, seed, runs, until, limits });
    console.log(row([name, f.inputs, f.read, f.refused, failures.length, f.slowestMilliseconds.toFixed(0), mb(f.peakBytes)])); // prettier-ignore
    for (const [n, failure] of failures.entries()) keep(name, n, failure);
    total.inputs += f.inputs;
    total.read += f.read;
    total.refused += f.refused;
    total.failures += failures.length;
    total.slowest = Math.max(total.slowest, f.slowestMilliseconds);
    total.peak = Math.max(total.peak, f.peakBytes);
  }
  console.log(row(['in all', total.inputs, total.read, total.refused, total.failures, total.slowest.toFixed(0), mb(total.peak)])); // prettier-ignore
  if (total.failures) process.exitCode = 1;
}

function keep(target: string, n: number, { what, input }: Outcome['failures'][number]): void {
  mkdirSync(values.out, { recursive: true });
  const path = join(values.out, `${target}-${seed}-${n}`);
  writeFileSync(path, input);
  console.log(`\n${what.split('\n').slice(0, 6).join('\n')}\n  npm run fuzz -- --target ${target} --input ${path}\n`);
}

function mb(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

function row([name, ...numbers]: readonly (string | number)[]): string {
  return String(name).padEnd(24) + numbers.map((value) => String(value).padStart(11)).join('');
}
