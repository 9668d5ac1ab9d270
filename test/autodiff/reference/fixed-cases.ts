// Cases that are written down: operators whose variants can be listed.
// Those whose variants are drawn (windows, slices, resizing) are in drawn-cases.ts.

import { float, floats, int, ints, string } from '../../../src/graph/attributes.ts';
import { float32, fromNumbers, int64 } from '../../../src/graph/tensor.ts';
import { between, bools, f, floatList, integers, list, scalar, test } from './case.ts';
import type { Case } from './case.ts';

const everywhere =
  'Neg Abs Sign Exp Erf Sigmoid Tanh Sin Cos Tan Atan Sinh Cosh Relu LeakyRelu Elu Selu Celu Softplus Softsign HardSigmoid HardSwish ThresholdedRelu Mish Gelu Floor Ceil Round Identity';

const elementwise: Case[] = [
  ...everywhere.split(' ').map((op) => test(op, [between(-4, 4, 5, 41)])),
  ...'Log Sqrt Reciprocal'.split(' ').map((op) => test(op, [between(0.1, 5, 5, 41)])),
  ...'Asin Acos'.split(' ').map((op) => test(op, [between(-0.99, 0.99, 5, 41)])),
  ...'Sigmoid Softplus Mish Tanh Gelu'.split(' ').map((op) => test(op, [between(-80, 80, 3, 7)])),
  test('Round', [float32([8], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.49, 3.51])]),
  test('Sign', [float32([3], [-2, 0, 3])]),
  test('LeakyRelu', [f(3, 4)], { alpha: float(0.3) }),
  test('Elu', [f(3, 4)], { alpha: float(0.7) }),
  test('Selu', [f(3, 4)], { alpha: float(1.3), gamma: float(0.8) }),
  test('Celu', [f(3, 4)], { alpha: float(0.4) }),
  test('HardSigmoid', [f(3, 40)], { alpha: float(0.6), beta: float(0.4) }),
  test('ThresholdedRelu', [f(3, 4)], { alpha: float(0.3) }),
  test('Gelu', [between(-6, 6, 5, 11)], { approximate: string('tanh') }),
  test('Cast', [between(-9, 9, 50)], { to: int(7) }),
  test('Cast', [between(-9, 9, 50)], { to: int(6) }),
  test('Cast', [between(-9, 9, 50)], { to: int(11) }),
  test('Cast', [float32([3], [0, -0.5, 2])], { to: int(9) }),
  test('Cast', [bools(9)], { to: int(1) }),
  test('Cast', [integers('int64', -5, 5, 9)], { to: int(1) }),
  test('Clip', [f(20), scalar(-0.5, 'float32'), scalar(0.7, 'float32')]),
  test('Clip', [f(20), undefined, scalar(0.7, 'float32')]),
  test('Clip', [f(20)]),
  ...'Add Sub Mul'.split(' ').map((op) => test(op, [f(2, 1, 4), f(3, 1)])),
  test('Div', [f(2, 1, 4), between(0.5, 2, 3, 1)]),
  test('Div', [integers('int64', -20, 20, 4, 5), integers('int64', 2, 6, 5)]),
  test('Pow', [between(0.1, 3, 2, 1, 4), f(3, 1)]),
  test('Pow', [f(2, 1, 4), { constant: float32([], [3]) }]),
  ...'Sum Max Min Mean'.split(' ').flatMap((op) => [test(op, [f(2, 1, 4), f(3, 1), f(1)]), test(op, [f(2, 3)])]),
  test('Mod', [integers('int64', -20, 20, 5, 6), integers('int64', 1, 7, 6)]),
  test('Mod', [integers('int64', -20, 20, 5, 6), integers('int64', -7, -1, 6)]),
  test('Mod', [between(-9, 9, 5, 6), between(0.5, 2, 6)], { fmod: int(1) }),
  ...'And Or Xor'.split(' ').map((op) => test(op, [bools(2, 1, 4), bools(3, 1)])),
  test('Not', [bools(2, 5)]),
  ...'Equal Less LessOrEqual Greater GreaterOrEqual'
    .split(' ')
    .map((op) => test(op, [integers('float32', -2, 2, 2, 1, 9), integers('float32', -2, 2, 5, 1)])),
  test('Where', [bools(2, 1, 4), f(3, 1), f(1)]),
  test('PRelu', [f(2, 3, 4, 4), f(3, 1, 1)]),
  test('PRelu', [f(2, 3, 4), f(1)]),
];

