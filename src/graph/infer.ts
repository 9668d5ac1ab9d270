// Types and shapes of all values of a graph, with dynamic dimensions bound to numbers as far as wanted.
// It runs nothing; what an unknown operator makes stays unknown, and so does what follows from it.

import { UserError } from '../errors.ts';
import { unify, unknown } from './dims.ts';
import type { Dim, Graph, Node, ValueInfo } from './graph.ts';
import { inferNode, knownOf } from './operators/index.ts';
import type { Known } from './operators/index.ts';

/**
 * Sizes of dynamic dimensions, by name: `{ batch: 1, height: 224 }`. An axis of an input is meant by `x[0]`: a dimension
 * without a name, or a fixed one that is to have another size. Names that the graph does not have are ignored.
 */
export type Bindings = Readonly<Record<string, number>>;

/**
 * The graph with dynamic dimensions replaced where a size is given, in its inputs, outputs and recorded values.
 * Nothing that depends on them is computed; inferShapes does that.
 * @throws UserError when a size is no positive integer.
 */
export function bindDimensions(graph: Graph, bindings: Bindings): Graph {
  for (const [name, size] of Object.entries(bindings)) {
    if (!Number.isInteger(size) || size < 1) {
      throw new UserError(
        `The dimension "${name}" of the graph "${graph.name}" cannot be ${size}; give a positive integer.`,
      );
    }
  }
  const sizes = new Map(Object.entries(bindings));
  const bind = (info: ValueInfo, axes = false): ValueInfo =>
    info.shape
      ? {
          ...info,
          shape: info.shape.map(
            (dim, i) => (axes && sizes.get(`${info.name}[${i}]`)) || (sizes.get(String(dim)) ?? dim),
          ),
        }
      : info;
  return {
    ...graph,
    inputs: graph.inputs.map((info) => bind(info, true)),
    outputs: graph.outputs.map((info) => bind(info)),
    values: new Map([...graph.values].map(([name, info]) => [name, bind(info)])),
  };
}

/**
 * The graph with types and shapes of all its values, inferred from its inputs. What the file recorded of intermediate
 * values and outputs is not trusted, since it may hold sizes of another batch; only recorded types fill gaps.
 * @throws UserError naming the node whose inputs do not fit.
 */
export function inferShapes(graph: Graph, bindings: Bindings = {}): Graph {
  const bound = bindDimensions(graph, bindings);
  const known = inferValues(bound);
  const describe = (name: string, recorded?: ValueInfo): ValueInfo | undefined => {
    const { dtype = recorded?.dtype, shape } = known.get(name) ?? {};
    return dtype && { name, dtype, ...(shape && { shape }) };
  };
  const names = graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== ''));
  const values = names.flatMap((name) => describe(name, graph.values.get(name)) ?? []);
  return {
    ...bound,
    outputs: bound.outputs.map((info) => describe(info.name, info) ?? info),
    values: new Map(values.map((info) => [info.name, info])),
  };
}

/**
 * What is known of every value of a graph, small integer tensors with their elements.
 * @param outer values of enclosing graphs.
 */
export function inferValues(graph: Graph, outer: ReadonlyMap<string, Known> = new Map()): Map<string, Known> {
  const known = new Map(outer);
  for (const [name, tensor] of graph.initializers) known.set(name, knownOf(tensor));
  for (const { name, dtype, shape } of graph.inputs) known.set(name, { dtype, shape });
  for (const node of graph.nodes) {
    const outputs = inferOutputs(node, known, graph.opset);
    node.outputs.forEach((name, i) => {
      const recorded = graph.values.get(name)?.dtype;
      if (name !== '')
        known.set(name, outputs[i]?.dtype ? outputs[i] : { ...outputs[i], ...(recorded && { dtype: recorded }) });
    });
  }
  return known;
}

/** What is known of the outputs of a node, given the values that it and graphs inside it may read. */
export function inferOutputs(node: Node, known: ReadonlyMap<string, Known>, opset: number): readonly Known[] {
  const inputs = node.inputs.map((name) => (name === '' ? undefined : (known.get(name) ?? {})));
  return node.op === 'If' && !node.domain ? inferBranches(node, inputs[0], known) : inferNode(node, inputs, opset);
}

/** Outputs of the branch that is taken, where the condition is known; else what both branches have in common. */
function inferBranches(node: Node, condition: Known | undefined, known: ReadonlyMap<string, Known>): Known[] {
  const taken = condition?.elements?.[0];
  const names = typeof taken === 'number' ? [taken ? 'then_branch' : 'else_branch'] : ['then_branch', 'else_branch'];
  const results = names.map((name) => {
    const branch = node.attributes[name];
    if (!branch || !('graph' in branch)) return [];
    const values = inferValues(branch.graph, known);
    return branch.graph.outputs.map((output) => values.get(output.name) ?? {});
  });
  return node.outputs.map((_, i) => results.map((result) => result[i] ?? {}).reduce(inCommon));
}

function inCommon(a: Known, b: Known): Known {
  const [first, second] = [a.shape, b.shape];
  const join = (x: Dim, y: Dim): Dim => (x === y ? unify(x, y) : unknown);
  return {
    ...(a.dtype === b.dtype && { dtype: a.dtype }),
    ...(first && second?.length === first.length && { shape: first.map((dim, i) => join(dim, second[i])) }),
  };
}
