// Other names for the values of a graph, in nested graphs too.
// It does not check that the new names are free.

import type { Attribute, Graph, Node, ValueInfo } from './graph.ts';

/** A new name for each value name; the empty name (a left out input) is never asked for. */
export type Rename = (name: string) => string;

const renameInfo = (info: ValueInfo, rename: Rename): ValueInfo => ({ ...info, name: rename(info.name) });

function renameAttribute(attribute: Attribute, rename: Rename): Attribute {
  return 'graph' in attribute ? { graph: renameGraph(attribute.graph, rename) } : attribute;
}

/** A node with its inputs and outputs renamed, and everything in graphs that it holds. Its own name is kept. */
export function renameNode(node: Node, rename: Rename): Node {
  const names = (list: readonly string[]) => list.map((name) => name && rename(name));
  const attributes = Object.entries(node.attributes).map(([key, value]): [string, Attribute] => [
    key,
    renameAttribute(value, rename),
  ]);
  return {
    ...node,
    inputs: names(node.inputs),
    outputs: names(node.outputs),
    attributes: Object.fromEntries(attributes),
  };
}

/** A graph with all its values renamed. Tensors are shared with the given graph. */
export function renameGraph(graph: Graph, rename: Rename): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map((info) => renameInfo(info, rename)),
    outputs: graph.outputs.map((info) => renameInfo(info, rename)),
    nodes: graph.nodes.map((node) => renameNode(node, rename)),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [rename(name), tensor])),
    values: new Map([...graph.values].map(([name, info]) => [rename(name), renameInfo(info, rename)])),
  };
}

/** Values of enclosing graphs that a graph reads. */
export function capturedNames(graph: Graph): string[] {
  const own = new Set([...graph.inputs.map((input) => input.name), ...graph.initializers.keys()]);
  for (const node of graph.nodes) for (const output of node.outputs) own.add(output);
  const read = [...graph.nodes.flatMap(readNames), ...graph.outputs.map((output) => output.name)];
  return read.filter((name) => !own.has(name));
}

/** Values that a node reads: its inputs, and what graphs that it holds take from around it. */
export function readNames(node: Node): string[] {
  const nested = Object.values(node.attributes).flatMap((a) => ('graph' in a ? capturedNames(a.graph) : []));
  return [...node.inputs.filter((name) => name !== ''), ...nested];
}
