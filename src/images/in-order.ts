// Asynchronous work on a list, several at a time and ahead of the consumer, results in the order of the list.
// It is not a queue: the list is known from the start.

import { required } from '../lookup.ts';

export interface InOrderOptions {
  /** Calls of `work` that run at the same time, at least 1. */
  readonly parallel: number;
  /** Results, running or finished, that may wait for the consumer; at least 1. Bounds the memory. */
  readonly ahead: number;
}

/**
 * Yields `work(item)` for every item in order. Work starts with the first `next()` and goes on while the consumer is
 * busy. A rejection is thrown at its place in the order and ends the iteration. When the iteration ends early, by
 * `return()` or a throw, no more work is started and what runs is awaited, so that nothing goes on behind one's back.
 */
export async function* inOrder<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  { parallel, ahead }: InOrderOptions,
): AsyncGenerator<Result, void, undefined> {
  const waiting = new Map<number, Promise<Result>>();
  let started = 0;
  let running = 0;
  let yielded = 0;
  let stopped = false;

  const run = async (item: Item): Promise<Result> => {
    running++;
    try {
      return await work(item);
    } finally {
      running--;
      refill();
    }
  };
  const refill = (): void => {
    while (!stopped && started < items.length && running < parallel && started < yielded + ahead) {
      const result = run(items[started]);
      // A rejection may come long before its turn: it is handled then, and must not count as unhandled until then.
      result.catch(() => undefined);
      waiting.set(started++, result);
    }
  };

  try {
    while (yielded < items.length) {
      refill();
      const result = await required(waiting, yielded, 'result');
      waiting.delete(yielded++);
      refill();
      yield result;
    }
  } finally {
    stopped = true;
    await Promise.allSettled(waiting.values());
  }
}
