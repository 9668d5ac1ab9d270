// Watches the process that feeds one target: one that dies or falls silent is a failure of the input it had.
// What is fed and judged is the worker's business.

import { fork } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CampaignOptions, Failure, Figures } from './campaign.ts';

/** What a worker is started with, and what it sends: figures every second, failures with the last of them. */
export interface Job extends Pick<CampaignOptions, 'seed' | 'runs' | 'until' | 'limits'> {
  readonly target: string;
  /** A folder of the worker's own. */
  readonly folder: string;
}
export interface Report {
  readonly figures: Figures;
  readonly failures?: readonly Failure[];
}

export const latestInput = 'latest-input';

export interface Outcome {
  readonly figures: Figures;
  readonly failures: readonly Failure[];
}

/** A reader that takes so long is taken to hang. */
const silence = 30_000;
const heapMegabytes = 1024;

export function watch(job: Omit<Job, 'folder'>): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
  const worker = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), {
    execArgv: [...process.execArgv, `--max-old-space-size=${heapMegabytes}`],
    serialization: 'advanced',
  });
  let figures: Figures = { inputs: 0, read: 0, refused: 0, slowestMilliseconds: 0, peakBytes: 0 };
  let failures: readonly Failure[] | undefined;
  let hangs = false;
  const giveUp = (): void => {
    hangs = true;
    worker.kill('SIGKILL');
  };
  let timer = setTimeout(giveUp, silence);
  worker.on('message', (report: Report) => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, silence);
    ({ figures, failures } = { failures, ...report });
  });
  worker.send({ ...job, folder });
  return new Promise((resolve) => {
    worker.on('exit', (code, signal) => {
      clearTimeout(timer);
      const path = join(folder, latestInput);
      const input = existsSync(path) ? new Uint8Array(readFileSync(path)) : new Uint8Array();
      rmSync(folder, { recursive: true, force: true });
      const what = hangs ? `did not end in ${silence / 1000} s` : `the process ended with ${signal ?? code}`;
      resolve({ figures, failures: failures ?? [{ what, input }] });
    });
  });
}
