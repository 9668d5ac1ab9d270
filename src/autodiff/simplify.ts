// A graph that computes the same with less: equal computations once, small constants worked out, operators that do nothing
// left out. Rules of gradients may therefore be written plainly. It fuses nothing; the engine does.

import { isNumber, isStatic } from '../graph/dims.ts';
import type { Graph, Node } from '../graph/graph.ts';
import { inferValues } from '../graph/infer.ts';
import type { Known } from '../graph/operators/index.ts';
import { pruneGraph } from '../graph/prune.ts';
import { fromNumbers, sizeOf, type Tensor } from '../graph/tensor.ts';

/** Operators whose operands are repeated to a common shape. */
const broadcasting = new Set(['Add', 'Sub', 'Mul', 'Div', 'Where', 'Greater', 'Less', 'Equal', 'Max', 'Min', 'Pow']);

/** The second operand that changes nothing. */
const neutral: Readonly<Record<string, number>> = { Add: 0, Sub: 0, Mul: 1, Div: 1, Pow: 1 };
const commutes = new Set(['Add', 'Mul']);

/** The same graph, simplified: same inputs, same outputs. Values of elements that are not finite may come out otherwise. */
export function simplify(graph: Graph): Graph {
  const known = inferValues(graph);
  const outputs = new Set(graph.outputs.map((info) => info.name));
  const initializers = new Map(graph.initializers);
  const alias = new Map<string, string>();
  const seen = new Map<string, Node>();
  const makers = new Map<string, Node>();
  const nodes: Node[] = [];
  const shapeOf = (name: string) => known.get(name)?.shape?.join() ?? '?';

  for (const original of graph.nodes) {
    if (!plain(original)) {
      nodes.push(renamed(original, alias));
      continue;
    }
    const folded = foldedOutputs(original, known);
    if (folded) {
      folded.forEach((tensor, i) => initializers.set(original.outputs[i], tensor));
      continue;
    }
    const node = withoutExpand(renamed(original, alias), makers, shapeOf);
    const [output] = node.outputs;
    const free = node.outputs.every((name) => !outputs.has(name));
    const through = node.outputs.length === 1 ? passedThrough(node, known, shapeOf) : undefined;
    if (through !== undefined && free) {
      alias.set(output, through);
      continue;
    }
    const key = keyOf(node);
    const twin = seen.get(key);
    if (twin && free && twin.outputs.length === node.outputs.length) {
      node.outputs.forEach((name, i) => alias.set(name, twin.outputs[i]));
      continue;
    }
    if (!twin) seen.set(key, node);
    for (const name of node.outputs) makers.set(name, node);
    nodes.push(node);
  }
  return pruneGraph({ ...graph, nodes, initializers });
}

/** No graph inside and nothing random, of ONNX's own set. */
const plain = (node: Node): boolean =>
  !node.domain &&
  !/^(Random|Bernoulli|Multinomial|Dropout)/.test(node.op) &&
  Object.values(node.attributes).every((attribute) => !('graph' in attribute));

const renamed = (node: Node, alias: ReadonlyMap<string, string>): Node =>
  node.inputs.some((name) => alias.has(name))
    ? { ...node, inputs: node.inputs.map((name) => alias.get(name) ?? name) }
    : node;

const keyOf = ({ op, inputs, outputs, attributes }: Node): string =>
  JSON.stringify([
    op,
    inputs,
    outputs.length,
    Object.entries(attributes)
      .filter(([, value]) => !('tensor' in value))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
    Object.values(attributes).some((value) => 'tensor' in value) ? outputs : [],
  ]);

/** The outputs as constants, where all are small and known before anything runs. */
function foldedOutputs(node: Node, known: ReadonlyMap<string, Known>): Tensor[] | undefined {
  const tensors = node.outputs.map((name) => {
    const { dtype, shape, elements } = known.get(name) ?? {};
    if (!dtype || /16/.test(dtype) || !isStatic(shape) || !elements?.every(isNumber)) return undefined;
    return elements.length === sizeOf(shape) ? fromNumbers(dtype, shape, elements) : undefined;
  });
  return tensors.every((tensor) => tensor !== undefined) && tensors.length > 0 ? tensors : undefined;
}

/** Operands that were only repeated to the shape of the others are taken as they were before. */
function withoutExpand(node: Node, makers: ReadonlyMap<string, Node>, shapeOf: (name: string) => string): Node {
  if (!broadcasting.has(node.op)) return node;
  const target = shapeOf(node.outputs[0]);
  const inputs = [...node.inputs];
  inputs.forEach((name, i) => {
    const maker = makers.get(name);
    if (maker?.op !== 'Expand' || target === '?') return;
    const rest = inputs.filter((_, j) => j !== i);
    if (rest.some((other) => shapeOf(other) === target)) inputs[i] = maker.inputs[0];
  });
  return { ...node, inputs };
}

/** The input that comes out unchanged, if the node does nothing. */
function passedThrough(
  { op, inputs, outputs, attributes }: Node,
  known: ReadonlyMap<string, Known>,
  shapeOf: (name: string) => string,
): string | undefined {
  const same = (name: string) => shapeOf(name) !== '?' && shapeOf(name) === shapeOf(outputs[0]);
  if (op === 'Identity') return inputs[0];
  if (op === 'Reshape' || op === 'Expand') return same(inputs[0]) ? inputs[0] : undefined;
  if (op === 'Cast') {
    const type = known.get(inputs[0])?.dtype;
    return type && type === known.get(outputs[0])?.dtype ? inputs[0] : undefined;
  }
  if (op === 'Transpose') {
    const { perm } = attributes;
    return perm && 'ints' in perm && perm.ints.every((axis, i) => axis === i) ? inputs[0] : undefined;
  }
  if (!Object.hasOwn(neutral, op)) return undefined;
  const isNeutral = (name: string) => {
    const elements = known.get(name)?.elements;
    return elements !== undefined && elements.length > 0 && elements.every((element) => element === neutral[op]);
  };
  if (isNeutral(inputs[1]) && same(inputs[0])) return inputs[0];
  return commutes.has(op) && isNeutral(inputs[0]) && same(inputs[1]) ? inputs[1] : undefined;
}
