// Shapes of operators that move elements about and compute none: reshape, transpose, concat, split, pad, tile and kin.
// Those that select elements by index (slice, gather, scatter) are in indexing.ts.

import { broadcast, compute, formatShape, isStatic, quotient, unify, unknownShape } from '../dims.ts';
import type { Dim } from '../graph.ts';
import { sizeOf } from '../tensor.ts';
import { expectEqual, expectLength, resolveAxis, ShapeError } from './call.ts';
import type { Call, Known, OperatorRule } from './call.ts';

/** The shape that a reshape of `from` to `target` gives; 0 copies a dimension unless `zeroIsZero`, -1 is resolved. */
export function reshapeTo(from: readonly Dim[], target: readonly Dim[], zeroIsZero = false): Dim[] {
  const shape = target.map((dim, i) => {
    if (dim !== 0 || zeroIsZero) return dim;
    if (i >= from.length) throw new ShapeError(`0 at position ${i} copies nothing from ${formatShape(from)}`);
    return from[i];
  });
  const message = `${formatShape(from)} does not reshape to ${formatShape(target)}`;
  const free = shape.indexOf(-1);
  if (free >= 0) {
    const rest = quotient(from, shape.toSpliced(free, 1));
    if (rest === undefined || shape.lastIndexOf(-1) !== free) throw new ShapeError(message);
    shape[free] = rest;
  } else if (isStatic(from) && isStatic(shape) && sizeOf(from) !== sizeOf(shape)) {
    throw new ShapeError(message);
  }
  if (shape.some((dim) => typeof dim === 'number' && dim < 0)) throw new ShapeError(message);
  return shape;
}

function reshape(call: Call): Known[] {
  const dtype = call.dtype(0);
  const from = call.shape(0);
  const target = call.has(1) ? call.inputs[1]?.elements : call.ints('shape');
  if (!target) return [{ dtype, shape: unknownShape(call.shape(1, 1)?.[0]) }];
  if (from) return [{ dtype, shape: reshapeTo(from, target, call.int('allowzero', 0) === 1) }];
  return [{ dtype, shape: target.map((dim) => (dim === -1 || dim === 0 ? '?' : dim)) }];
}

function transpose(call: Call): Known[] {
  const shape = call.shape(0);
  const perm = call.ints('perm') ?? shape?.map((_, i) => shape.length - 1 - i);
  if (!shape || !perm) return [{ dtype: call.dtype(0) }];
  if (perm.toSorted((a, b) => a - b).some((axis, i) => axis !== i) || perm.length !== shape.length) {
    throw new ShapeError(`perm [${perm.join(', ')}] is not a permutation of the axes of ${formatShape(shape)}`);
  }
  return [{ dtype: call.dtype(0), shape: perm.map((axis) => shape[axis]) }];
}

function concat(call: Call): Known[] {
  const dtype = call.dtype(0);
  const shapes = call.inputs.map((_, i) => call.shape(i));
  const known = shapes.find((shape) => shape);
  if (!known) return [{ dtype }];
  const axis = resolveAxis(call.int('axis'), known.length);
  const out: Dim[] = [...known];
  for (const shape of shapes) {
    if (!shape) continue;
    const message = `${formatShape(shape)} does not concatenate with ${formatShape(known)} along axis ${axis}`;
    if (shape.length !== out.length) throw new ShapeError(message);
    shape.forEach((dim, i) => {
      if (i === axis) return;
      expectEqual(dim, out[i], message);
      out[i] = unify(out[i], dim);
    });
  }
  out[axis] = compute((...sizes) => sizes.reduce((a, b) => a + b), ...shapes.map((shape) => shape?.[axis] ?? '?'));
  return [{ dtype, shape: out }];
}

function split(call: Call): Known[] {
  const dtype = call.dtype(0);
  const shape = call.shape(0);
  const count = call.node.outputs.length;
  if (!shape) return call.node.outputs.map(() => ({ dtype }));
  const axis = resolveAxis(call.int('axis', 0), shape.length);
  const given = call.integers(1, 'split');
  const size = shape[axis];
  let sizes: readonly Dim[];
  if (given) {
    expectLength(given, count, 'split');
    expectEqual(
      given.reduce((a, b) => a + b, 0),
      size,
      `sizes [${given.join(', ')}] of the parts and size of axis ${axis}`,
    );
    sizes = given;
  } else if (call.has(1) || typeof size === 'string') {
    sizes = new Array<Dim>(count).fill('?');
  } else {
    const chunk = Math.ceil(size / count);
    sizes = Array.from({ length: count }, (_, i) => (i < count - 1 ? chunk : size - chunk * (count - 1)));
    if (size - chunk * (count - 1) < 0)
      throw new ShapeError(`axis ${axis} of size ${size} does not split into ${count} parts`);
  }
  return sizes.map((part) => ({ dtype, shape: shape.with(axis, part) }));
}

