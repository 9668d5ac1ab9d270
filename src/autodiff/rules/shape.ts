// Gradients of operators that move, repeat or leave out elements by their position: reshape, concat, slice, pad and kin.
// Each is linear, so that its gradient is its adjoint. Positions that an input holds are in indexing.ts.

import { int } from '../../graph/attributes.ts';
import { resolveAxis } from '../../graph/operators/call.ts';
import { sliceRange, slicesOf } from '../../graph/operators/indexing.ts';
import { GradientError, ruleOf, ruleOfSeveral } from '../rule.ts';
import type { AppliedTo, GradientRules } from '../rule.ts';
import { reshapeTo, sumTo, zerosLike } from '../values.ts';
import { bordered, placed, selectionAdjoint, timesAlong } from './along.ts';

/** The same elements in another shape: dx = dy in the shape of x. */
const reshaped = ruleOf(1, (b, { x }, [dy]) => [reshapeTo(b, dy, x[0].shape)]);

/** y = x with axes permuted: dx = dy with the inverse permutation. */
const transpose = ruleOf(1, (b, { call, x }, [dy]) => {
  const rank = x[0].shape.length;
  const perm = call.ints('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const inverse = perm.map((_, axis) => perm.indexOf(axis));
  return [b.transpose(dy, inverse)];
});

/** y = x repeated by broadcasting: dx = the sum of dy over the copies. */
const expand = ruleOf(1, (b, { x }, [dy]) => [sumTo(b, dy, x[0].shape)]);

/** y = x laid side by side: dx = the sum of dy over the copies, each of which is an axis of its own. */
const tile = ruleOf(1, (b, { x, y }, [dy]) => {
  const { shape } = x[0];
  const copies = shape.map((size, axis) => y[0].shape[axis] / size);
  const split = shape.flatMap((size, axis) => (copies[axis] > 1 ? [copies[axis], size] : [size]));
  const axes: number[] = [];
  let at = 0;
  for (const count of copies) {
    if (count > 1) axes.push(at++);
    at++;
  }
  return [axes.length > 0 ? b.reduceSum(b.reshape(dy, split), axes) : dy];
});

/** y = [x0, x1, ...]: dxi = its part of dy. */
const concat = ruleOf('all', (b, at, [dy]) => {
  const { shape } = at.y[0];
  const axis = resolveAxis(at.call.int('axis'), shape.length);
  const sizes = at.x.map((value) => value.shape[axis]);
  const wanted = sizes.flatMap((_, i) => (at.wants(i) ? [i] : []));
  if (wanted.length > 1) return b.split(dy, sizes, axis);
  const ends = sizes.map((_, i) => sizes.slice(0, i + 1).reduce((a, c) => a + c, 0));
  return sizes.map((size, i) =>
    i === wanted[0] ? b.slice(dy, { axes: [axis], starts: [ends[i] - size], ends: [ends[i]] }) : undefined,
  );
});

/** [y0, y1, ...] = x: dx = [dy0, dy1, ...], zeros for parts that nothing depends on. */
const split = ruleOfSeveral(1, (b, { call, x, y }, dy) => {
  const axis = resolveAxis(call.int('axis', 0), x[0].shape.length);
  const given = dy.filter((part) => part !== undefined);
  const parts = y.filter((part) => part !== undefined);
  if (parts.length < y.length) throw new GradientError('an output is left out');
  if (given.length > 1) {
    const all = parts.map((part, i) => dy[i] ?? zerosLike(b, part));
    return [b.concat(all, axis)];
  }
  const before = parts.slice(0, dy.indexOf(given[0])).reduce((sum, part) => sum + part.shape[axis], 0);
  return [placed(b, given[0], [{ axis, start: before, step: 1, size: x[0].shape[axis] }])];
});

/** y = x[start:end:step]: dx = dy at these places, zeros elsewhere. */
const slice = ruleOf(1, (b, { call, x, y }, [dy]) => {
  if (y[0].shape.includes(0)) return [];
  const { shape } = x[0];
  const places = slicesOf(call, shape.length)?.map(({ axis, start, end, step }) => {
    const [from, to, by] = [start, end, step];
    if (typeof from !== 'number' || typeof to !== 'number' || typeof by !== 'number') throw unknownInput('the slice');
    return { axis, start: sliceRange(shape[axis], from, to, by).start, step: by, size: shape[axis] };
  });
  if (!places) throw unknownInput('the slice');
  return [placed(b, dy, places)];
});

/**
 * Pads of a constant v: dx = dy without the border, dv = the sum of dy over the border.
 * Continued data (reflect, edge, wrap): dx = S' dy along each axis, where row o of S has its 1 at the element that position
 * o repeats.
 */
const pad = ruleOf(1, (b, at, [dy]) => {
  const { call } = at;
  const [x, , fill] = at.x;
  const { shape } = x;
  const mode = call.string('mode', 'constant');
  const pads = padsOf(at);
  if (mode !== 'constant') {
    const from = shape.map((size, axis) => sources(mode, size, pads[axis], pads[axis + shape.length]));
    const changed = [...shape.keys()].filter((axis) => from[axis].some((i, o) => i !== o) || pads[axis + shape.length]);
    return [changed.reduce((d, axis) => timesAlong(b, d, axis, selectionAdjoint(from[axis], shape[axis])), dy)];
  }
  const cut = pads.map((n) => -n);
  const inner = at.wants(0) ? bordered(b, dy, cut) : undefined;
  if (!fill || !at.wants(2)) return [inner];
  const border = b.pad(zerosLike(b, x), pads, 1);
  return [inner, undefined, reshapeTo(b, b.reduceSum(b.mul(dy, border), [...shape.keys()]), fill.shape)];
});

/** Elements before every axis, then after every axis. */
function padsOf({ call, x }: AppliedTo<1>): number[] {
  const rank = x[0].shape.length;
  const given = call.integers(1, 'pads');
  const axes = call.has(3) ? call.numbers(3) : [...x[0].shape.keys()];
  if (!given || !axes) throw unknownInput('the padding');
  const pads = new Array<number>(2 * rank).fill(0);
  axes.forEach((axis, i) => {
    pads[resolveAxis(axis, rank)] = given[i];
    pads[resolveAxis(axis, rank) + rank] = given[i + axes.length];
  });
  return pads;
}

/** For each position along a padded axis the element that is repeated there. What negative pads cut off repeats nowhere. */
function sources(mode: string, size: number, before: number, after: number): number[] {
  const first = Math.max(0, -before);
  const kept = size - first - Math.max(0, -after);
  const modulo = (position: number, n: number) => ((position % n) + n) % n;
  const within = (position: number): number => {
    if (mode === 'edge') return Math.min(Math.max(position, 0), kept - 1);
    if (mode === 'wrap') return modulo(position, kept);
    if (mode !== 'reflect') throw new GradientError(`the mode "${mode}" has no gradient`);
    // There and back, without repeating the ends.
    const period = Math.max(1, 2 * (kept - 1));
    return Math.min(modulo(position, period), period - modulo(position, period));
  };
  const start = -Math.max(0, before);
  return Array.from({ length: size + before + after }, (_, o) => first + within(start + o));
}

/** Blocks of channels to positions: dx = the positions to blocks of channels. In the mode CRD a block's channels adjoin. */
const depthToSpace = ruleOf(1, (b, { call, x }, [dy]) => {
  const block = call.int('blocksize');
  const deep = b.op('SpaceToDepth', [dy], { blocksize: int(block) })[0];
  if (call.string('mode', 'DCR') === 'DCR') return [deep];
  const [n, c, h, w] = x[0].shape;
  const depth = c / (block * block);
  const channels = b.transpose(b.reshape(deep, [n, block * block, depth, h, w]), [0, 2, 1, 3, 4]);
  return [b.reshape(channels, x[0].shape)];
});

/** Positions to blocks of channels: dx = the blocks of channels back to positions. */
const spaceToDepth = ruleOf(1, (b, { call }, [dy]) =>
  b.op('DepthToSpace', [dy], { blocksize: int(call.int('blocksize')) }),
);

/** y = x on one side of a diagonal, 0 elsewhere: dx = dy, likewise. */
const trilu = ruleOf(1, (b, { call, x }, [dy]) => b.op('Trilu', [dy, x[1]], { upper: int(call.int('upper', 1)) }));

const unknownInput = (what: string) => new GradientError(`${what} is not known before the graph runs`);

export const shape: GradientRules = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: transpose,
  Expand: expand,
  Tile: tile,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Trilu: trilu,
};
