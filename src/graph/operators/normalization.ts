// Shapes of normalisations, which keep the shape of their input.
// Statistics that some return besides are covered for inference, not for training.

import { expectEqual, resolveAxis, sameAsInput } from './call.ts';
import type { OperatorRule } from './call.ts';

const batchNormalization: OperatorRule = (call) => {
  const x = call.shape(0);
  for (let i = 1; i < 5; i++) expectEqual(call.shape(i, 1)?.[0], x?.[1], `input ${i} and the channels of input 0`);
  // The outputs beyond the first exist in training only; those of old operator sets are per channel as well.
  const statistics = { dtype: call.dtype(3), shape: call.shape(3) };
  return [{ dtype: call.dtype(0), shape: x }, ...call.node.outputs.slice(1).map(() => statistics)];
};

const layerNormalization: OperatorRule = (call) => {
  const x = call.shape(0);
  const axis = x ? resolveAxis(call.int('axis', -1), x.length) : 0;
  const statistics = { dtype: 'float32', shape: x?.map((dim, i) => (i < axis ? dim : 1)) } as const;
  return [{ dtype: call.dtype(0), shape: x }, statistics, statistics];
};

const instanceNormalization: OperatorRule = (call) => {
  const x = call.shape(0);
  for (let i = 1; i < 3; i++) expectEqual(call.shape(i, 1)?.[0], x?.[1], `input ${i} and the channels of input 0`);
  return sameAsInput(call);
};

const overAxis: OperatorRule = (call) => {
  const x = call.shape(0);
  if (x?.length) resolveAxis(call.int('axis', call.opset >= 13 ? -1 : 1), x.length);
  return sameAsInput(call);
};

export const normalization: Record<string, OperatorRule> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: sameAsInput,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: sameAsInput,
  LpNormalization: sameAsInput,
  MeanVarianceNormalization: sameAsInput,
  LRN: sameAsInput,
  Softmax: overAxis,
  LogSoftmax: overAxis,
  Hardmax: overAxis,
};
