// Types and shapes of quantisation and its inverse.
// Quantised convolutions and products are with their float relatives.

import type { OperatorRule } from './call.ts';
import { dtypeOf } from '../onnx-types.ts';

const quantize: OperatorRule = (call) => {
  const given = call.int('output_dtype', 0);
  return [{ dtype: given ? dtypeOf(given) : call.has(2) ? call.dtype(2) : 'uint8', shape: call.shape(0) }];
};

const dynamic: OperatorRule = (call) => [
  { dtype: 'uint8', shape: call.shape(0) },
  { dtype: 'float32', shape: [] },
  { dtype: 'uint8', shape: [] },
];

export const quantization: Record<string, OperatorRule> = {
  QuantizeLinear: quantize,
  DequantizeLinear: (call) => [{ dtype: call.dtype(1), shape: call.shape(0) }],
  DynamicQuantizeLinear: dynamic,
};
