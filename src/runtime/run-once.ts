// A graph that is run a single time: opened, run, its outputs copied, everything given back.
// What runs a graph more than once keeps a session: with-session.ts.

import type { Graph } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Engine } from './engine.ts';
import { withSession } from './with-session.ts';

/**
 * Runs a graph once and frees its session, also when the run fails.
 * @param feeds one tensor per graph input. @returns copies of all outputs, by name.
 * @throws what opening, running or releasing throws; of several errors, the first.
 */
export const runOnce = (
  engine: Engine,
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> =>
  withSession(engine, graph, async (session) => {
    const outputs = await session.run(feeds);
    try {
      return Object.fromEntries(Object.entries(outputs.tensors).map(([name, tensor]) => [name, copyOf(tensor)]));
    } finally {
      outputs.dispose();
    }
  });

const copyOf = (tensor: Tensor): Tensor => ({ ...tensor, shape: [...tensor.shape], data: tensor.data.slice() });
