// Builds a graph operator by operator: `const y = b.relu(b.conv(x, w, bias, { pads: [1, 1, 1, 1] }))`.
// Each method stands for one operator of ONNX; those without a method of their own are made with `op`.

import { GraphAssembly } from './assembly.ts';
import type { Value } from './assembly.ts';
import { float, int, ints, string } from './attributes.ts';
import { staticShape } from './dims.ts';
import type { Attribute } from './graph.ts';
import { reshapeTo } from './operators/shape.ts';
import { dataTypes } from './onnx-types.ts';
import { float32, fromNumbers, int64 } from './tensor.ts';
import type { DType } from './tensor.ts';

export type { Value } from './assembly.ts';

/** A value, or a number that is made a constant of the other operand's type. */
export type Operand = Value | number;

export interface ConvOptions {
  /** Along height and width; [1, 1] by default. */
  readonly strides?: readonly number[];
  /** Top, left, bottom, right; none by default. */
  readonly pads?: readonly number[];
  readonly dilations?: readonly number[];
  readonly group?: number;
}

export interface PoolOptions {
  readonly kernel: readonly number[];
  readonly strides?: readonly number[];
  readonly pads?: readonly number[];
  /** Round the output size up instead of down. */
  readonly ceil?: boolean;
}

export interface ResizeOptions {
  /** Height and width of the output; either these or `scales`. */
  readonly sizes?: readonly number[];
  /** Factors of height and width. */
  readonly scales?: readonly number[];
  readonly mode: 'nearest' | 'linear' | 'cubic';
  /** Smooth before shrinking, as PIL and torch's `antialias=True` do; off by default. */
  readonly antialias?: boolean;
  /** Coefficient of the cubic; -0.75 by default, as torch has it (PIL and antialiased torch: -0.5). */
  readonly cubicCoeff?: number;
  readonly coordinates?: 'half_pixel' | 'half_pixel_symmetric' | 'pytorch_half_pixel' | 'align_corners' | 'asymmetric';
  /** Rounding of positions in the mode 'nearest'. */
  readonly nearest?: 'round_prefer_floor' | 'round_prefer_ceil' | 'floor' | 'ceil';
  /** Drop weights of taps outside the image and rescale the rest; by default when smoothing, as PIL does. */
  readonly excludeOutside?: boolean;
}

export class GraphBuilder extends GraphAssembly {
  conv(x: Value, w: Value, bias?: Value, options: ConvOptions = {}, name?: string): Value {
    return this.#one('Conv', [x, w, bias], windowAttributes({ ...options, kernel: w.shape.slice(2) }), name);
  }
  maxPool(x: Value, options: PoolOptions, name?: string): Value {
    return this.#one('MaxPool', [x], windowAttributes(options), name);
  }
  /** Mean over a window; padding is not counted unless `countPadding`. */
  averagePool(x: Value, options: PoolOptions & { readonly countPadding?: boolean }, name?: string): Value {
    const count = { count_include_pad: int(options.countPadding ? 1 : 0) };
    return this.#one('AveragePool', [x], { ...windowAttributes(options), ...count }, name);
  }
  globalAveragePool(x: Value, name?: string): Value {
    return this.#one('GlobalAveragePool', [x], {}, name);
  }

  relu = this.#unary('Relu');
  sqrt = this.#unary('Sqrt');
  exp = this.#unary('Exp');
  log = this.#unary('Log');
  neg = this.#unary('Neg');
  abs = this.#unary('Abs');
  sigmoid = this.#unary('Sigmoid');
  tanh = this.#unary('Tanh');
  erf = this.#unary('Erf');
  floor = this.#unary('Floor');
  identity = this.#unary('Identity');

  add = this.#binary('Add');
  sub = this.#binary('Sub');
  mul = this.#binary('Mul');
  div = this.#binary('Div');
  pow = this.#binary('Pow');
  min = this.#binary('Min');
  max = this.#binary('Max');
  equal = this.#binary('Equal');
  less = this.#binary('Less');
  greater = this.#binary('Greater');

