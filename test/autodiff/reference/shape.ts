// Operators that only move, repeat or leave out elements by their position, in float64.
// Those that look positions up in another input are in indexing.ts.

import { sizeOf } from '../../../src/graph/tensor.ts';
import {
  array64,
  axisOf,
  broadcastOffsets,
  broadcastShapes,
  offsetsOf,
  pick,
  reshape,
  sequence,
  stridesOf,
  transpose,
} from './array.ts';
import type { Array64 } from './array.ts';
import type { Call, Rule } from './call.ts';

/** All positions along every axis, to be changed along some. */
const everything = (x: Array64): number[][] => x.shape.map((size) => sequence(size));

/** A 0 copies the size of the input unless `allowzero`; one -1 is what remains. */
function reshaped(call: Call): Array64 {
  const x = call.input(0);
  const keep = call.int('allowzero', 0) === 0;
  const shape = [...call.input(1).data].map((size, axis) => (size === 0 && keep ? x.shape[axis] : size));
  const rest = sizeOf(shape.filter((size) => size !== -1));
  return reshape(
    x,
    shape.map((size) => (size === -1 ? x.data.length / rest : size)),
  );
}

function flatten(call: Call): Array64 {
  const x = call.input(0);
  const given = call.int('axis', 1);
  const axis = given < 0 ? given + x.shape.length : given;
  return reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
}

function squeeze(call: Call): Array64 {
  const x = call.input(0);
  const axes = call.axes(1, x.shape.length) ?? sequence(x.shape.length).filter((axis) => x.shape[axis] === 1);
  if (axes.some((axis) => x.shape[axis] !== 1)) throw new Error('only axes of size 1 can be taken out');
  return reshape(
    x,
    x.shape.filter((_, axis) => !axes.includes(axis)),
  );
}

/** Axes count those of the output. */
function unsqueeze(call: Call): Array64 {
  const x = call.input(0);
  const rank = x.shape.length + call.input(1).data.length;
  const axes = call.axes(1, rank)!;
  const sizes = [...x.shape];
  return reshape(
    x,
    sequence(rank).map((axis) => (axes.includes(axis) ? 1 : sizes.shift()!)),
  );
}

function transposed(call: Call): Array64 {
  const x = call.input(0);
  return transpose(x, call.ints('perm') ?? sequence(x.shape.length).reverse());
}

function concat(call: Call): Array64 {
  const parts = call.all();
  const axis = call.axis('axis', NaN, parts[0].shape.length);
  const total = parts.reduce((sum, part) => sum + part.shape[axis], 0);
  const out = array64(parts[0].shape.map((size, i) => (i === axis ? total : size)));
  const strides = stridesOf(out.shape);
  let start = 0;
  for (const part of parts) {
    offsetsOf(part.shape, strides).forEach((at, i) => (out.data[start * strides[axis] + at] = part.data[i]));
    start += part.shape[axis];
  }
  return out;
}

/** In the sizes given, or in equal ones of which the last may be smaller. */
function split(call: Call): Array64[] {
  const x = call.input(0);
  const axis = call.axis('axis', 0, x.shape.length);
  const count = call.int('num_outputs', call.node.outputs.length);
  const size = Math.ceil(x.shape[axis] / count);
  const equal = sequence(count).map((i) => Math.max(0, Math.min(size, x.shape[axis] - i * size)));
  let start = 0;
  return (call.list(1) ?? equal).map((length) => {
    const positions = everything(x);
    positions[axis] = sequence(length, start);
    start += length;
    return pick(x, positions);
  });
}

/** Starts and ends count from the end if negative, and are then clamped to what exists. */
function slice(call: Call): Array64 {
  const x = call.input(0);
  const starts = call.input(1).data;
  const ends = call.input(2).data;
  const axes = call.axes(3, x.shape.length) ?? sequence(starts.length);
  const steps = call.list(4) ?? axes.map(() => 1);
  const positions = everything(x);
  axes.forEach((axis, i) => {
    const size = x.shape[axis];
    const step = steps[i];
    // Backwards, the last start is the last element, and the end before the first one is -1.
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
    const clamp = (at: number, least: number) => Math.min(Math.max(at < 0 ? at + size : at, least), high);
    const start = clamp(starts[i], 0);
    const end = clamp(ends[i], low);
    positions[axis] = sequence(Math.max(0, Math.ceil((end - start) / step)), start, step);
  });
  return pick(x, positions);
}

