// Evaluates an ONNX graph in float64, as a measure for engines and gradients: slow loops written from the specification.
// It is not for use outside tests. The operators are in the other files of this folder.

import { formatShape, isStatic } from '../../../src/graph/dims.ts';
import type { Dim, Graph } from '../../../src/graph/graph.ts';
import type { Tensor } from '../../../src/graph/tensor.ts';
import { toArray64 } from './array.ts';
import type { Array64 } from './array.ts';
import { Call } from './call.ts';
import type { Rule } from './call.ts';
import { constants } from './constant.ts';
import { convolution } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import { indexing } from './indexing.ts';
import { linear } from './linear.ts';
import { normalization } from './normalization.ts';
import { pooling } from './pooling.ts';
import { reduction } from './reduction.ts';
import { resizing } from './resize.ts';
import { shape } from './shape.ts';

export type { Array64 } from './array.ts';

/** The operators that can be evaluated, by name. */
export const operators: Readonly<Record<string, Rule>> = {
  ...elementwise,
  ...convolution,
  ...pooling,
  ...linear,
  ...normalization,
  ...reduction,
  ...resizing,
  ...shape,
  ...indexing,
  ...constants,
};

/**
 * Runs the graph in float64. Initializers of any type are converted; casts between float types change nothing. Operators
 * have the meaning of operator set 20, but GroupNormalization from 21 on has that of 21.
 * @param feeds one array per graph input, with the input's shape.
 * @returns the graph's outputs by name.
 * @throws Error naming the node and the operator when one is unknown, its inputs do not fit, or the graph records another
 * shape of its output.
 */
export function evaluate(graph: Graph, feeds: Readonly<Record<string, Tensor | Array64>>): Record<string, Array64> {
  const known = new Map<string, Array64>();
  for (const [name, tensor] of graph.initializers) known.set(name, toArray64(tensor));
  for (const { name, shape } of graph.inputs) {
    const feed = feeds[name];
    if (!feed) throw new Error(`the input "${name}" is not fed`);
    checkShape(name, feed.shape, shape);
    known.set(name, 'dtype' in feed ? toArray64(feed) : feed);
  }
  for (const node of graph.nodes) {
    const label = `node "${node.name || node.outputs[0]}" (${node.op})`;
    if (node.domain || !Object.hasOwn(operators, node.op)) throw new Error(`${label}: the operator is not known here`);
    const inputs = node.inputs.map((name) => {
      if (name !== '' && !known.has(name)) throw new Error(`${label}: there is no value "${name}"`);
      return known.get(name);
    });
    const dtype = graph.values.get(node.outputs[0])?.dtype;
    try {
      const result = operators[node.op](new Call(node, inputs, graph.opset, dtype));
      const outputs = 'data' in result ? [result] : result;
      node.outputs.forEach((name, i) => {
        if (name === '') return;
        if (!outputs[i]) throw new Error(`there is no output ${i}`);
        checkShape(name, outputs[i].shape, graph.values.get(name)?.shape);
        known.set(name, outputs[i]);
      });
    } catch (error) {
      throw new Error(`${label}: ${(error as Error).message}`, { cause: error });
    }
  }
  return Object.fromEntries(
    graph.outputs.map(({ name }) => {
      const value = known.get(name);
      if (!value) throw new Error(`the output "${name}" is made by no node`);
      return [name, value];
    }),
  );
}

function checkShape(name: string, shape: readonly number[], recorded: readonly Dim[] | undefined): void {
  if (!isStatic(recorded) || recorded.join() === shape.join()) return;
  throw new Error(`"${name}" is ${formatShape(shape)}, but ${formatShape(recorded)} by the graph`);
}
