// Gradients of whole graphs: a graph in, a graph of ordinary operators out that also computes the gradient.
// On a graph in the making, reverse.ts is the thing to use.

import { UserError } from '../errors.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import { inferShapes } from '../graph/infer.ts';
import { isStatic } from '../graph/dims.ts';
import { upgradeGraph } from '../graph/upgrade.ts';
import { gradients, vectorJacobian, type GradientOptions } from './reverse.ts';
import { simplify } from './simplify.ts';

export interface GraphGradientOptions extends Pick<GradientOptions, 'segments'> {
  /** Names of values that count as constants. */
  readonly stop?: readonly string[];
}

/** Name of the output that holds the gradient by a value. */
export const gradientName = (name: string): string => `gradient of ${name}`;

/** Name of the input that holds the weight of an output in `vjp`. */
export const cotangentName = (name: string): string => `cotangent of ${name}`;

/**
 * The graph with further outputs: the gradient of its value `loss` by each of `wrt`, named by `gradientName`.
 * Dead branches are left out and equal computations are made once.
 * @param loss name of a value of one element.
 * @param wrt names of float values: inputs, weights or intermediate values.
 * @throws UserError when a value is missing, the loss has several elements, shapes are dynamic (bind them first with
 *   inferShapes), or an operator on the way has no gradient.
 */
export function gradient(
  graph: Graph,
  loss: string,
  wrt: readonly string[],
  options: GraphGradientOptions = {},
): Graph {
  return extend(graph, [loss], wrt, options, (b, [value], by, given) => gradients(b, value, by, given));
}

/**
 * The vector-Jacobian product: the gradient of the sum of <output, cotangent> over the named outputs, where each cotangent
 * is a further input, named by `cotangentName`, of the output's shape and type.
 * @param outputs names of float values.
 */
export function vjp(
  graph: Graph,
  outputs: readonly string[],
  wrt: readonly string[],
  options: GraphGradientOptions = {},
): Graph {
  return extend(graph, outputs, wrt, options, (b, values, by, given) => {
    const seeds = values.map((value) => [value, b.input(cotangentName(value.name), value.shape, value.dtype)] as const);
    return vectorJacobian(b, seeds, by, given);
  });
}

function extend(
  graph: Graph,
  of: readonly string[],
  wrt: readonly string[],
  { stop = [], segments }: GraphGradientOptions,
  differentiate: (b: GraphBuilder, of: Value[], wrt: Value[], options: GradientOptions) => Value[],
): Graph {
  const { upgraded, b } = onBuilder(graph, [...of, ...wrt, ...stop]);
  const values = (names: readonly string[]) => names.map((name) => valueOf(b, graph, name));
  const found = differentiate(b, values(of), values(wrt), { stop: values(stop), segments });
  for (const { name } of upgraded.outputs) b.output(b.value(name));
  for (const name of of) b.output(b.value(name));
  wrt.forEach((name, i) => b.output(found[i], gradientName(name)));
  return simplify(b.build());
}

/** The graph on a builder, under its own names. */
function onBuilder(graph: Graph, named: readonly string[]): { upgraded: Graph; b: GraphBuilder } {
  const opset = Math.max(20, graph.opset);
  const upgraded = inferShapes(upgradeGraph(graph, opset));
  const b = new GraphBuilder({ name: graph.name, opset });
  const inputs = upgraded.inputs.map(({ name, dtype, shape }) => {
    if (isStatic(shape)) return [name, b.input(name, shape, dtype)] as const;
    throw new UserError(
      `The input "${name}" of the graph "${graph.name}" has dynamic dimensions; bind them with inferShapes before asking ` +
        'for gradients.',
    );
  });
  // A builder keeps one of equal tensors; weights that are asked for by name are kept apart.
  const apart = new Map(upgraded.initializers);
  for (const name of named) {
    const tensor = apart.get(name);
    if (tensor) apart.set(name, { ...tensor });
  }
  b.inline({ ...upgraded, initializers: apart }, Object.fromEntries(inputs));
  return { upgraded, b };
}

function valueOf(b: GraphBuilder, graph: Graph, name: string): Value {
  if (b.knownOf(name).dtype === undefined) {
    throw new UserError(`The graph "${graph.name}" has no value "${name}" to differentiate by or from.`);
  }
  return b.value(name);
}
