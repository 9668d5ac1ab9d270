// Sessions that are always given back: one for some work, or one at a time for batches that vary in size.
// A graph that is run a single time is in run-once.ts.

import type { Graph } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Engine, Outputs, Session } from './engine.ts';

/**
 * Opens a graph, and frees its session when `use` has ended, also by an error.
 * @returns what `use` returns. @throws what opening, using or releasing throws; of several errors, the first.
 */
export async function withSession<T>(engine: Engine, graph: Graph, use: (session: Session) => Promise<T>): Promise<T> {
  const session = await engine.open(graph);
  let result: T;
  try {
    result = await use(session);
  } catch (error) {
    // The error of the work says more than one of the release after it.
    await session.release().catch(() => undefined);
    throw error;
  }
  await session.release();
  return result;
}

type Feeds = Readonly<Record<string, Tensor>>;

/**
 * Runs batches that are mostly of one size, as the last of some images is not: when the shapes are others than before,
 * the graph is built anew. Release it in a `finally`.
 */
export class BatchSession<F extends Feeds = Feeds> {
  readonly #engine: Engine;
  readonly #graphOf: (feeds: F) => Graph;
  #open: { readonly shapes: string; readonly session: Session } | undefined;

  /** @param graphOf the graph for feeds of these shapes. */
  constructor(engine: Engine, graphOf: (feeds: F) => Graph) {
    this.#engine = engine;
    this.#graphOf = graphOf;
  }

  /** As `Session.run`. */
  async run(feeds: F): Promise<Outputs> {
    const shapes = JSON.stringify(Object.entries(feeds).map(([name, { shape }]) => [name, shape]));
    if (this.#open?.shapes !== shapes) {
      await this.release();
      this.#open = { shapes, session: await this.#engine.open(this.#graphOf(feeds)) };
    }
    return this.#open.session.run(feeds);
  }

  /** Frees the session; a later run opens another. */
  async release(): Promise<void> {
    const session = this.#open?.session;
    this.#open = undefined;
    await session?.release();
  }
}
