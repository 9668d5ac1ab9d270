// How long work tells what it has done, and how it is told to stop: the same for mining, searches and training.
// It prints nothing; how progress is shown is the caller's.

/** How far a stage of some work is. */
export interface Progress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  /** What is counted, e.g. `images`. */
  readonly unit: string;
}

/** Options that all long work has. */
export interface LongWork<P extends Progress = Progress> {
  /**
   * Called when a stage begins and after each of its batches or steps; the work goes on when what it returns has
   * resolved. What it throws ends the work, which passes it on.
   */
  readonly onProgress?: (progress: P) => void | Promise<void>;
  /** Called with what the user is to know and need not act on, e.g. that a damaged state is passed over. */
  readonly onNote?: (note: string) => void;
  /** Aborting ends the work after the current batch or step. */
  readonly signal?: AbortSignal;
}

/** How long work may compute in one go, ms. */
const turnEvery = 50;

/**
 * For work that computes without anything to wait for: what this returns is called and awaited between its steps, and
 * now and then lets timers and signals have their turn.
 */
export function turns(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < turnEvery) return;
    await new Promise((resolve) => setTimeout(resolve));
    last = performance.now();
  };
}
