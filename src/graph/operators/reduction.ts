// Shapes of reductions over axes: sums, means, extrema, positions of extrema.
// Axes are an input in newer operator sets and an attribute in older ones; both are read.

import type { Dim } from '../graph.ts';
import { resolveAxis } from './call.ts';
import type { Call, OperatorRule } from './call.ts';

function reducedShape(call: Call): Dim[] | undefined {
  const shape = call.shape(0);
  if (!shape) return undefined;
  const keep = call.int('keepdims', 1) === 1;
  const given = call.integers(1, 'axes');
  // Axes that only running tells: all that is left to say is the rank.
  if (!given && call.has(1)) return keep ? shape.map(() => '?') : undefined;
  if (!given?.length && call.int('noop_with_empty_axes', 0) === 1) return [...shape];
  const all = !given?.length;
  const axes = new Set(given?.map((axis) => resolveAxis(axis, shape.length)));
  const out: Dim[] = [];
  shape.forEach((dim, i) => {
    if (!all && !axes.has(i)) out.push(dim);
    else if (keep) out.push(1);
  });
  return out;
}

const reduce: OperatorRule = (call) => [{ dtype: call.dtype(0), shape: reducedShape(call) }];

const position: OperatorRule = (call) => {
  const shape = call.shape(0);
  if (!shape) return [{ dtype: 'int64' }];
  const axis = resolveAxis(call.int('axis', 0), shape.length);
  const kept = call.int('keepdims', 1) === 1 ? [1] : [];
  return [{ dtype: 'int64', shape: [...shape.slice(0, axis), ...kept, ...shape.slice(axis + 1)] }];
};

const names = ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'Sum', 'SumSquare'];

export const reduction: Record<string, OperatorRule> = {
  ...Object.fromEntries(names.map((name) => [`Reduce${name}`, reduce])),
  ArgMax: position,
  ArgMin: position,
};
