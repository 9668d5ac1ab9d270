// The table of operators: what each makes of the types and shapes of its inputs.
// A new operator is one line in the file of its group; one that is in no group has outputs that nothing is known of.

import { UserError } from '../../errors.ts';
import { formatShape, isNumber } from '../dims.ts';
import type { Node } from '../graph.ts';
import { Call, ShapeError } from './call.ts';
import type { Known, OperatorRule } from './call.ts';
import { constants } from './constant.ts';
import { convolution } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import { evaluate } from './elements.ts';
import { indexing } from './indexing.ts';
import { linear } from './linear.ts';
import { normalization } from './normalization.ts';
import { pooling } from './pooling.ts';
import { quantization } from './quantization.ts';
import { reduction } from './reduction.ts';
import { resizing } from './resize.ts';
import { shape } from './shape.ts';

export type { Known, OperatorRule } from './call.ts';
export { Call, ShapeError } from './call.ts';
export { knownOf } from './elements.ts';

/** Shape and type rule of every operator of ONNX's own set that is known here. */
export const operators: Readonly<Record<string, OperatorRule>> = {
  ...convolution,
  ...pooling,
  ...elementwise,
  ...reduction,
  ...shape,
  ...indexing,
  ...linear,
  ...normalization,
  ...resizing,
  ...constants,
  ...quantization,
};

/** The rule of a node's operator, undefined for one that is not known here. */
export function ruleOf(node: Node): OperatorRule | undefined {
  const own = node.domain === undefined || node.domain === '' || node.domain === 'ai.onnx';
  return own && Object.hasOwn(operators, node.op) ? operators[node.op] : undefined;
}

/**
 * What is known of each output of a node.
 * @param inputs one entry per input of the node, undefined for one that is left out.
 * @throws UserError naming the node and its operator when the inputs do not fit.
 */
export function inferNode(node: Node, inputs: readonly (Known | undefined)[], opset: number): readonly Known[] {
  const rule = ruleOf(node);
  if (!rule) return node.outputs.map(() => ({}));
  const call = new Call(node, inputs, opset);
  try {
    const outputs = evaluate(call, rule(call));
    const impossible = outputs.find((output) =>
      output.shape?.some((d) => isNumber(d) && !(Number.isInteger(d) && d >= 0)),
    );
    if (impossible) throw new ShapeError(`the output would have the impossible shape ${formatShape(impossible.shape)}`);
    return node.outputs.map((_, i) => outputs[i] ?? {});
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new UserError(`Node "${node.name || node.outputs[0]}" (${node.op}): ${error.message}.`, { cause: error });
  }
}
