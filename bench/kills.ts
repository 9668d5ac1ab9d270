// Kills commands at random moments and runs them again until they have finished: the results must be those of a run that
// nobody disturbed, byte for byte but for times, and nothing else may be left, in the folder, in TMPDIR or as a process.
// It takes about 10 s a kill; the demo gets few of the kills, since a run of it takes longest. Needs /proc (Linux).
//   npm run bench kills -- [--kills N (default 100)] [--seed N] [--only mine,train] [--keep]
// --keep: the folders of the runs stay, to be looked at; those that failed stay in any case.

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { inflateSync } from 'node:zlib';
import { randomAt } from 'rosetta-neurons';
import sharp from 'sharp';
import { leftAfter, processesWith } from '../test/cli/processes.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '0' },
    only: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});
const [kills, seed] = [Number(values.kills), Number(values.seed)];

const rosetta = fileURLToPath(new URL('../bin/rosetta.js', import.meta.url));
const shipped = fileURLToPath(new URL('../zoo', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'rosetta-kills-'));
/** Environment variable that marks the processes of a run. */
const mark = 'ROSETTA_KILLS_RUN';

interface Victim {
  readonly name: string;
  /** Fraction of the kills. */
  readonly weight: number;
  /** In a folder beside `fixtures`; results go to `out`. */
  readonly args: readonly string[];
}