const linear: Case[] = [
  test('MatMul', [f(3, 4), f(4, 6)]),
  test('MatMul', [f(2, 1, 3, 4), f(5, 4, 6)]),
  test('MatMul', [f(5, 3, 4), f(4, 6)]),
  test('MatMul', [f(4), f(5, 4, 6)]),
  test('MatMul', [f(5, 3, 4), f(4)]),
  test('MatMul', [f(4), f(4)]),
  test('Gemm', [f(3, 4), f(4, 5), f(5)]),
  test('Gemm', [f(3, 4), f(4, 5)], { alpha: float(0.3) }),
  test('Gemm', [f(4, 3), f(5, 4), f(3, 1)], { transA: int(1), transB: int(1), alpha: float(2), beta: float(0.5) }),
  test('Gemm', [f(4, 3), f(4, 5), f(3, 5)], { transA: int(1) }),
  test('Gemm', [f(3, 4), f(5, 4), f(1)], { transB: int(1) }),
  test('Einsum', [f(2, 3, 4), f(4, 5)], { equation: string('bij,jk->bik') }),
  test('Einsum', [f(2, 3, 4), f(2, 5, 4)], { equation: string('b i d, b j d -> b i j') }),
  test('Einsum', [f(3, 4), f(4, 2)], { equation: string('ij,jk') }),
  test('Einsum', [f(3, 4)], { equation: string('ba') }),
  test('Einsum', [f(3, 4, 4)], { equation: string('bii->b') }),
  test('Einsum', [f(4, 4)], { equation: string('ii') }),
  test('Einsum', [f(2, 3), f(3, 4), f(4, 5)], { equation: string('ab,bc,cd->da') }),
  test('Einsum', [f(2, 3), f(4, 3)], { equation: string('nc,kc->') }),
];

const group = (n: number) => ({ num_groups: int(n) });
const normalization: Case[] = [
  ...['Softmax', 'LogSoftmax'].flatMap((op) => [
    test(op, [f(3, 4, 5)]),
    test(op, [f(3, 4, 5)], { axis: int(1) }),
    test(op, [between(-90, 90, 3, 4)], { axis: int(0) }),
  ]),
  test('LpNormalization', [f(3, 4, 5)]),
  test('LpNormalization', [f(3, 4, 5)], { axis: int(1), p: int(1) }),
  test('LayerNormalization', [f(2, 3, 8), f(8), f(8)], {}, 3),
  test('LayerNormalization', [f(2, 3, 4), f(3, 4), f(3, 4)], { axis: int(1), epsilon: float(0.1) }, 3),
  test('LayerNormalization', [f(2, 3, 4), f(4)], { axis: int(-1) }),
  test('InstanceNormalization', [f(2, 3, 4, 5), f(3), f(3)]),
  test('InstanceNormalization', [f(2, 3, 7), f(3), f(3)], { epsilon: float(0.2) }),
  test('BatchNormalization', [f(2, 3, 4, 4), f(3), f(3), f(3), between(0.5, 2, 3)]),
  test('BatchNormalization', [f(6, 3), f(3), f(3), f(3), between(0.5, 2, 3)], { epsilon: float(0.1) }),
  test('GroupNormalization', [f(2, 6, 3, 3), f(3), f(3)], group(3)),
];

const trainedBatch: Case[] = [
  test('BatchNormalization', [f(2, 3, 4, 4), f(3), f(3), f(3), between(0.5, 2, 3)], { training_mode: int(1) }, 3),
  test(
    'BatchNormalization',
    [f(5, 3, 4), f(3), f(3), f(3), between(0.5, 2, 3)],
    { training_mode: int(1), momentum: float(0.3), epsilon: float(0.01) },
    3,
  ),
];

/** From operator set 21 on scale and bias are per channel. */
export const groupNormalization21: Case[] = [
  test('GroupNormalization', [f(2, 6, 3, 3), f(6), f(6)], group(3)),
  test('GroupNormalization', [f(2, 6, 5), f(6), f(6)], { ...group(2), epsilon: float(0.1) }),
];