  matmul(a: Value, b: Value, name?: string): Value {
    return this.#one('MatMul', [a, b], {}, name);
  }
  /** alpha * a b + beta * c, with a and b transposed if asked for. */
  gemm(
    a: Value,
    b: Value,
    c?: Value,
    options: { transA?: boolean | 0 | 1; transB?: boolean | 0 | 1; alpha?: number; beta?: number } = {},
    name?: string,
  ): Value {
    const { transA = false, transB = false, alpha = 1, beta = 1 } = options;
    const attributes = { transA: int(+transA), transB: int(+transB), alpha: float(alpha), beta: float(beta) };
    return this.#one('Gemm', [a, b, c], attributes, name);
  }

  transpose(x: Value, perm: readonly number[], name?: string): Value {
    return this.#one('Transpose', [x], { perm: ints(perm) }, name);
  }
  /** One size may be -1; 0 is no copy but an empty axis. */
  reshape(x: Value, shape: readonly number[], name?: string): Value {
    const target = staticShape(reshapeTo(x.shape, shape, true));
    return this.#one('Reshape', [x, this.#integers(target)], target.includes(0) ? { allowzero: int(1) } : {}, name);
  }
  flatten(x: Value, axis = 1, name?: string): Value {
    return this.#one('Flatten', [x], { axis: int(axis) }, name);
  }
  unsqueeze(x: Value, axes: readonly number[], name?: string): Value {
    return this.#one('Unsqueeze', [x, this.#integers(axes)], {}, name);
  }
  squeeze(x: Value, axes: readonly number[], name?: string): Value {
    return this.#one('Squeeze', [x, this.#integers(axes)], {}, name);
  }
  expand(x: Value, shape: readonly number[], name?: string): Value {
    return this.#one('Expand', [x, this.#integers(shape)], {}, name);
  }
  slice(
    x: Value,
    options: { axes: readonly number[]; starts: readonly number[]; ends: readonly number[]; steps?: readonly number[] },
    name?: string,
  ): Value {
    const lists = [options.starts, options.ends, options.axes, ...(options.steps ? [options.steps] : [])];
    return this.#one('Slice', [x, ...lists.map((list) => this.#integers(list))], {}, name);
  }
  concat(xs: readonly Value[], axis: number, name?: string): Value {
    return this.#one('Concat', xs, { axis: int(axis) }, name);
  }
  /** Parts of the given sizes; further parts than the first are called `name:1`, `name:2`, ... */
  split(x: Value, sizes: readonly number[], axis: number, name?: string): Value[] {
    return this.op('Split', [x, this.#integers(sizes)], { axis: int(axis) }, { name, outputs: sizes.length });
  }
  /** A number as index drops the axis. */
  gather(x: Value, indices: Value | readonly number[] | number, axis: number, name?: string): Value {
    const list = typeof indices === 'number' ? this.constant(int64([indices], [])) : indices;
    return this.#one('Gather', [x, 'dtype' in list ? list : this.#integers(list)], { axis: int(axis) }, name);
  }
  /** @param pads before every axis, then after every axis. @param fill a constant, or how to continue the data. */
  pad(x: Value, pads: readonly number[], fill: number | 'reflect' | 'edge' | 'wrap' = 0, name?: string): Value {
    const constant = typeof fill === 'number';
    const value = constant && fill !== 0 ? this.scalar(fill, x.dtype) : undefined;
    return this.#one('Pad', [x, this.#integers(pads), value], { mode: string(constant ? 'constant' : fill) }, name);
  }

  reduceSum = this.#reduction('ReduceSum');
  reduceMean = this.#reduction('ReduceMean');
  reduceMax = this.#reduction('ReduceMax');
  reduceMin = this.#reduction('ReduceMin');
  reduceSumSquare = this.#reduction('ReduceSumSquare');

  softmax(x: Value, axis = -1, name?: string): Value {
    return this.#one('Softmax', [x], { axis: int(axis) }, name);
  }
  batchNormalization(
    x: Value,
    scale: Value,
    bias: Value,
    mean: Value,
    variance: Value,
    epsilon = 1e-5,
    name?: string,
  ): Value {
    return this.#one('BatchNormalization', [x, scale, bias, mean, variance], { epsilon: float(epsilon) }, name);
  }

  cast(x: Value, dtype: DType, name?: string): Value {
    return this.#one('Cast', [x], { to: int(dataTypes[dtype]) }, name);
  }
  where(condition: Value, a: Operand, b: Operand, name?: string): Value {
    return this.#one('Where', [condition, ...this.#operands(a, b)], {}, name);
  }
  clip(x: Value, min?: number, max?: number, name?: string): Value {
    const bound = (value: number | undefined) => (value === undefined ? undefined : this.scalar(value, x.dtype));
    return this.#one('Clip', [x, bound(min), bound(max)], {}, name);
  }
  /** Samples height and width of [n, c, h, w] anew. */
  resize(x: Value, options: ResizeOptions, name?: string): Value {
    const { sizes, scales, mode, antialias = false, cubicCoeff = -0.75, coordinates = 'half_pixel' } = options;
    const lead = x.shape.slice(0, -2);
    const factors = scales && this.constant(float32([x.shape.length], [...lead.map(() => 1), ...scales]));
    const attributes = {
      mode: string(mode),
      coordinate_transformation_mode: string(coordinates),
      ...(mode === 'cubic' && { cubic_coeff_a: float(cubicCoeff) }),
      ...(mode === 'nearest' && { nearest_mode: string(options.nearest ?? 'round_prefer_floor') }),
      ...(antialias && { antialias: int(1) }),
      ...((options.excludeOutside ?? antialias) && { exclude_outside: int(1) }),
    };
    const target = sizes && this.#integers([...lead, ...sizes]);
    return this.#one('Resize', [x, undefined, factors, target], attributes, name);
  }

  /** A constant of one element, shape []. */
  scalar(value: number, dtype: DType = 'float32'): Value {
    return this.constant(fromNumbers(dtype, [], [value]));
  }

  #integers(values: readonly number[]): Value {
    return this.constant(int64(values));
  }

  #one(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes: Record<string, Attribute>,
    name?: string,
  ): Value {
    return this.op(op, inputs, attributes, { name })[0];
  }

