// What an engine is to the rest of the program: something that opens a graph and runs it.
// It names no implementation; `node.ts` has the one for Node.

import type { Graph } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';

/** Where a graph is computed. Which of them exist depends on the engine and the machine. */
export const devices = ['cpu', 'cuda', 'webgpu', 'coreml', 'dml'] as const;
export type Device = (typeof devices)[number];

/** The outputs of a run. Their memory belongs to the engine until `dispose` gives it back. */
export interface Outputs {
  readonly tensors: Readonly<Record<string, Tensor>>;
  /**
   * Releases the memory of all outputs but `keep` at once; waiting for the garbage collector lets them pile up.
   * A disposed tensor must not be read any more.
   */
  dispose(keep?: readonly string[]): void;
}

export interface Session {
  /**
   * Runs the graph.
   * @param feeds one tensor per graph input, with the shapes that the graph was built for.
   */
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Outputs>;
  /** Frees the session; later runs fail. */
  release(): Promise<void>;
}

export interface Engine {
  readonly device: Device;
  /** Prepares a graph for running. Weights are copied into the session. */
  open(graph: Graph): Promise<Session>;
}
