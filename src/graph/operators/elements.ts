// Contents of small tensors before anything runs: the arithmetic on shapes that exporters write into graphs
// (Shape, Gather, Concat, Reshape). Not a constant folder: large tensors are never looked at.

import { compute, isNumber, isStatic, quotient, unknown } from '../dims.ts';
import type { AttributeValues, Dim } from '../graph.ts';
import { sizeOf, toFloat32, toNumbers } from '../tensor.ts';
import type { DType, Tensor } from '../tensor.ts';
import { resolveAxis } from './call.ts';
import type { Call, Known } from './call.ts';
import { shapeRange } from './constant.ts';
import { slicesOf, sliceRange } from './indexing.ts';

/** Tensors of more elements are no arithmetic on shapes. */
const limit = 1024;

interface Output {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly index: number;
}
type Evaluator = (call: Call, output: Output) => readonly Dim[] | undefined;

const isFloat = (dtype: DType) => dtype.includes('float');

const round = (dtype: DType, value: number): number => {
  if (dtype === 'float32') return Math.fround(value);
  if (dtype === 'bool') return value ? 1 : 0;
  return isFloat(dtype) ? value : Math.trunc(value);
};

/** What is known of a constant tensor: everything if it is small. */
export function knownOf(tensor: Tensor): Known {
  const { dtype, shape } = tensor;
  if (sizeOf(shape) > limit) return { dtype, shape };
  const half = dtype === 'float16' || dtype === 'bfloat16';
  return { dtype, shape, elements: half ? Array.from(toFloat32(tensor)) : toNumbers(tensor) };
}

/** One element per position of a shape, row-major. */
function fill(shape: readonly number[], f: (position: number[]) => Dim): Dim[] {
  const position = shape.map(() => 0);
  return Array.from({ length: sizeOf(shape) }, () => {
    const element = f(position);
    for (let axis = shape.length - 1; axis >= 0 && ++position[axis] === shape[axis]; axis--) position[axis] = 0;
    return element;
  });
}

/** The element of an input at a position; longer positions are cut in front and axes of size 1 repeat (broadcasting). */
function elementAt(input: Known | undefined, position: readonly number[]): Dim {
  const { elements, shape } = input ?? {};
  if (!elements || !isStatic(shape)) return unknown;
  const skip = position.length - shape.length;
  const index = shape.reduce((at, size, axis) => at * size + (size === 1 ? 0 : position[axis + skip]), 0);
  return elements[index] ?? unknown;
}

const pointwise =
  (f: (...numbers: number[]) => number): Evaluator =>
  (call, { dtype, shape }) =>
    call.inputs.every((input) => input?.elements)
      ? fill(shape, (position) =>
          compute((...xs) => round(dtype, f(...xs)), ...call.inputs.map((input) => elementAt(input, position))),
        )
      : undefined;

const same: Evaluator = (call) => call.inputs[0]?.elements;

const modulo: Evaluator = (call, output) => {
  const sign = call.int('fmod', 0) === 1;
  return pointwise((a, b) => (sign ? a % b : a - b * Math.floor(a / b)))(call, output);
};

const where: Evaluator = (call, { shape }) =>
  fill(shape, (position) => {
    const condition = elementAt(call.inputs[0], position);
    return isNumber(condition) ? elementAt(call.inputs[condition ? 1 : 2], position) : unknown;
  });

const gather: Evaluator = (call, { shape }) => {
  const [data, indices] = call.inputs;
  if (!isStatic(data?.shape) || !isStatic(indices?.shape)) return undefined;
  const axis = resolveAxis(call.int('axis', 0), data.shape.length);
  const rank = indices.shape.length;
  const size = data.shape[axis];
  return fill(shape, (position) => {
    const index = elementAt(indices, position.slice(axis, axis + rank));
    if (!isNumber(index)) return unknown;
    const from = index < 0 ? index + size : index;
    return elementAt(data, position.toSpliced(axis, rank, from));
  });
};

const slice: Evaluator = (call, { shape }) => {
  const from = call.shape(0);
  if (!isStatic(from)) return undefined;
  const slices = slicesOf(call, from.length);
  return fill(shape, (position) => {
    const at = [...position];
    for (const { axis, start, end, step } of slices ?? []) {
      if (!isNumber(start) || !isNumber(end) || !isNumber(step)) return unknown;
      at[axis] = sliceRange(from[axis], start, end, step).start + position[axis] * step;
    }
    return slices ? elementAt(call.inputs[0], at) : unknown;
  });
};

const concat: Evaluator = (call, { shape }) => {
  const axis = resolveAxis(call.int('axis'), shape.length);
  return fill(shape, (position) => {
    let at = position[axis];
    for (const input of call.inputs) {
      const size = input?.shape?.[axis];
      if (!isNumber(size)) return unknown;
      if (at < size) return elementAt(input, position.with(axis, at));
      at -= size;
    }
    return unknown;
  });
};

const split: Evaluator = (call, { shape, index }) => {
  const axis = resolveAxis(call.int('axis', 0), shape.length);
  const size = call.shape(0)?.[axis];
  if (!isNumber(size)) return undefined;
  const sizes = call.integers(1, 'split');
  const start = sizes
    ? sizes.slice(0, index).reduce((a, b) => a + b, 0)
    : index * Math.ceil(size / call.node.outputs.length);
  return fill(shape, (position) => elementAt(call.inputs[0], position.with(axis, position[axis] + start)));
};

