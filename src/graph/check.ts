// Checks that a graph is well formed: every value made once, before it is used, and the outputs among them.
// Whether operators get what they need is not checked here but by inferShapes.

import { UserError } from '../errors.ts';
import type { Graph, Node } from './graph.ts';

const label = (node: Node): string => `node "${node.name || (node.outputs[0] ?? '')}" (${node.op})`;

/**
 * @param outer values of the enclosing graph that a nested one may read.
 * @throws UserError naming the first value that is missing or made twice.
 */
export function checkGraph(graph: Graph, outer: ReadonlySet<string> = new Set()): void {
  const own = new Set(graph.initializers.keys());
  const define = (name: string, by: string) => {
    if (own.has(name))
      throw new UserError(`The graph "${graph.name}" makes the value "${name}" twice, the second time by ${by}.`);
    own.add(name);
  };
  for (const { name } of graph.inputs) define(name, 'an input');
  if (own.has('')) throw new UserError(`The graph "${graph.name}" has an input or weight without a name.`);
  const exists = (name: string) => own.has(name) || outer.has(name);
  for (const node of graph.nodes) {
    for (const name of node.inputs) {
      if (name === '' || exists(name)) continue;
      throw new UserError(
        `The ${label(node)} reads "${name}", which nothing before it in the graph "${graph.name}" makes.`,
      );
    }
    for (const attribute of Object.values(node.attributes)) {
      if ('graph' in attribute) checkGraph(attribute.graph, new Set([...outer, ...own]));
    }
    for (const name of node.outputs) if (name !== '') define(name, label(node));
  }
  for (const { name } of graph.outputs) {
    if (!exists(name))
      throw new UserError(`The graph "${graph.name}" has an output "${name}", which none of its nodes makes.`);
  }
}
