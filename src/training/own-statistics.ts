// Gives batch normalisations in training copies of the running statistics that they read.
// ONNX Runtime writes the new ones over them (an "alias" in its kernel), even over tensors that it was only fed.

import { int } from '../graph/attributes.ts';
import type { Graph, Node } from '../graph/graph.ts';

/** The same graph, that alters nothing it is fed. To be called last: a simplification might take the copies out. */
export function withOwnStatistics(graph: Graph): Graph {
  return { ...graph, nodes: graph.nodes.flatMap((node) => (writesInputs(node) ? copied(node) : [node])) };
}

const writesInputs = ({ op, domain, attributes: { training_mode: mode } }: Node): boolean =>
  op === 'BatchNormalization' && !domain && mode !== undefined && 'int' in mode && mode.int === 1;

function copied(node: Node): Node[] {
  // A Concat of one, for the engine would leave out an Identity.
  const copies = node.inputs.slice(3).map((input, i): Node => {
    const name = `${node.outputs[0]}:statistics${i}`;
    return { op: 'Concat', name, inputs: [input], outputs: [name], attributes: { axis: int(0) } };
  });
  return [...copies, { ...node, inputs: [...node.inputs.slice(0, 3), ...copies.map(({ name }) => name)] }];
}