const transpose: Evaluator = (call, { shape }) => {
  const perm = call.ints('perm') ?? shape.map((_, i) => shape.length - 1 - i);
  return fill(shape, (position) =>
    elementAt(
      call.inputs[0],
      perm.map((_, i) => position[perm.indexOf(i)]),
    ),
  );
};

const tile: Evaluator = (call, { shape }) => {
  const from = call.shape(0);
  return isStatic(from)
    ? fill(shape, (position) =>
        elementAt(
          call.inputs[0],
          position.map((p, axis) => p % from[axis]),
        ),
      )
    : undefined;
};

/** Reductions of everything to one element, which is all that arithmetic on shapes needs. */
const reduce =
  (f: (a: number, b: number) => number): Evaluator =>
  (call, { shape }) => {
    const elements = call.inputs[0]?.elements;
    return elements?.length && sizeOf(shape) === 1
      ? [compute((...numbers) => numbers.reduce((a, b) => f(a, b)), ...elements)]
      : undefined;
  };

const constant: Evaluator = (call) => {
  const tensor = call.tensor('value');
  if (tensor) return knownOf(tensor).elements;
  const [value]: Partial<AttributeValues>[] = Object.values(call.node.attributes);
  return [value.int ?? value.float ?? value.ints ?? value.floats ?? []].flat();
};

const constantOfShape: Evaluator = (call, { shape }) => {
  const value = call.tensor('value');
  const [element] = value ? (knownOf(value).elements ?? []) : [0];
  return fill(shape, () => element ?? unknown);
};

const range: Evaluator = (call, { dtype, shape }) => {
  const [start, , delta] = call.inputs.map((input) => input?.elements?.[0] ?? unknown);
  return fill(shape, ([i]) => compute((a, d) => round(dtype, a + i * d), start, delta));
};

/** These look at the shapes of their inputs, or at none. */
const ofShapes: ReadonlySet<string> = new Set(['Shape', 'Size', 'Constant', 'ConstantOfShape', 'Range']);

const evaluators: Readonly<Record<string, Evaluator | undefined>> = {
  Shape: (call) => call.shape(0)?.slice(...shapeRange(call)),
  Size: (call) => {
    const shape = call.shape(0);
    return shape && [quotient(shape, []) ?? unknown];
  },
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  Identity: same,
  Reshape: same,
  Flatten: same,
  Squeeze: same,
  Unsqueeze: same,
  // A named dimension is not changed by a cast, since it is a whole number.
  Cast: (call, { dtype }) => call.inputs[0]?.elements?.map((e) => (isNumber(e) ? round(dtype, e) : e)),
  Gather: gather,
  Slice: slice,
  Concat: concat,
  Split: split,
  Transpose: transpose,
  Tile: tile,
  Expand: (call, { shape }) => fill(shape, (position) => elementAt(call.inputs[0], position)),
  Where: where,
  Add: pointwise((a, b) => a + b),
  Sub: pointwise((a, b) => a - b),
  Mul: pointwise((a, b) => a * b),
  Div: pointwise((a, b) => a / b),
  Mod: modulo,
  Pow: pointwise((a, b) => a ** b),
  Min: pointwise(Math.min),
  Max: pointwise(Math.max),
  Floor: pointwise(Math.floor),
  Ceil: pointwise(Math.ceil),
  // Halves go to the even neighbour.
  Round: pointwise((x) => (x % 1 === 0.5 || x % 1 === -0.5 ? 2 * Math.round(x / 2) : Math.round(x))),
  Sqrt: pointwise(Math.sqrt),
  Abs: pointwise(Math.abs),
  Neg: pointwise((x) => -x),
  Sign: pointwise(Math.sign),
  Not: pointwise((x) => (x ? 0 : 1)),
  And: pointwise((a, b) => a && b),
  Or: pointwise((a, b) => a || b),
  Equal: pointwise((a, b) => (a === b ? 1 : 0)),
  Less: pointwise((a, b) => (a < b ? 1 : 0)),
  Greater: pointwise((a, b) => (a > b ? 1 : 0)),
  LessOrEqual: pointwise((a, b) => (a <= b ? 1 : 0)),
  GreaterOrEqual: pointwise((a, b) => (a >= b ? 1 : 0)),
  ReduceProd: reduce((a, b) => a * b),
  ReduceSum: reduce((a, b) => a + b),
  ReduceMax: reduce(Math.max),
  ReduceMin: reduce(Math.min),
};

/** Outputs of a node, with the elements of those that are small and can be computed. */
export function evaluate(call: Call, outputs: readonly Known[]): readonly Known[] {
  const evaluator = evaluators[call.node.op];
  // Most values of a network are not known, nor is what is made of them.
  if (!evaluator || !(ofShapes.has(call.node.op) || call.inputs.some((input) => input?.elements))) return outputs;
  return outputs.map((output, index) => {
    const { dtype, shape } = output;
    if (!dtype || !isStatic(shape) || sizeOf(shape) > limit) return output;
    const elements = evaluator(call, { dtype, shape, index });
    return elements?.some((e) => e !== unknown) ? { ...output, elements } : output;
  });
}