/** Where each padded position is taken from among `size` elements; -1: the constant. */
function padPosition(mode: string, position: number, size: number): number {
  if (position >= 0 && position < size) return position;
  switch (mode) {
    case 'constant':
      return -1;
    case 'edge':
      return position < 0 ? 0 : size - 1;
    case 'wrap':
      return ((position % size) + size) % size;
    case 'reflect': {
      if (size === 1) return 0;
      const period = 2 * (size - 1);
      const folded = ((position % period) + period) % period;
      return folded < size ? folded : period - folded;
    }
    default:
      throw new Error(`the mode ${mode} is not known here`);
  }
}

/** Negative pads cut off, before the positive ones are filled from what remains. */
function pad(call: Call): Array64 {
  const x = call.input(0);
  const pads = call.input(1).data;
  const axes = call.axes(3, x.shape.length) ?? sequence(x.shape.length);
  const mode = call.string('mode', 'constant');
  const positions = everything(x);
  axes.forEach((axis, i) => {
    const [before, after] = [pads[i], pads[i + axes.length]];
    const first = Math.max(0, -before);
    const size = x.shape[axis] - first - Math.max(0, -after);
    positions[axis] = sequence(Math.max(0, before) + size + Math.max(0, after), -Math.max(0, before)).map(
      (position) => {
        const from = padPosition(mode, position, size);
        return from < 0 ? -1 : first + from;
      },
    );
  });
  return pick(x, positions, call.inputs[2]?.data[0] ?? 0);
}

function expand(call: Call): Array64 {
  const x = call.input(0);
  const shape = broadcastShapes([x.shape, [...call.input(1).data]]);
  return array64(
    shape,
    Float64Array.from(broadcastOffsets(x, shape), (at) => x.data[at]),
  );
}

function tile(call: Call): Array64 {
  const x = call.input(0);
  const repeats = call.input(1).data;
  return pick(
    x,
    x.shape.map((size, axis) => sequence(size * repeats[axis]).map((i) => i % size)),
  );
}

function depthToSpace(call: Call): Array64 {
  const x = call.input(0);
  const [n, c, h, w] = x.shape;
  const b = call.int('blocksize');
  const depth = c / (b * b);
  const blocks =
    call.string('mode', 'DCR') === 'DCR'
      ? transpose(reshape(x, [n, b, b, depth, h, w]), [0, 3, 4, 1, 5, 2])
      : transpose(reshape(x, [n, depth, b, b, h, w]), [0, 1, 4, 2, 5, 3]);
  return reshape(blocks, [n, depth, h * b, w * b]);
}

/** The inverse of the mode DCR. */
function spaceToDepth(call: Call): Array64 {
  const x = call.input(0);
  const [n, c, h, w] = x.shape;
  const b = call.int('blocksize');
  const blocks = transpose(reshape(x, [n, c, h / b, b, w / b, b]), [0, 3, 5, 1, 2, 4]);
  return reshape(blocks, [n, c * b * b, h / b, w / b]);
}

/** Keeps what is on and above (`upper`) or on and below the diagonal k, which is to the right of the main one if positive. */
function trilu(call: Call): Array64 {
  const x = call.input(0);
  const [rows, columns] = x.shape.slice(-2);
  const k = call.inputs[1]?.data[0] ?? 0;
  const upper = call.int('upper', 1) === 1;
  const kept = (i: number) => {
    const diagonal = (i % columns) - (Math.floor(i / columns) % rows);
    return upper ? diagonal >= k : diagonal <= k;
  };
  return array64(
    x.shape,
    x.data.map((value, i) => (kept(i) ? value : 0)),
  );
}

/** Sums along an axis, of all elements up to each one, which itself is left out if `exclusive`. */
function cumSum(call: Call): Array64 {
  const x = call.input(0);
  const axis = axisOf(call.input(1).data[0], x.shape.length);
  const exclusive = call.int('exclusive', 0) === 1;
  const reverse = call.int('reverse', 0) === 1;
  const stride = stridesOf(x.shape)[axis];
  const size = x.shape[axis];
  return array64(
    x.shape,
    x.data.map((_, i) => {
      const own = Math.floor(i / stride) % size;
      let sum = 0;
      for (let j = 0; j < size; j++) {
        const counts = j === own ? !exclusive : j < own !== reverse;
        if (counts) sum += x.data[i + (j - own) * stride];
      }
      return sum;
    }),
  );
}

export const shape: Readonly<Record<string, Rule>> = {
  Reshape: reshaped,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transposed,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Expand: expand,
  Tile: tile,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Trilu: trilu,
  CumSum: cumSum,
};