const model = (name: string) => `${name}=../fixtures/zoo/${name}.json`;
const guided = [
  '--guide',
  model('class-resnet'),
  '--run',
  '../fixtures/run',
  '--candidates',
  '8',
  '--domain-samples',
  '4',
];
const quick = ['--steps', '30', '--threads', '1', '--out', 'out', '--quiet'];
const mine = ['mine', '--model', model('class-resnet'), '--generator', model('biggan'), '--threads', '1', '--quiet'];
const all: readonly Victim[] = [
  { name: 'mine', weight: 5, args: [...mine, '--samples', '48', '--batch', '4', '--save-every', '1', '--out', 'out'] },
  {
    name: 'invert',
    weight: 5,
    args: ['invert', '../fixtures/a.png', '../fixtures/b.png', '--generator', model('biggan'), ...guided, ...quick],
  },
  {
    name: 'translate',
    weight: 5,
    args: ['translate', '--from', model('stylegan2'), '--seed', '1', '--to', model('biggan'), ...guided, ...quick],
  },
  {
    name: 'edit',
    weight: 5,
    args: ['edit', '--generator', model('biggan'), '--seed', '1', '--run', '../fixtures/run', ...['--edit', '../fixtures/edit.json'], ...quick], // prettier-ignore
  },
  {
    name: 'train',
    weight: 5,
    args: ['train', '../fixtures/tiny.json', '--data', '../fixtures/photos', '--size', '16', '--threads', '1', '--out', 'out', '--quiet'], // prettier-ignore
  },
  {
    name: 'demo',
    weight: 1,
    args: ['demo', '--no-open', '--zoo', '../fixtures/zoo', '--samples', '8', '--steps', '3', '--threads', '1', '--out', 'out', '--quiet'], // prettier-ignore
  },
];
const unknown = values.only?.split(',').filter((name) => !all.some((victim) => victim.name === name)) ?? [];
const victims = all.filter(({ name }) => !values.only || values.only.split(',').includes(name));
if (unknown.length || !Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed)) {
  console.error(`--kills and --seed are whole numbers; --only takes ${all.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

/** How a run is ended. */
const ways = [
  { name: 'all processes by SIGKILL', fraction: 0.5 },
  { name: 'launcher by SIGKILL', fraction: 0.2 },
  { name: 'SIGINT', fraction: 0.2 },
  { name: 'SIGTERM', fraction: 0.1 },
] as const;
type Way = (typeof ways)[number]['name'];

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly seconds: number;
  /** Whether it was killed, rather than over before. */
  readonly killed: boolean;
  /** Processes that outlived it. */
  readonly strays: number;
}

let runs = 0;
/** What runs now: it ends with this program. */
let current = '';
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    processesWith(mark, current).forEach(endNow);
    process.exit(1);
  });

/** Runs a command in a folder; ends it after `kill.after` seconds. */
async function run(folder: string, args: readonly string[], kill?: { way: Way; after: number }): Promise<Ended> {
  const value = (current = `${process.pid}-${runs++}`);
  for (const name of ['tmp', 'cache']) mkdirSync(join(folder, name), { recursive: true });
  const { GLIBC_TUNABLES: _, ...inherited } = process.env;
  const env = { ...inherited, [mark]: value, TMPDIR: join(folder, 'tmp'), ROSETTA_CACHE: join(folder, 'cache') };
  const begun = performance.now();
  const launcher = spawn(process.execPath, [rosetta, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  for (const stream of [launcher.stdout, launcher.stderr]) stream.on('data', (data) => (out += String(data)));
  let over = false;
  const ended = new Promise<Pick<Ended, 'code' | 'signal'>>((done, failed) => {
    launcher.on('error', failed);
    launcher.on('exit', (code, signal) => {
      over = true;
      done({ code, signal });
    });
  });
  let killed = false;
  if (kill) {
    await Promise.race([sleep(1000 * kill.after), ended]);
    if (!over) {
      killed = true;
      if (kill.way === 'SIGINT' || kill.way === 'SIGTERM') launcher.kill(kill.way);
      else if (kill.way === 'launcher by SIGKILL') launcher.kill('SIGKILL');
      else for (const pid of processesWith(mark, value)) endNow(pid);
    }
  }
  const end = await ended;
  const strays = await leftAfter(20, mark, value);
  strays.forEach(endNow);
  return { ...end, out, seconds: (performance.now() - begun) / 1000, killed, strays: strays.length };
}

function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Over already.
  }
}

/** What a command has left: files of its results and its cache without their times; of TMPDIR the names. */
function contents(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() || entry.parentPath === join(folder, 'tmp'))
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    files.sort().map((file) => {
      const name = file.slice(folder.length + 1);
      return [name, name.startsWith('tmp/') ? '' : withoutTimes(name, readFileSync(file))];
    }),
  );
}

const times: readonly (readonly [RegExp, string])[] = [
  [/"created":\s*"[^"]*"/g, ''],
  [/"(seconds|secondsPerStep)":\s*[\d.e+-]+/g, ''],
  // What pages tell of a search.
  [/(\d+ steps in [^"]{1,40}), \d+ s/g, '$1'],
];
function withoutTimes(name: string, bytes: Buffer): string {
  if (!/\.(json|jsonl|html)$/.test(name)) return bytes.toString('latin1');
  const text = bytes.toString('utf8').replace(/(?<=<script type="text\/plain"[^>]*>)[^<]*/g, inflated);
  return times.reduce((rest, [time, by]) => rest.replace(time, by), text);
}

/** What a page holds in compressed form; what is not compressed stays as it is. */
function inflated(base64: string): string {
  try {
    return inflateSync(Buffer.from(base64, 'base64')).toString('latin1');
  } catch {
    return base64;
  }
}

async function prepare(): Promise<void> {
  const fixtures = join(place, 'fixtures');
  mkdirSync(join(fixtures, 'zoo'), { recursive: true });
  for (const name of ['class-resnet', 'stylegan2', 'biggan', 'stylegan-xl'])
    for (const end of ['json', 'safetensors'])
      cpSync(join(shipped, `${name}.${end}`), join(fixtures, 'zoo', `${name}.${end}`));
  const photo = (stream: number, file: string) => {
    const side = 32;
    const pixels = Uint8Array.from({ length: side * side * 3 }, (_, i) => 256 * randomAt(7, i, stream));
    return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
      .blur(2)
      .png()
      .toFile(join(fixtures, file));
  };
  await photo(0, 'a.png');
  await photo(1, 'b.png');
  for (const [c, label] of ['red', 'green', 'blue'].entries()) {
    mkdirSync(join(fixtures, 'photos', label), { recursive: true });
    for (let i = 0; i < 12; i++) await photo(100 * (c + 1) + i, `photos/${label}/${i}.png`);
  }
  writeFileSync(
    join(fixtures, 'edit.json'),
    JSON.stringify({ version: 1, edits: [{ type: 'shift', dx: 0.25, dy: 0 }] }),
  );
  const recipe = {
    name: 'tiny',
    kind: 'class',
    architecture: { depths: [1, 1], planes: [4, 8], stem: 4 },
    objective: { smoothing: 0.1 },
    augmentation: [{ type: 'crop', padding: 2 }, { type: 'flip' }],
    schedule: {
      batch: 12,
      epochs: 200,
      optimiser: { kind: 'sgd', momentum: 0.9 },
      rate: { kind: 'cosine', peak: 0.05, warmUp: 0.1 },
      ema: 0.9,
    },
    seed: 3,
  };
  writeFileSync(join(fixtures, 'tiny.json'), JSON.stringify(recipe));
  // What searches are guided by.
  const base = ['--generator', model('stylegan2'), '--samples', '100', '--out', '../fixtures/run'];
  await undisturbed(fixtures, [...mine, ...base]);
}

async function undisturbed(folder: string, args: readonly string[]): Promise<Ended> {
  mkdirSync(folder, { recursive: true });
  const ended = await run(folder, args);
  if (ended.code !== 0) throw new Error(`rosetta ${args.join(' ')} failed:\n${ended.out}`);
  return ended;
}

interface Row {
  readonly victim: Victim;
  readonly seconds: number;
  readonly expected: Map<string, string>;
  readonly killed: Record<Way, number>;
  finished: number;
  same: number;
  leftovers: number;
}

/** Lines of what went wrong; empty when nothing did. */
async function killOnce(row: Row, number: number, folder: string): Promise<string[]> {
  const { victim, expected } = row;
  let draws = 0;
  const draw = () => randomAt(seed, draws++, number);
  const wrong: string[] = [];
  mkdirSync(folder, { recursive: true });
  const killings: string[] = [];
  let strays = 0;
  // Sometimes the rerun is killed, too.
  do {
    const chosen = draw();
    let sum = 0;
    const way = ways.find(({ fraction }) => chosen < (sum += fraction))?.name ?? 'SIGTERM';
    const after = draw() * row.seconds;
    const ended = await run(folder, victim.args, { way, after });
    strays += ended.strays;
    if (!ended.killed) continue;
    row.killed[way]++;
    killings.push(`${way} after ${after.toFixed(2)} s`);
    const asked = { SIGINT: 130, SIGTERM: 143, 'launcher by SIGKILL': 137, 'all processes by SIGKILL': 137 }[way];
    const code = ended.code ?? 128 + { SIGINT: 2, SIGTERM: 15, SIGKILL: 9 }[ended.signal as 'SIGINT'];
    // Over before it heard of the signal.
    if (code !== asked && code !== 0) wrong.push(`exit code ${code} instead of ${asked}: ${ended.out}`);
  } while (!killings.length || draw() < 0.25);
  const ended = await run(folder, victim.args);
  strays += ended.strays;
  const finished = ended.code === 0 || /holds (a )?finished (run|results)/.test(ended.out);
  if (finished) row.finished++;
  else wrong.push(`the rerun ended with code ${ended.code}: ${ended.out}`);
  const got = contents(folder);
  const different = [...expected].filter(([name, text]) => got.get(name) !== text).map(([name]) => name);
  if (different.length) wrong.push(`different or missing: ${different.join(', ')}`);
  else row.same++;
  const left = [...got.keys()].filter((name) => !expected.has(name));
  if (left.length) wrong.push(`left over: ${left.join(', ')}`);
  if (strays) wrong.push(`${strays} processes outlived the kill`);
  row.leftovers += left.length + strays;
  return wrong.length ? [`${victim.name}, kill ${number}: ${killings.join('; ')}`, ...wrong] : [];
}

function print(rows: readonly Row[]): void {
  console.log(
    `| command | undisturbed, s | ${ways.map(({ name }) => name).join(' | ')} | finished | same | leftovers |`,
  );
  console.log(`|---|---|${ways.map(() => '---|').join('')}---|---|---|`);
  for (const { victim, seconds, killed, finished, same, leftovers } of rows) {
    const cells = [victim.name, seconds.toFixed(1), ...ways.map(({ name }) => killed[name]), finished, same, leftovers];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

const killsOf = ({ killed }: Row): number => Object.values(killed).reduce((sum, n) => sum + n, 0);

const begun = performance.now();
console.log(`seed ${seed}, in ${place}`);
await prepare();
const rows: Row[] = [];
for (const victim of victims) {
  const folder = join(place, `whole-${victim.name}`);
  const { seconds } = await undisturbed(folder, victim.args);
  const killed = Object.fromEntries(ways.map(({ name }) => [name, 0])) as Record<Way, number>;
  rows.push({ victim, seconds, expected: contents(folder), killed, finished: 0, same: 0, leftovers: 0 });
  // What differs between two runs that nobody disturbed would be told as a difference made by the kills.
  const again = join(place, `again-${victim.name}`);
  await undisturbed(again, victim.args);
  const other = contents(again);
  for (const [name, text] of contents(folder))
    if (other.get(name) !== text) throw new Error(`${victim.name}: two undisturbed runs differ in ${name}`);
}
let failures = 0;
for (let number = 0; rows.reduce((sum, row) => sum + killsOf(row), 0) < kills; number++) {
  // The one that is furthest behind its share.
  const row = rows.reduce((a, b) => (killsOf(b) / b.victim.weight < killsOf(a) / a.victim.weight ? b : a));
  const folder = join(place, `${number}-${row.victim.name}`);
  const wrong = await killOnce(row, number, folder);
  for (const line of wrong) console.log(line);
  if (wrong.length) failures++;
  else if (!values.keep) rmSync(folder, { recursive: true });
}
print(rows);
console.log(`${failures} of the runs went wrong; ${((performance.now() - begun) / 60_000).toFixed(0)} min in all`);
if (!failures && !values.keep) rmSync(place, { recursive: true });
process.exitCode = failures ? 1 : 0;