  #operands(a: Operand, b: Operand): [Value, Value] {
    const other = typeof a === 'number' ? b : a;
    if (typeof other === 'number') throw new TypeError('One of two operands must be a value, not a number');
    const value = (operand: Operand) => (typeof operand === 'number' ? this.scalar(operand, other.dtype) : operand);
    return [value(a), value(b)];
  }

  #unary(op: string) {
    return (x: Value, name?: string): Value => this.#one(op, [x], {}, name);
  }
  #binary(op: string) {
    return (a: Operand, b: Operand, name?: string): Value => this.#one(op, this.#operands(a, b), {}, name);
  }
  #reduction(op: string) {
    return (x: Value, axes: readonly number[], keepdims = false, name?: string): Value =>
      this.#one(op, [x, this.#integers(axes)], { keepdims: int(+keepdims) }, name);
  }
}

function windowAttributes(options: ConvOptions & Partial<PoolOptions>): Record<string, Attribute> {
  const { kernel, strides, pads, dilations, group, ceil } = options;
  return {
    ...(kernel && { kernel_shape: ints(kernel) }),
    ...(strides && { strides: ints(strides) }),
    ...(pads && { pads: ints(pads) }),
    ...(dilations && { dilations: ints(dilations) }),
    ...(group !== undefined && { group: int(group) }),
    ...(ceil && { ceil_mode: int(1) }),
  };
}
