// Shapes of pooling operators.
// Sliding windows are shared with convolutions, and live there.

import { compute, formatShape } from '../dims.ts';
import type { Dim } from '../graph.ts';
import { ShapeError } from './call.ts';
import type { Call, OperatorRule } from './call.ts';
import { slide } from './convolution.ts';

function pooled(call: Call): Dim[] | undefined {
  const x = call.shape(0);
  if (!x) return undefined;
  if (x.length < 3) throw new ShapeError(`pooling needs at least rank 3, not ${formatShape(x)}`);
  const kernel = call.ints('kernel_shape');
  if (!kernel) throw new ShapeError('the attribute kernel_shape is missing');
  return [x[0], x[1], ...slide(call, x.slice(2), kernel, call.int('ceil_mode', 0) === 1)];
}

const pool: OperatorRule = (call) => [{ dtype: call.dtype(0), shape: pooled(call) }];

const maxPool: OperatorRule = (call) => {
  const shape = pooled(call);
  return [
    { dtype: call.dtype(0), shape },
    { dtype: 'int64', shape },
  ];
};

const globalPool: OperatorRule = (call) => {
  const x = call.shape(0);
  return [{ dtype: call.dtype(0), shape: x && [...x.slice(0, 2), ...x.slice(2).map(() => 1)] }];
};

const maxUnpool: OperatorRule = (call) => {
  const dtype = call.dtype(0);
  const x = call.shape(0);
  if (!x) return [{ dtype }];
  if (call.has(2)) return [{ dtype, shape: call.numbers(2) ?? x.map(() => '?') }];
  const kernel = call.ints('kernel_shape') ?? [];
  const rank = x.length - 2;
  const strides = call.ints('strides') ?? kernel.map(() => 1);
  const pads = call.ints('pads') ?? new Array<number>(2 * rank).fill(0);
  const sizes = x
    .slice(2)
    .map((d, i) => compute((n) => (n - 1) * strides[i] + kernel[i] - pads[i] - pads[i + rank], d));
  return [{ dtype, shape: [x[0], x[1], ...sizes] }];
};

export const pooling: Record<string, OperatorRule> = {
  MaxPool: maxPool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
  MaxUnpool: maxUnpool,
};