const reductions = 'L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare';
const reduction: Case[] = [
  ...reductions
    .split(' ')
    .flatMap((name) => [
      test(`Reduce${name}`, [between(0.2, 2, 2, 3, 4, 5), list(1, -1)]),
      test(`Reduce${name}`, [between(0.2, 2, 2, 3, 4, 5), list(-2)], { keepdims: int(0) }),
      test(`Reduce${name}`, [between(0.2, 2, 2, 3, 4)], { keepdims: int(0) }),
      test(`Reduce${name}`, [between(0.2, 2, 2, 3, 4)]),
    ]),
  ...'L1 L2 LogSumExp Max Mean Min Prod Sum SumSquare'
    .split(' ')
    .map((name) => test(`Reduce${name}`, [f(4, 3, 2), list(0, 2)])),
  test('ReduceSum', [f(2, 3, 4)], { noop_with_empty_axes: int(1) }),
  ...'L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare'
    .split(' ')
    .map((name) => test(`Reduce${name}`, [between(0.2, 2, 2, 3, 4)], { noop_with_empty_axes: int(1) })),
  test('ReduceMax', [f(2, 3, 4), list()], { noop_with_empty_axes: int(1) }),
  ...['ArgMax', 'ArgMin'].flatMap((op) => [
    test(op, [f(2, 3, 4)], { axis: int(-2) }),
    test(op, [f(5, 3, 4)], { keepdims: int(0) }),
    test(op, [integers('float32', 0, 2, 6, 9)], { axis: int(1) }),
    test(op, [integers('float32', 0, 2, 6, 9)], { axis: int(1), select_last_index: int(1) }),
  ]),
];

const shape: Case[] = [
  test('Reshape', [f(2, 3, 4, 5), list(0, -1, 5)]),
  test('Reshape', [f(2, 3, 4), list(-1)]),
  test('Flatten', [f(2, 3, 4, 5)]),
  test('Flatten', [f(2, 3, 4, 5)], { axis: int(-1) }),
  test('Flatten', [f(2, 3, 4)], { axis: int(0) }),
  test('Flatten', [f(2, 3, 4)], { axis: int(3) }),
  test('Squeeze', [f(1, 3, 1), list(-1)]),
  test('Squeeze', [f(1, 3, 1)]),
  test('Unsqueeze', [f(2, 3), list(0, -1)]),
  test('Unsqueeze', [f(2, 3), list(3, 1)]),
  test('Transpose', [f(2, 3, 4)]),
  test('Transpose', [f(2, 3, 4, 5)], { perm: ints([2, 0, 3, 1]) }),
  test('Concat', [f(2, 3, 4), f(2, 1, 4), f(2, 5, 4)], { axis: int(-2) }),
  test('Concat', [f(2, 3), f(1, 3)], { axis: int(0) }),
  test('Split', [f(2, 10)], { axis: int(1), num_outputs: int(4) }, 4),
  test('Split', [f(2, 9, 2), list(2, 3, 4)], { axis: int(-2) }, 3),
  test('Expand', [f(3, 1), list(2, 1, 6)]),
  test('Expand', [f(3, 4), list(1)]),
  test('Tile', [f(2, 3), list(3, 2)]),
  test('Tile', [f(2, 1, 3), list(1, 2, 2)]),
  test('DepthToSpace', [f(2, 12, 3, 4)], { blocksize: int(2) }),
  test('DepthToSpace', [f(2, 18, 3, 2)], { blocksize: int(3), mode: string('CRD') }),
  test('SpaceToDepth', [f(2, 3, 4, 6)], { blocksize: int(2) }),
  ...[-2, 0, 1].flatMap((k) => [
    test('Trilu', [f(2, 4, 5), scalar(k)]),
    test('Trilu', [f(5, 4), scalar(k)], { upper: int(0) }),
  ]),
  ...[0, 1].flatMap((exclusive) =>
    [0, 1].map((reverse) =>
      test('CumSum', [f(2, 5, 3), scalar(exclusive ? -2 : 2)], { exclusive: int(exclusive), reverse: int(reverse) }),
    ),
  ),
];

