// What an output of a graph needs, and a graph without the rest.
// It folds and fuses nothing.

import type { Graph, Node } from './graph.ts';
import { readNames } from './rename.ts';

/**
 * Nodes that the named values need, in their order, and all value names that those read.
 * @param given values that are there already: what makes them is not needed.
 */
export function neededFor(
  nodes: readonly Node[],
  names: Iterable<string>,
  given: ReadonlySet<string> = new Set(),
): { nodes: Node[]; read: Set<string> } {
  const read = new Set(names);
  const kept: Node[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => output !== '' && read.has(output) && !given.has(output))) continue;
    for (const name of readNames(node)) read.add(name);
    kept.push(node);
  }
  return { nodes: kept.reverse(), read };
}

/** The graph without nodes, weights and recorded values that no output needs. Inputs all stay. */
export function pruneGraph(graph: Graph): Graph {
  const { nodes, read } = neededFor(
    graph.nodes,
    graph.outputs.map((output) => output.name),
  );
  const made = new Set(nodes.flatMap((node) => node.outputs));
  return {
    ...graph,
    nodes,
    initializers: new Map([...graph.initializers].filter(([name]) => read.has(name))),
    values: new Map([...graph.values].filter(([name]) => made.has(name))),
  };
}
