// Gradients of operators that read or write at positions which another input holds: gather, scatter and kin.
// Positions themselves have no gradient.

import { int, string } from '../../graph/attributes.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { resolveAxis } from '../../graph/operators/call.ts';
import { int64, sizeOf, toNumbers } from '../../graph/tensor.ts';
import { lastOf } from '../../lookup.ts';
import { GradientError, ruleOf } from '../rule.ts';
import type { Applied, AppliedTo, GradientRules } from '../rule.ts';
import { expandTo, reshapeTo, zerosLike } from '../values.ts';
import { bordered, placed } from './along.ts';

/** y[.., k, ..] = x[.., index k, ..]: dx = zeros, and for each k dy[.., k, ..] added at index k. */
const gather = ruleOf(2, (b, at, [dy]) => {
  const { shape } = at.x[0];
  if (sizeOf(dy.shape) === 0) return [];
  const axis = resolveAxis(at.call.int('axis', 0), shape.length);
  const size = shape[axis];
  const chosen = constantOf(b, at)?.map((index) => (index < 0 ? index + size : index));
  const count = sizeOf(at.x[1].shape);
  const once = chosen && takenOnce(b, reshapeTo(b, dy, shape.with(axis, count)), axis, chosen, size);
  if (once) return [once];
  const slices = reshapeTo(b, dy, [sizeOf(shape.slice(0, axis)), count, sizeOf(shape.slice(axis + 1))]);
  return [reshapeTo(b, added(b, slices, reshapeTo(b, at.x[1], [1, count, 1]), size), shape)];
});

/** The adjoint of taking the elements `chosen` of an axis of `size` elements; undefined where some is taken twice. */
function takenOnce(b: GraphBuilder, dy: Value, axis: number, chosen: readonly number[], size: number) {
  const step = chosen.length > 1 ? chosen[1] - chosen[0] : 1;
  if (step !== 0 && chosen.every((index, k) => index === chosen[0] + k * step)) {
    return placed(b, dy, [{ axis, start: chosen[0], step, size }]);
  }
  const position = new Map(chosen.map((index, k) => [index, k]));
  if (position.size < chosen.length) return undefined;
  // What is never taken comes from a row of zeros behind dy.
  const missing = position.size < size ? 1 : 0;
  const pads = new Array<number>(2 * dy.shape.length).fill(0).with(dy.shape.length + axis, missing);
  const inverse = Array.from({ length: size }, (_, i) => position.get(i) ?? chosen.length);
  return b.gather(bordered(b, dy, pads), inverse, axis);
}

/** y[p] = x[p, but index[p] on the axis]: dx = zeros, and dy[p] added there. */
const gatherElements = ruleOf(2, (b, { call, x }, [dy]) => [
  scattered(b, zerosLike(b, x[0]), x[1], dy, { axis: call.int('axis', 0), add: true }),
]);

/** y[p] = x[index tuple p]: dx = zeros, and dy[p] added there. */
const gatherND = ruleOf(2, (b, { call, x }, [dy]) => {
  const { shape } = x[0];
  const batch = call.int('batch_dims', 0);
  const depth = lastOf(x[1].shape);
  const sizes = shape.slice(batch, batch + depth);
  const outer = sizeOf(shape.slice(0, batch));
  const inner = sizeOf(shape.slice(batch + depth));
  const count = sizeOf(x[1].shape.slice(batch, -1));
  // Tuples become positions along all their axes in one; the modulus turns those that count from the end.
  const strides = sizes.map((_, i) => sizeOf(sizes.slice(i + 1)));
  const within = b.op('Mod', [x[1], b.constant(int64(sizes))])[0];
  const position = b.reduceSum(b.mul(within, b.constant(int64(strides))), [x[1].shape.length - 1]);
  const slices = reshapeTo(b, dy, [outer, count, inner]);
  return [reshapeTo(b, added(b, slices, reshapeTo(b, position, [outer, count, 1]), sizeOf(sizes)), shape)];
});

/**
 * y = x, but with the updates at their positions: dx = dy with zeros there, d updates = dy there.
 * Updates that are added: dx = dy.
 */
const scatterElements = ruleOf(3, (b, at, [dy]) => {
  const axis = at.call.int('axis', 0);
  const [, index, updates] = at.x;
  return [
    adds(at) ? dy : at.wants(0) ? scattered(b, dy, index, zerosLike(b, updates), { axis, add: false }) : undefined,
    undefined,
    at.wants(2) ? b.op('GatherElements', [dy, index], { axis: int(axis) })[0] : undefined,
  ];
});

/** As scatterElements, with tuples as positions and slices as updates. */
const scatterND = ruleOf(3, (b, at, [dy]) => {
  const [, index, updates] = at.x;
  return [
    adds(at) ? dy : at.wants(0) ? b.op('ScatterND', [dy, index, zerosLike(b, updates)])[0] : undefined,
    undefined,
    at.wants(2) ? b.op('GatherND', [dy, index])[0] : undefined,
  ];
});

/** Whether updates are added rather than put in place. */
function adds({ call }: Applied): boolean {
  const reduction = call.string('reduction', 'none');
  if (reduction !== 'none' && reduction !== 'add') {
    throw new GradientError(`updates combined by "${reduction}" have no gradient here`);
  }
  return reduction === 'add';
}

/**
 * Zeros `[outer, size, inner]`, and `slices` `[outer, count, inner]` added at the positions that `index` holds, of a shape
 * that repeats to theirs.
 */
function added(b: GraphBuilder, slices: Value, index: Value, size: number): Value {
  const zeros = expandTo(b, b.scalar(0, slices.dtype), slices.shape.with(1, size));
  return scattered(b, zeros, expandTo(b, index, slices.shape), slices, { axis: 1, add: true });
}

/** Never ScatterND for sums: ONNX Runtime's threads lose updates when several add to one element. */
function scattered(
  b: GraphBuilder,
  x: Value,
  index: Value,
  updates: Value,
  { axis, add }: { axis: number; add: boolean },
): Value {
  const attributes = { axis: int(axis), ...(add && { reduction: string('add') }) };
  return b.op('ScatterElements', [x, index, updates], attributes)[0];
}

/** The indices, where they are known before anything runs. */
function constantOf(b: GraphBuilder, { call, x }: AppliedTo<2>): readonly number[] | undefined {
  const tensor = b.tensorOf(x[1]);
  return call.numbers(1) ?? (tensor && toNumbers(tensor));
}

export const indexing: GradientRules = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
};
