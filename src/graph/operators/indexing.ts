// Shapes of operators that select or place elements by position: slice, gather, scatter, top-k and kin.
// Which elements those are is not computed here.

import { compute, formatShape, isNumber, unknown } from '../dims.ts';
import type { Dim } from '../graph.ts';
import { expectEqual, expectLength, resolveAxis, sameAsInput, ShapeError } from './call.ts';
import type { Call, Known, OperatorRule } from './call.ts';

/** First index and number of elements of `[start:end:step]` on an axis of size n, clamped as ONNX and NumPy do. */
export function sliceRange(n: number, start: number, end: number, step: number): { start: number; length: number } {
  const low = step > 0 ? 0 : -1;
  const high = step > 0 ? n : n - 1;
  const clamp = (value: number, least: number) => Math.min(Math.max(value < 0 ? value + n : value, least), high);
  const first = clamp(start, 0);
  return { start: first, length: Math.max(0, Math.ceil((clamp(end, low) - first) / step)) };
}

/** The slices of a Slice node, one per axis that it names; undefined where running must tell which axes. */
export function slicesOf(call: Call, rank: number): { axis: number; start: Dim; end: Dim; step: Dim }[] | undefined {
  const input = call.opset >= 10;
  const starts = input ? call.inputs[1]?.elements : call.ints('starts');
  const ends = input ? call.inputs[2]?.elements : call.ints('ends');
  const count = starts?.length ?? ends?.length ?? (input ? call.shape(1, 1)?.[0] : undefined);
  const hasAxes = input ? call.has(3) : call.ints('axes') !== undefined;
  const given = input ? call.numbers(3) : call.ints('axes');
  if (!isNumber(count) || count > rank || (hasAxes && !given)) return undefined;
  const axes = given ?? Array.from({ length: count }, (_, i) => i);
  if (starts) expectLength(starts, axes.length, 'starts');
  if (ends) expectLength(ends, axes.length, 'ends');
  const steps = call.has(4) ? call.inputs[4]?.elements : axes.map(() => 1);
  if (steps?.includes(0)) throw new ShapeError('a step of a slice is 0');
  return axes.map((axis, i) => ({
    axis: resolveAxis(axis, rank),
    start: starts?.[i] ?? unknown,
    end: ends?.[i] ?? unknown,
    step: steps?.[i] ?? unknown,
  }));
}

function slice(call: Call): Known[] {
  const dtype = call.dtype(0);
  const shape = call.shape(0);
  if (!shape) return [{ dtype }];
  const slices = slicesOf(call, shape.length);
  if (!slices) return [{ dtype, shape: shape.map(() => unknown) }];
  const out = [...shape];
  for (const { axis, start, end, step } of slices) {
    const whole = start === 0 && step === 1 && isNumber(end) && end >= 2 ** 31 - 1;
    if (!whole) out[axis] = compute((n, a, b, s) => sliceRange(n, a, b, s).length, shape[axis], start, end, step);
  }
  return [{ dtype, shape: out }];
}

function gather(call: Call): Known[] {
  const data = call.shape(0);
  const indices = call.shape(1);
  if (!data || !indices) return [{ dtype: call.dtype(0) }];
  const axis = resolveAxis(call.int('axis', 0), data.length);
  const size = data[axis];
  const outside = call.numbers(1)?.find((index) => isNumber(size) && (index < -size || index >= size));
  if (outside !== undefined) throw new ShapeError(`index ${outside} is outside axis ${axis} of ${formatShape(data)}`);
  return [{ dtype: call.dtype(0), shape: [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)] }];
}

function gatherND(call: Call): Known[] {
  const dtype = call.dtype(0);
  const data = call.shape(0);
  const indices = call.shape(1);
  const depth = indices?.at(-1);
  if (!data || !indices || !isNumber(depth)) return [{ dtype }];
  const batch = call.int('batch_dims', 0);
  if (depth + batch > data.length)
    throw new ShapeError(`indices of ${depth} numbers are too long for ${formatShape(data)}`);
  return [{ dtype, shape: [...indices.slice(0, -1), ...data.slice(batch + depth)] }];
}

function scatterND(call: Call): readonly Known[] {
  const data = call.shape(0);
  const indices = call.shape(1);
  const updates = call.shape(2);
  const depth = indices?.at(-1);
  if (data && indices && updates && isNumber(depth)) {
    const expected = [...indices.slice(0, -1), ...data.slice(depth)];
    const message = `updates ${formatShape(updates)}, where ${formatShape(expected)} is needed`;
    if (expected.length !== updates.length) throw new ShapeError(message);
    expected.forEach((dim, i) => expectEqual(dim, updates[i], message));
  }
  return sameAsInput(call);
}

function topK(call: Call): Known[] {
  const shape = call.shape(0);
  const k = call.opset >= 10 ? call.inputs[1]?.elements?.[0] : call.int('k');
  const out = shape?.with(resolveAxis(call.int('axis', -1), shape.length), k ?? unknown);
  return [
    { dtype: call.dtype(0), shape: out },
    { dtype: 'int64', shape: out },
  ];
}

function oneHot(call: Call): Known[] {
  const shape = call.shape(0);
  const dtype = call.dtype(2);
  if (!shape) return [{ dtype }];
  const axis = resolveAxis(call.int('axis', -1), shape.length + 1);
  return [{ dtype, shape: shape.toSpliced(axis, 0, call.inputs[1]?.elements?.[0] ?? unknown) }];
}

/** Data decide how many elements come out; that there is one axis of them is all that is known. */
const selected: OperatorRule = (call) => {
  const shape = call.shape(0);
  const axis = 'axis' in call.node.attributes ? call.int('axis') : undefined;
  if (axis === undefined || !shape)
    return [{ dtype: call.dtype(0), shape: axis === undefined ? [unknown] : undefined }];
  return [{ dtype: call.dtype(0), shape: shape.with(resolveAxis(axis, shape.length), unknown) }];
};

const unique: OperatorRule = (call) => {
  const indices = { dtype: 'int64', shape: [unknown] } as const;
  return [...selected(call), indices, indices, indices];
};

export const indexing: Record<string, OperatorRule> = {
  Slice: slice,
  Gather: gather,
  GatherElements: (call) => [{ dtype: call.dtype(0), shape: call.shape(1) }],
  GatherND: gatherND,
  Scatter: sameAsInput,
  ScatterElements: sameAsInput,
  ScatterND: scatterND,
  TopK: topK,
  OneHot: oneHot,
  Compress: selected,
  Unique: unique,
  NonZero: (call) => [{ dtype: 'int64', shape: [call.shape(0)?.length ?? unknown, unknown] }],
  NonMaxSuppression: () => [{ dtype: 'int64', shape: [unknown, 3] }],
  ReverseSequence: sameAsInput,
  Trilu: sameAsInput,
};
