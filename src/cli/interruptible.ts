// Ctrl-C, SIGTERM and SIGHUP: long work is ended in order at the first, everything else and all at the second at once.
// What "in order" means is the work's own business.

import { exitCodes, stopSignals, type StopSignal } from './exit-codes.ts';
import { complain } from './terminal.ts';

/** What work that was stopped by a signal throws. */
export class Interruption extends Error {
  override readonly name = 'AbortError';
  readonly exitCode: number;

  constructor(message: string, signal: StopSignal) {
    super(message);
    this.exitCode = exitCodes[signal];
  }
}

export interface StopOptions {
  /** Told at the first signal. */
  readonly onStop?: () => void;
  /** What the command says when the work has stopped. */
  readonly message?: string;
}

const resumable = 'interrupted; rerun the same command to resume';

/** The work that goes on now, and how it is stopped. */
let stopWork: ((signal: StopSignal) => void) | undefined;

/** Has signals end this process: work in order, once; all else at once, with what "exit" handlers put away. */
export function listenToSignals(): void {
  for (const signal of stopSignals) process.on(signal, stop);
}

function stop(signal: StopSignal): void {
  if (stopWork) {
    const once = stopWork;
    stopWork = undefined;
    once(signal);
  } else {
    complain('interrupted');
    process.exit(exitCodes[signal]);
  }
}

/** Runs `work`, whose signal is aborted at the first Ctrl-C, SIGTERM or SIGHUP. */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { onStop, message = resumable }: StopOptions = {},
): Promise<T> {
  const controller = new AbortController();
  stopWork = (signal) => {
    onStop?.();
    controller.abort(new Interruption(message, signal));
  };
  try {
    return await work(controller.signal);
  } finally {
    stopWork = undefined;
  }
}
