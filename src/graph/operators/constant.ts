// Types and shapes of operators that make tensors: constants, ranges, random numbers, and the shape of a value.
// Operators that change tensors are in the other files of this folder.

import { compute, unknownShape } from '../dims.ts';
import type { AttributeValues } from '../graph.ts';
import type { DType } from '../tensor.ts';
import { ShapeError } from './call.ts';
import type { Call, Known, OperatorRule } from './call.ts';
import { dtypeOf } from '../onnx-types.ts';

function constant(call: Call): Known[] {
  const tensor = call.tensor('value');
  if (tensor) return [{ dtype: tensor.dtype, shape: tensor.shape }];
  const attributes = call.node.attributes;
  const list = (name: string, kind: 'ints' | 'floats', dtype: DType): Known | undefined => {
    const attribute: Partial<AttributeValues> | undefined = attributes[name];
    const values = attribute?.[kind];
    return values && { dtype, shape: [values.length] };
  };
  if ('value_int' in attributes) return [{ dtype: 'int64', shape: [] }];
  if ('value_float' in attributes) return [{ dtype: 'float32', shape: [] }];
  return [list('value_ints', 'ints', 'int64') ?? list('value_floats', 'floats', 'float32') ?? {}];
}

function constantOfShape(call: Call): Known[] {
  const shape = call.inputs[0]?.elements ?? unknownShape(call.shape(0, 1)?.[0]);
  return [{ dtype: call.tensor('value')?.dtype ?? 'float32', shape }];
}

function range(call: Call): Known[] {
  const [start, limit, delta] = [0, 1, 2].map((i) => call.inputs[i]?.elements?.[0] ?? '?');
  if (delta === 0) throw new ShapeError('the step of a range is 0');
  const length = compute((a, b, d) => Math.max(0, Math.ceil((b - a) / d)), start, limit, delta);
  return [{ dtype: call.dtype(0), shape: [length] }];
}

function shapeOf(call: Call): Known[] {
  const x = call.shape(0);
  return [{ dtype: 'int64', shape: [x ? x.slice(...shapeRange(call)).length : '?'] }];
}

/** First and last axis of a Shape node. */
export function shapeRange(call: Call): [number, number | undefined] {
  return [call.int('start', 0), 'end' in call.node.attributes ? call.int('end') : undefined];
}

/** Type by attribute, else the type of the input, else float32. */
const filled: OperatorRule = (call) => [
  {
    dtype: 'dtype' in call.node.attributes ? dtypeOf(call.int('dtype')) : (call.dtype(0) ?? 'float32'),
    shape: call.ints('shape') ?? call.shape(0),
  },
];

export const constants: Record<string, OperatorRule> = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  Shape: shapeOf,
  Size: () => [{ dtype: 'int64', shape: [] }],
  EyeLike: filled,
  Bernoulli: filled,
  RandomNormal: filled,
  RandomNormalLike: filled,
  RandomUniform: filled,
  RandomUniformLike: filled,
};
