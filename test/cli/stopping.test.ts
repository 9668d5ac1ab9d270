// Commands that are stopped: by a signal, twice, or by the death of their launcher.
// What a rerun makes of what they leave is measured by bench/kills.ts.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { safetensorsChunks } from '../../src/files/safetensors.ts';
import { float32 } from '../../src/graph/tensor.ts';
import { leftAfter, processesWith } from './processes.ts';
import { rosetta, workplace } from './rosetta.ts';

const { folder, env, at, run } = workplace();
const mark = 'ROSETTA_TEST_RUN';
const withProc = existsSync('/proc/self/environ');
const shipped = (name: string) => fileURLToPath(new URL(`../../zoo/${name}.json`, import.meta.url));
const network = shipped('class-resnet');
const generator = shipped('stylegan-xl');

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  err: string;
}

interface Started {
  readonly launcher: ChildProcess;
  /** What it has told so far. */
  readonly err: () => string;
  readonly ended: Promise<Ended>;
  readonly value: string;
}

let started = 0;
function start(...args: string[]): Started {
  const value = `${process.pid}-${started++}`;
  const launcher = spawn(process.execPath, [rosetta, ...args], {
    cwd: folder,
    env: { ...env, [mark]: value },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let err = '';
  launcher.stderr.on('data', (data) => (err += String(data)));
  const ended = new Promise<Ended>((done) => launcher.on('close', (code, signal) => done({ code, signal, err })));
  return { launcher, err: () => err, ended, value };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 6000 && !condition(); i++) await sleep(5);
}

/** Work of some minutes, that tells when it has begun. */
async function startLong(): Promise<Started> {
  const work = start('demo', '--no-open', '--out', `demo-${started}`);
  await until(() => work.err().includes('Ctrl-C stops'));
  return work;
}

/** The process that computes. */
const worker = ({ launcher, value }: Started): number | undefined =>
  processesWith(mark, value).find((pid) => pid !== launcher.pid);

beforeAll(async () => {
  await run('--version'); // may have to build the program
  const x = float32([4000, 3, 32, 32], new Float32Array(4000 * 3 * 32 * 32));
  writeFileSync(at('x.safetensors'), Buffer.concat(safetensorsChunks(new Map([['x', x]]))));
}, 300_000);

afterEach(() => {
  // What a failed test has left.
  if (!withProc) return;
  for (let i = 0; i < started; i++)
    for (const pid of processesWith(mark, `${process.pid}-${i}`)) process.kill(pid, 'SIGKILL');
});

describe.skipIf(!withProc)('a launcher that is killed', () => {
  it.each([
    ['as soon as it has started its child', 0],
    ...Array.from({ length: 20 }, (_, i) => [`${50 * i + 50} ms later`, 50 * i + 50] as const),
  ] as const)('%s leaves no process', async (_, delay) => {
    const { launcher, ended, value } = start('demo', '--no-open', '--out', 'orphaned', '--quiet');
    await until(() => processesWith(mark, value).length === 2);
    await sleep(delay);
    launcher.kill('SIGKILL');
    await ended;
    expect(await leftAfter(10, mark, value)).toEqual([]);
  });
});

describe('long work', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('stops in order at %s, with exit code %i', async (signal, code) => {
    const { launcher, ended } = await startLong();
    launcher.kill(signal);
    const { err, ...end } = await ended;
    expect(err).toMatch(/stopping after this step[^]*rosetta: interrupted; rerun the same command to resume\n$/);
    expect(end).toEqual({ code, signal: null });
  });

  it('takes two signals within a moment for one, as npm and a terminal send them for one Ctrl-C', async () => {
    const { launcher, ended } = await startLong();
    launcher.kill('SIGINT');
    await sleep(30);
    launcher.kill('SIGINT');
    const { err, code } = await ended;
    expect(err).toMatch(/rosetta: interrupted; rerun the same command to resume\n$/);
    expect(code).toBe(130);
  });

  it.skipIf(!withProc)('ends at once at the second signal, even in the middle of a computation', async () => {
    const work = await startLong();
    // A process that stands still hears no signal, like one that computes.
    const pid = worker(work)!;
    process.kill(pid, 'SIGSTOP');
    work.launcher.kill('SIGINT');
    await sleep(400);
    work.launcher.kill('SIGINT');
    expect(await work.ended).toMatchObject({ code: null, signal: 'SIGINT' });
    expect(await leftAfter(5, mark, work.value)).toEqual([]);
  });

  it.skipIf(!withProc).each(['SIGKILL', 'SIGSEGV'] as const)(
    'whose process is ended by %s passes the signal on',
    async (signal) => {
      const work = await startLong();
      process.kill(worker(work)!, signal);
      expect(await work.ended).toMatchObject({ code: null, signal });
    },
  );
});

describe.skipIf(!withProc)('a command that is stopped before its work begins', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('by %s leaves no lock, with exit code %i', async (signal, code) => {
    const out = `early-${signal}`;
    const { launcher, ended } = start('mine', '--model', network, '--generator', generator, '--out', out);
    await until(() => existsSync(at(`${out}/.lock`)));
    launcher.kill(signal);
    const { err, ...end } = await ended;
    expect(err).toMatch(/rosetta: interrupted\n$/);
    expect(end).toEqual({ code, signal: null });
    expect(readdirSync(at(out))).toEqual([]);
  });
});

describe('activations', () => {
  it('that are interrupted write nothing', async () => {
    const args = ['--model', network, '--input', 'x.safetensors', '--out', 'acts.safetensors', '--batch', '1'];
    const { launcher, err, ended } = start('activations', ...args);
    await until(() => err().includes('class-resnet: resnet'));
    await sleep(1000);
    launcher.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 143 });
    expect(err()).toMatch(
      /stopping after this batch; nothing is written[^]*rosetta: interrupted; nothing was written\n$/,
    );
    expect(readdirSync(folder).filter((name) => name.startsWith('acts'))).toEqual([]);
  });
});