const reduced = (name: string) => ({ reduction: string(name) });
const indexing: Case[] = [
  test('Gather', [f(4, 5), list(0, -1, 2)], { axis: int(1) }),
  test('Gather', [f(4, 5), scalar(-1)]),
  test('Gather', [f(4, 5, 6), integers('int64', -5, 4, 2, 3)], { axis: int(-2) }),
  test('GatherElements', [f(3, 4), integers('int64', -3, 2, 2, 4)]),
  test('GatherElements', [f(3, 4, 2), integers('int64', -4, 3, 3, 7, 2)], { axis: int(1) }),
  test('GatherND', [f(3, 4, 5), int64([0, 1, 2, -1], [2, 2])]),
  test('GatherND', [f(3, 4), int64([0, 1, 2, 3, -1, -2], [3, 2])]),
  test('GatherND', [f(2, 4, 5), int64([1, 3], [2, 1])], { batch_dims: int(1) }),
  test('GatherND', [f(2, 4, 5), integers('int64', -4, 3, 2, 3, 1)], { batch_dims: int(1) }),
  test('ScatterElements', [f(4, 5), int64([1, -1, 0, 2, 2, 0], [2, 3]), f(2, 3)]),
  test('ScatterElements', [f(4, 5), integers('int64', -5, 4, 3, 6), f(3, 6)], { axis: int(1), ...reduced('add') }),
  test('ScatterElements', [f(4, 5), integers('int64', 0, 4, 3, 6), f(3, 6)], { axis: int(1), ...reduced('mul') }),
  test('ScatterElements', [f(4, 5), integers('int64', 0, 4, 3, 6), f(3, 6)], { axis: int(1), ...reduced('max') }),
  test('ScatterElements', [f(4, 5), integers('int64', 0, 4, 3, 6), f(3, 6)], { axis: int(1), ...reduced('min') }),
  test('ScatterND', [f(4, 5), int64([1, -1], [2, 1]), f(2, 5)]),
  test('ScatterND', [f(4, 5), int64([1, 3, 1, 1], [4, 1]), f(4, 5)], reduced('add')),
  test('ScatterND', [f(4, 5, 2), int64([1, 3, 2, 2], [2, 2]), f(2, 2)], reduced('mul')),
  test('OneHot', [int64([1, 2, -1, 9]), scalar(4), float32([2], [-0.5, 3])]),
  test('OneHot', [int64([1, 2, 0, 3], [2, 2]), scalar(4), float32([2], [0, 1])], { axis: int(1) }),
  test('OneHot', [int64([1, 2, 0, 3], [2, 2]), scalar(4), float32([2], [0, 1])], { axis: int(0) }),
];

const constants: Case[] = [
  test('Constant', [], { value: { tensor: float32([2, 2], [1, 2, 3, 4]) } }),
  test('Constant', [], { value: { tensor: fromNumbers('float16', [3], [0.5, -3, 1.25]) } }),
  test('Constant', [], { value_int: int(3) }),
  test('Constant', [], { value_float: float(0.1) }),
  test('Constant', [], { value_ints: ints([1, 2, 3]) }),
  test('Constant', [], { value_floats: floats([1, 0.2]) }),
  test('ConstantOfShape', [list(2, 3)], { value: { tensor: int64([5]) } }),
  test('ConstantOfShape', [list(2, 3)]),
  test('Range', [scalar(2), scalar(11), scalar(3)]),
  test('Range', [scalar(5), scalar(-6), scalar(-2)]),
  test('Range', [scalar(0, 'float32'), scalar(1, 'float32'), scalar(0.3, 'float32')]),
  test('Shape', [f(2, 3, 4)]),
  test('Shape', [f(2, 3, 4)], { start: int(-2), end: int(3) }),
  test('Shape', [f(2, 3, 4)], { start: int(1), end: int(-1) }),
  test('Size', [f(2, 3, 4)]),
  test('Identity', [floatList(1, 2)]),
];

/** By group; each group is run as one graph. */
export const written: Readonly<Record<string, readonly Case[]>> = {
  elementwise,
  linear,
  normalization,
  'batch normalization in training': trainedBatch,
  reduction,
  shape,
  indexing,
  constants,
};
