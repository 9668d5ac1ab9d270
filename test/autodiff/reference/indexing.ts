// Operators that read or write at positions that another input holds, in float64.
// Negative indices count from the end.

import { sizeOf } from '../../../src/graph/tensor.ts';
import { array64, indexOf, offsetsOf, pick, reshape, sequence, stridesOf } from './array.ts';
import type { Array64 } from './array.ts';
import type { Call, Rule } from './call.ts';

const reductions: Record<string, (old: number, update: number) => number> = {
  none: (_, update) => update,
  add: (old, update) => old + update,
  mul: (old, update) => old * update,
  max: Math.max,
  min: Math.min,
};

/** out[..., i, j, ...] = x[..., indices[i, j], ...]. */
function gather(call: Call): Array64 {
  const x = call.input(0);
  const indices = call.input(1);
  const axis = call.axis('axis', 0, x.shape.length);
  const positions = x.shape.map((size) => sequence(size));
  positions[axis] = Array.from(indices.data, (index) => indexOf(index, x.shape[axis]));
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return reshape(pick(x, positions), shape);
}

/** For every element of `indices` the offset in x: its own position, but along `axis` the index it holds. */
function elementOffsets(x: Array64, indices: Array64, axis: number): Int32Array {
  const strides = stridesOf(x.shape);
  const others = offsetsOf(
    indices.shape,
    strides.map((stride, i) => (i === axis ? 0 : stride)),
  );
  return others.map((at, i) => at + indexOf(indices.data[i], x.shape[axis]) * strides[axis]);
}

function gatherElements(call: Call): Array64 {
  const x = call.input(0);
  const indices = call.input(1);
  const at = elementOffsets(x, indices, call.axis('axis', 0, x.shape.length));
  return array64(
    indices.shape,
    Float64Array.from(at, (offset) => x.data[offset]),
  );
}

function scatterElements(call: Call): Array64 {
  const x = call.input(0);
  const updates = call.input(2);
  const combine = reductions[call.string('reduction', 'none')];
  const out = array64(x.shape, x.data.slice());
  elementOffsets(x, call.input(1), call.axis('axis', 0, x.shape.length)).forEach((at, i) => {
    out.data[at] = combine(out.data[at], updates.data[i]);
  });
  return out;
}

/** Where the slices of x begin that the tuples of the last axis of `indices` name, after `batch` axes in common. */
function sliceStarts(x: Array64, indices: Array64, batch: number): { starts: number[]; length: number } {
  const depth = indices.shape[indices.shape.length - 1];
  const tuples = sizeOf(indices.shape.slice(0, -1));
  const strides = stridesOf(x.shape);
  const batchSize = sizeOf(x.shape.slice(batch));
  const perBatch = tuples / sizeOf(x.shape.slice(0, batch));
  const starts = sequence(tuples).map((t) => {
    let start = Math.floor(t / perBatch) * batchSize;
    for (let d = 0; d < depth; d++) {
      start += indexOf(indices.data[t * depth + d], x.shape[batch + d]) * strides[batch + d];
    }
    return start;
  });
  return { starts, length: sizeOf(x.shape.slice(batch + depth)) };
}

function gatherND(call: Call): Array64 {
  const x = call.input(0);
  const indices = call.input(1);
  const batch = call.int('batch_dims', 0);
  const { starts, length } = sliceStarts(x, indices, batch);
  const depth = indices.shape[indices.shape.length - 1];
  const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(batch + depth)];
  return array64(
    shape,
    starts.flatMap((start) => [...x.data.subarray(start, start + length)]),
  );
}

function scatterND(call: Call): Array64 {
  const x = call.input(0);
  const updates = call.input(2);
  const combine = reductions[call.string('reduction', 'none')];
  const { starts, length } = sliceStarts(x, call.input(1), 0);
  const out = array64(x.shape, x.data.slice());
  starts.forEach((start, t) => {
    for (let i = 0; i < length; i++) {
      out.data[start + i] = combine(out.data[start + i], updates.data[t * length + i]);
    }
  });
  return out;
}

/** `values` holds the numbers for elsewhere and for the place of the index, which may be out of range: then all are the first. */
function oneHot(call: Call): Array64 {
  const indices = call.input(0);
  const depth = call.input(1).data[0];
  const [off, on] = call.input(2).data;
  const axis = call.axis('axis', -1, indices.shape.length + 1);
  const shape = [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)];
  const stride = sizeOf(indices.shape.slice(axis));
  const out = array64(shape);
  for (let i = 0; i < out.data.length; i++) {
    const place = Math.floor(i / stride) % depth;
    const index = indices.data[Math.floor(i / (stride * depth)) * stride + (i % stride)];
    out.data[i] = place === (index < 0 ? index + depth : index) ? on : off;
  }
  return out;
}

export const indexing: Readonly<Record<string, Rule>> = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  OneHot: oneHot,
};