function pad(call: Call): Known[] {
  const dtype = call.dtype(0);
  const shape = call.shape(0);
  if (!shape) return [{ dtype }];
  const pads = call.has(1) ? call.numbers(1) : (call.ints('pads') ?? call.ints('paddings'));
  const axes = call.has(3) ? call.numbers(3) : shape.map((_, i) => i);
  if (!pads || !axes) return [{ dtype, shape: shape.map(() => '?') }];
  expectLength(pads, 2 * axes.length, 'pads');
  const out = [...shape];
  axes.forEach((axis, i) => {
    const at = resolveAxis(axis, shape.length);
    out[at] = compute((n) => n + pads[i] + pads[i + axes.length], out[at]);
    if (typeof out[at] === 'number' && out[at] < 0) throw new ShapeError(`pads crop axis ${at} below nothing`);
    if (pads[i] === 0 && pads[i + axes.length] === 0) out[at] = shape[at];
  });
  return [{ dtype, shape: out }];
}

function expand(call: Call): Known[] {
  const dtype = call.dtype(0);
  const shape = call.shape(0);
  const target = call.inputs[1]?.elements;
  if (!shape || !target) return [{ dtype, shape: undefined }];
  const out = broadcast(shape, target);
  if (!out) throw new ShapeError(`${formatShape(shape)} does not expand to ${formatShape(target)}`);
  return [{ dtype, shape: out }];
}

function tile(call: Call): Known[] {
  const shape = call.shape(0);
  const repeats = call.inputs[1]?.elements;
  if (shape && repeats) expectLength(repeats, shape.length, 'repeats');
  const out = shape?.map((dim, i) => (repeats?.[i] === 1 ? dim : compute((n, r) => n * r, dim, repeats?.[i] ?? '?')));
  return [{ dtype: call.dtype(0), shape: out }];
}

function unsqueeze(call: Call): Known[] {
  const shape = call.shape(0);
  const axes = call.integers(1, 'axes');
  if (!shape || !axes) return [{ dtype: call.dtype(0) }];
  const rank = shape.length + axes.length;
  const inserted = new Set(axes.map((axis) => resolveAxis(axis, rank)));
  if (inserted.size !== axes.length) throw new ShapeError(`axes [${axes.join(', ')}] name one axis twice`);
  let next = 0;
  const out = Array.from({ length: rank }, (_, i) => (inserted.has(i) ? 1 : shape[next++]));
  return [{ dtype: call.dtype(0), shape: out }];
}

function squeeze(call: Call): Known[] {
  const dtype = call.dtype(0);
  const shape = call.shape(0);
  const given = call.integers(1, 'axes');
  // Without axes every 1 goes, so that a dynamic dimension leaves the rank open.
  if (!shape || (!given && (call.has(1) || !isStatic(shape)))) return [{ dtype }];
  const axes = new Set(
    given?.map((axis) => resolveAxis(axis, shape.length)) ?? shape.flatMap((d, i) => (d === 1 ? [i] : [])),
  );
  for (const axis of axes) expectEqual(shape[axis], 1, `size of the squeezed axis ${axis} of ${formatShape(shape)}`);
  return [{ dtype, shape: shape.filter((_, i) => !axes.has(i)) }];
}

function flatten(call: Call): Known[] {
  const shape = call.shape(0);
  if (!shape) return [{ dtype: call.dtype(0), shape: ['?', '?'] }];
  const axis = call.int('axis', 1);
  const at = axis === shape.length ? axis : resolveAxis(axis, shape.length);
  const flat = (dims: readonly Dim[]): Dim => quotient(dims, []) ?? '?';
  return [{ dtype: call.dtype(0), shape: [flat(shape.slice(0, at)), flat(shape.slice(at))] }];
}

/** Channels to positions (`sign` 1) or positions to channels (-1), in blocks. */
const blocks =
  (sign: 1 | -1): OperatorRule =>
  (call) => {
    const shape = call.shape(0, 4);
    if (!shape) return [{ dtype: call.dtype(0) }];
    const block = call.int('blocksize');
    const scale = (dim: Dim, factor: number) => {
      const out = compute((n) => (factor > 0 ? n * factor : n / -factor), dim);
      if (typeof out === 'number' && !Number.isInteger(out)) {
        throw new ShapeError(`blocks of ${block} do not divide ${formatShape(shape)}`);
      }
      return out;
    };
    const [n, c, h, w] = shape;
    return [
      {
        dtype: call.dtype(0),
        shape: [n, scale(c, -sign * block * block), scale(h, sign * block), scale(w, sign * block)],
      },
    ];
  };

function centerCropPad(call: Call): Known[] {
  const shape = call.shape(0);
  const target = call.inputs[1]?.elements;
  const axes = call.ints('axes') ?? shape?.map((_, i) => i);
  const out = shape && axes && [...shape];
  axes?.forEach((axis, i) => {
    if (out) out[resolveAxis(axis, out.length)] = target?.[i] ?? '?';
  });
  return [{ dtype: call.dtype(0), shape: out }];
}

export const shape: Record<string, OperatorRule> = {
  Reshape: reshape,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Pad: pad,
  Expand: expand,
  Tile: tile,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Flatten: flatten,
  DepthToSpace: blocks(1),
  SpaceToDepth: blocks(-1),
  CenterCropPad: centerCropPad,
};
