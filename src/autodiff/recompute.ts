// Trading time for memory: the forward pass in segments, whose inner values are computed a second time when the backward
// pass comes to them, so that they need not be kept in between.

import type { GraphBuilder, Value } from '../graph/builder.ts';
import type { Node } from '../graph/graph.ts';
import { required } from '../lookup.ts';
import { bytesPerElement, sizeOf } from '../graph/tensor.ts';

/** By value, the parts of its gradient that have been computed. */
export type Arrived = Map<string, readonly Value[]>;

export interface Segment {
  readonly nodes: readonly Node[];
  /** The segment where the backward pass begins: its values are still there. */
  readonly last: boolean;
}

/**
 * Cuts a forward pass into segments of about equal activations, each cut where the fewest bytes cross it.
 * @param nodes in topological order.
 * @param count 1 or more; fewer come back where there are fewer nodes.
 */
export function segmentsOf(b: GraphBuilder, nodes: readonly Node[], count: number): Segment[] {
  const bytes = nodes.map((node) => node.outputs.reduce((sum, name) => sum + bytesOf(b, name), 0));
  const total = bytes.reduce((sum, n) => sum + n, 0);
  const crossing = bytesAcross(b, nodes);
  const cuts = [0];
  let made = 0;
  let best = -1;
  nodes.forEach((_, i) => {
    made += bytes[i];
    // Within the second half of each share, the narrowest place.
    const share = (made / total) * count - cuts.length;
    if (cuts.length >= count || share < -0.5) return;
    if (best < 0 || crossing[i] < crossing[best]) best = i;
    if (share < 0) return;
    cuts.push(best + 1);
    best = -1;
  });
  const starts = [...new Set(cuts)].filter((cut) => cut < nodes.length);
  return starts.map((start, k) => ({
    nodes: nodes.slice(start, starts[k + 1]),
    last: k === starts.length - 1,
  }));
}

/**
 * Adds a copy of a segment's nodes.
 * @param active values through which gradients flow; the copy begins at those that come from outside of the segment.
 * @param arrived gradients so far. The copy is made to wait for all of them: or an engine would compute both at once and
 *   keep one, and might put off what became of the segments before to the very end.
 * @returns the copies by the names of the originals.
 */
export function recomputed(
  b: GraphBuilder,
  { nodes }: Segment,
  active: ReadonlySet<string>,
  arrived: Arrived,
): Map<string, Value> {
  const own = new Set(nodes.flatMap((node) => node.outputs));
  const copies = new Map<string, Value>();
  if (![...own].some((name) => arrived.has(name))) return copies;
  const zero = b.mul(firstElements(b, [...arrived.values()].flat()), 0);
  const outside = new Map<string, Value>();
  const gated = (name: string): Value => {
    const existing = copies.get(name) ?? outside.get(name);
    if (existing) return existing;
    const value = b.value(name);
    if (!active.has(name) || own.has(name) || value.dtype !== zero.dtype) return value;
    const gate = b.add(value, zero);
    outside.set(name, gate);
    return gate;
  };
  for (const node of nodes) {
    const outputs = b.op(
      node.op,
      node.inputs.map((name) => (name === '' ? undefined : gated(name))),
      node.attributes,
      { outputs: node.outputs.length },
    );
    node.outputs.forEach((name, i) => name && copies.set(name, outputs[i]));
  }
  for (const [name, value] of outside) copies.set(name, value);
  return copies;
}

/** The sum of the first element of each value, shape []. */
function firstElements(b: GraphBuilder, values: readonly Value[]): Value {
  const firsts = values
    .filter(({ dtype }) => dtype === values[0].dtype)
    .map((value) => {
      const axes = [...value.shape.keys()];
      return b.reshape(b.slice(value, { axes, starts: axes.map(() => 0), ends: axes.map(() => 1) }), []);
    });
  return firsts.reduce((sum, first) => b.add(sum, first));
}

function bytesOf(b: GraphBuilder, name: string): number {
  if (name === '') return 0;
  const { dtype, shape } = b.value(name);
  return sizeOf(shape) * bytesPerElement(dtype);
}

/** For each node, the bytes of what is made up to it and read after it. */
function bytesAcross(b: GraphBuilder, nodes: readonly Node[]): number[] {
  const madeAt = new Map<string, number>();
  const readAt = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const name of node.inputs) if (madeAt.has(name)) readAt.set(name, i);
    for (const name of node.outputs) madeAt.set(name, i);
  });
  const change = new Float64Array(nodes.length + 1);
  for (const [name, until] of readAt) {
    change[required(madeAt, name, 'value')] += bytesOf(b, name);
    change[until] -= bytesOf(b, name);
  }
  let sum = 0;
  return nodes.map((_, i) => (sum += change[i]));
}
