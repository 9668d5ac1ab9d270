// Reverse mode on a graph in the making: adds the nodes that compute the gradient of a value by other values.
// Graph in, graph out is gradient.ts; the formulas are in rules/.

import { UserError } from '../errors.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import type { Node } from '../graph/graph.ts';
import { Call, ShapeError } from '../graph/operators/call.ts';
import { readNames } from '../graph/rename.ts';
import { sizeOf } from '../graph/tensor.ts';
import { recomputed, segmentsOf, type Arrived } from './recompute.ts';
import { GradientError } from './rule.ts';
import { gradientRules } from './rules/index.ts';
import { zerosLike } from './values.ts';

export interface GradientOptions {
  /** Values that count as constants: no gradient passes through them. */
  readonly stop?: readonly Value[];
  /**
   * Segments of the forward pass of which only the values at their borders are kept; the rest is computed a second time
   * where the backward pass needs it. 1 (default) keeps everything; about the square root of the number of layers needs
   * the least memory, at the price of one more forward pass.
   */
  readonly segments?: number;
}

const isFloat = ({ dtype }: Value) => dtype.startsWith('float') || dtype === 'bfloat16';

/**
 * The gradient of one number by values that it was computed from.
 * @param loss of one element.
 * @param wrt float values of the same builder: inputs, constants or intermediate values. Those between the loss and
 *   another of them take part in that one's gradient as usual.
 * @returns for each of `wrt` a value of its shape and type; zeros where the loss does not depend on it.
 * @throws UserError when the loss has several elements, or an operator on the way has no gradient (naming it and its node).
 */
export function gradients(b: GraphBuilder, loss: Value, wrt: readonly Value[], options: GradientOptions = {}): Value[] {
  if (sizeOf(loss.shape) !== 1) {
    throw new UserError(
      `The loss "${loss.name}" has the shape [${loss.shape.join(', ')}], but a gradient is that of one number; reduce it ` +
        'first, or give a gradient of its own to each element (vectorJacobian).',
    );
  }
  const one = b.expand(b.scalar(1, loss.dtype), loss.shape);
  return vectorJacobian(b, [[loss, one]], wrt, options);
}

/**
 * The gradient of a weighted sum of values: sum over pairs of <value, weight>.
 * @param seeds values, each with a weight (cotangent) of its shape and type.
 */
export function vectorJacobian(
  b: GraphBuilder,
  seeds: readonly (readonly [value: Value, weight: Value])[],
  wrt: readonly Value[],
  { stop = [], segments = 1 }: GradientOptions = {},
): Value[] {
  const path = pathBetween(b, wrt, seeds, new Set(stop.map((value) => value.name)));
  const arrived: Arrived = new Map();
  const add = (name: string, value: Value) => arrived.set(name, [...(arrived.get(name) ?? []), value]);
  // Sums are made when all parts are there. ONNX Runtime looks for what to compute next among the inputs that were made last;
  // sums made on the way would let it put off their other parts to the end, with all that those need kept until then.
  const sumOf = (name: string): Value | undefined => arrived.get(name)?.reduce((sum, part) => b.add(sum, part));
  for (const [value, weight] of seeds) add(value.name, weight);
  const kept = new Set(wrt.map((value) => value.name));
  for (const segment of segmentsOf(b, path.nodes, segments).reverse()) {
    const standIn = segment.last ? new Map<string, Value>() : recomputed(b, segment, path.active, arrived);
    for (const node of segment.nodes.toReversed()) {
      const dy = node.outputs.map(sumOf);
      if (dy.every((value) => value === undefined)) continue;
      const dx = apply(b, node, dy, path.active, standIn);
      node.outputs.forEach((name, i) => {
        if (!kept.has(name)) arrived.delete(name);
        else if (dy[i]) arrived.set(name, [dy[i]]);
      });
      node.inputs.forEach((name, i) => {
        const value = dx[i];
        if (value && path.active.has(name)) add(name, value);
      });
    }
  }
  return wrt.map((value) => sumOf(value.name) ?? zerosLike(b, value));
}

/** Nodes that lead from `wrt` to the seeds, in order, and the values through which gradients flow. */
function pathBetween(
  b: GraphBuilder,
  wrt: readonly Value[],
  seeds: readonly (readonly [Value, Value])[],
  stop: ReadonlySet<string>,
): { nodes: Node[]; active: Set<string> } {
  const reached = new Set(wrt.map((value) => value.name));
  const carries = (name: string) => name !== '' && !stop.has(name) && isFloat(b.value(name));
  const forward = b.made.filter((node) => {
    if (!readNames(node).some((name) => reached.has(name))) return false;
    const outputs = node.outputs.filter((name) => reached.has(name) || carries(name));
    for (const name of outputs) reached.add(name);
    return outputs.length > 0;
  });
  const needed = new Set(seeds.map(([value]) => value.name));
  const nodes = forward.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name) && reached.has(name))) return false;
    for (const name of readNames(node)) if (reached.has(name)) needed.add(name);
    return true;
  });
  return { nodes: nodes.reverse(), active: new Set([...needed].filter((name) => reached.has(name))) };
}

function apply(
  b: GraphBuilder,
  node: Node,
  dy: readonly (Value | undefined)[],
  active: ReadonlySet<string>,
  standIn: ReadonlyMap<string, Value>,
): readonly (Value | undefined)[] {
  const own = !node.domain || node.domain === 'ai.onnx';
  const rule = own && Object.hasOwn(gradientRules, node.op) ? gradientRules[node.op] : undefined;
  const where = `Node "${node.name || node.outputs[0]}" (${node.domain ? `${node.domain}.` : ''}${node.op})`;
  if (!rule) {
    throw new UserError(
      `${where} has no gradient rule, but lies between the loss and what it is to be differentiated by; ` +
        'docs/autodiff.md lists the operators that have one. Stop the gradient at its output, or choose another loss.',
    );
  }
  const value = (name: string) => (name === '' ? undefined : (standIn.get(name) ?? b.value(name)));
  const known = node.inputs.map((name) => (name === '' ? undefined : b.knownOf(name)));
  try {
    const dx = rule(
      b,
      {
        call: new Call(node, known, b.opset),
        x: node.inputs.map(value),
        y: node.outputs.map(value),
        wants: (i) => active.has(node.inputs[i] ?? ''),
      },
      dy,
    );
    dx.forEach((gradient, i) => gradient && expectSame(gradient, b.value(node.inputs[i])));
    return dx;
  } catch (error) {
    if (!(error instanceof GradientError || error instanceof ShapeError)) throw error;
    throw new UserError(`${where} cannot be differentiated: ${error.message}.`, { cause: error });
  }
}

function expectSame(gradient: Value, input: Value): void {
  if (gradient.dtype === input.dtype && gradient.shape.join() === input.shape.join()) return;
  throw new GradientError(
    `its rule gives ${gradient.dtype} [${gradient.shape.join(', ')}] for ${input.dtype} [${input.shape.join(', ')}]`,
  );
}
