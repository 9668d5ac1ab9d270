// Types and shapes of operators that work element by element, with broadcasting.
// What they compute of small integer tensors is in elements.ts.

import { broadcast, formatShape } from '../dims.ts';
import type { Dim } from '../graph.ts';
import { sameAsInput, ShapeError } from './call.ts';
import type { Call, OperatorRule } from './call.ts';
import { dtypeOf } from '../onnx-types.ts';

/** The common shape of all inputs. */
export function broadcastInputs(call: Call): readonly Dim[] | undefined {
  let out: readonly Dim[] | undefined = [];
  for (let i = 0; i < call.inputs.length; i++) {
    const shape = call.shape(i);
    if (!shape) return undefined;
    const next: readonly Dim[] | undefined = broadcast(out, shape);
    if (!next) {
      const shapes = call.inputs.map((input) => formatShape(input?.shape)).join(' and ');
      throw new ShapeError(`the shapes ${shapes} do not broadcast`);
    }
    out = next;
  }
  return out;
}

/** Operands of one type must agree where both are known: ONNX converts none by itself. */
function commonType(call: Call, first = 0) {
  const types = call.inputs.slice(first).flatMap((input) => (input?.dtype ? [input.dtype] : []));
  const other = types.find((type) => type !== types[0]);
  if (other) throw new ShapeError(`operands are of different types, ${types[0]} and ${other}; cast one of them`);
  return types[0];
}

const arithmetic: OperatorRule = (call) => [{ dtype: commonType(call), shape: broadcastInputs(call) }];

const comparison: OperatorRule = (call) => {
  commonType(call);
  return [{ dtype: 'bool', shape: broadcastInputs(call) }];
};

const test: OperatorRule = (call) => [{ dtype: 'bool', shape: call.shape(0) }];

const firstType: OperatorRule = (call) => [{ dtype: call.dtype(0), shape: broadcastInputs(call) }];

const where: OperatorRule = (call) => [{ dtype: commonType(call, 1), shape: broadcastInputs(call) }];

const dropout: OperatorRule = (call) => [
  { dtype: call.dtype(0), shape: call.shape(0) },
  { dtype: 'bool', shape: call.shape(0) },
];

const prelu: OperatorRule = (call) => {
  const x = call.shape(0);
  const slope = call.shape(1);
  if (x && slope && broadcast(x, slope)?.length !== x.length) {
    throw new ShapeError(`slopes ${formatShape(slope)} do not broadcast to ${formatShape(x)}`);
  }
  return [{ dtype: call.dtype(0), shape: x }];
};

const all = (names: string, rule: OperatorRule): Record<string, OperatorRule> =>
  Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, rule]),
  );

export const elementwise: Record<string, OperatorRule> = {
  ...all(
    `Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Clip Cos Cosh CumSum Elu Erf Exp Floor Gelu HardSigmoid
     HardSwish Identity LeakyRelu Log Mish Neg Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign
     Sqrt Swish Tan Tanh ThresholdedRelu`,
    sameAsInput,
  ),
  ...all('Add Sub Mul Div Mod Sum Max Min Mean And Or Xor BitwiseAnd BitwiseOr BitwiseXor BitShift', arithmetic),
  ...all('Equal Less Greater LessOrEqual GreaterOrEqual', comparison),
  ...all('IsNaN IsInf Not', test),
  Pow: firstType,
  PRelu: prelu,
  Where: where,
  Dropout: dropout,
  Cast: (call) => [{ dtype: dtypeOf(call.int('to')), shape: call.shape(0) }],
  CastLike: (call) => [{ dtype: call.dtype(1), shape: call.shape(0) }],
};
