// Ctrl-C for long work: the first ends it in order, the second at once.
// What "in order" means is the work's own business.

import { exitCodes } from './exit-codes.ts';

/**
 * Runs `work`, whose signal is aborted at the first Ctrl-C (or SIGTERM, SIGHUP); `onStop` may tell what happens then.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>, onStop = () => {}): Promise<T> {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    onStop();
    controller.abort(new DOMException('interrupted; rerun the same command to resume', 'AbortError'));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, stop);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}
