// Types and shapes by the operator table against ONNX Runtime, which runs each node.

import { describe, expect, it } from 'vitest';
import { float, floats, int, ints, string } from '../../src/graph/attributes.ts';
import type { Attribute } from '../../src/graph/graph.ts';
import { inferShapes } from '../../src/graph/infer.ts';
import { operators } from '../../src/graph/operators/index.ts';
import { float32, fromNumbers, int64 } from '../../src/graph/tensor.ts';
import type { DType } from '../../src/graph/tensor.ts';
import { graphOf, ramp, run } from './engine.ts';
import type { NodeTest, Operand } from './engine.ts';

const f = (...shape: number[]) => ramp(shape);
const of = (dtype: DType, ...shape: number[]) => ramp(shape, dtype);
const list = (...values: number[]) => ({ constant: int64(values) });
const num = (value: number) => ({ constant: int64([value], []) });
const flt = (...values: number[]) => ({ constant: float32([values.length], values) });

const test = (
  op: string,
  inputs: readonly Operand[],
  attributes: Record<string, Attribute> = {},
  more: Partial<NodeTest> = {},
): NodeTest => ({ op, inputs, attributes, ...more });

const cases: NodeTest[] = [
  // Convolutions
  test('Conv', [f(2, 3, 9, 11), f(4, 3, 3, 3), f(4)]),
  test('Conv', [f(2, 4, 9, 11), f(6, 2, 3, 5)], { group: int(2), strides: ints([2, 3]), pads: ints([0, 1, 2, 3]) }),
  test('Conv', [f(1, 3, 12, 12), f(4, 3, 3, 3)], { dilations: ints([2, 3]), auto_pad: string('NOTSET') }),
  test('Conv', [f(1, 3, 11, 12), f(4, 3, 4, 3)], { strides: ints([3, 2]), auto_pad: string('SAME_UPPER') }),
  test('Conv', [f(1, 3, 11, 12), f(4, 3, 4, 3)], { strides: ints([3, 2]), auto_pad: string('SAME_LOWER') }),
  test('Conv', [f(1, 3, 11, 12), f(4, 3, 4, 3)], { strides: ints([3, 2]), auto_pad: string('VALID') }),
  test('Conv', [f(1, 3, 11), f(4, 3, 4)], { strides: ints([2]), pads: ints([1, 0]) }),
  test('Conv', [f(1, 2, 5, 6, 7), f(4, 2, 3, 3, 3)]),
  test('ConvTranspose', [f(2, 3, 5, 6), f(3, 4, 3, 3), f(4)], { strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) }),
  test('ConvTranspose', [f(2, 4, 5, 6), f(4, 3, 4, 3)], {
    group: int(2),
    strides: ints([3, 2]),
    dilations: ints([2, 1]),
    output_padding: ints([2, 1]),
    pads: ints([0, 1, 2, 1]),
  }),
  test('ConvTranspose', [f(1, 3, 5, 6), f(3, 4, 3, 3)], { strides: ints([2, 3]), auto_pad: string('SAME_UPPER') }),
  test('ConvTranspose', [f(1, 3, 5, 6), f(3, 4, 3, 3)], { strides: ints([2, 3]), auto_pad: string('VALID') }),
  test('ConvTranspose', [f(1, 3, 5, 6), f(3, 4, 3, 3)], { strides: ints([2, 2]), output_shape: ints([10, 12]) }),
  test('ConvInteger', [of('uint8', 1, 2, 5, 5), of('uint8', 3, 2, 3, 3)]),
  test('QLinearConv', [
    of('uint8', 1, 2, 5, 5),
    { constant: float32([], [0.1]) },
    { constant: fromNumbers('uint8', [], [3]) },
    { constant: ramp([4, 2, 3, 3], 'uint8') },
    { constant: float32([], [0.1]) },
    { constant: fromNumbers('uint8', [], [3]) },
    { constant: float32([], [0.1]) },
    { constant: fromNumbers('uint8', [], [3]) },
  ]),
  // Pooling
  test('MaxPool', [f(2, 3, 9, 10)], { kernel_shape: ints([3, 2]), strides: ints([2, 2]), pads: ints([1, 0, 1, 1]) }),
  test('MaxPool', [f(2, 3, 9, 10)], { kernel_shape: ints([2, 2]) }, { outputs: 2 }),
  test('MaxPool', [f(2, 3, 10, 13)], { kernel_shape: ints([3, 3]), strides: ints([2, 2]), ceil_mode: int(1) }),
  test('MaxPool', [f(2, 3, 10, 13)], { kernel_shape: ints([3, 3]), dilations: ints([2, 3]) }),
  test('MaxPool', [f(2, 3, 10, 13)], {
    kernel_shape: ints([3, 3]),
    strides: ints([2, 2]),
    auto_pad: string('SAME_UPPER'),
  }),
  test('AveragePool', [f(2, 3, 10, 13)], { kernel_shape: ints([3, 3]), strides: ints([2, 2]), ceil_mode: int(1) }),
  test('AveragePool', [f(2, 3, 10)], { kernel_shape: ints([3]), pads: ints([1, 1]), count_include_pad: int(1) }),
  test('AveragePool', [f(2, 3, 10, 13)], { kernel_shape: ints([3, 3]), auto_pad: string('SAME_LOWER') }),
  test('LpPool', [f(2, 3, 10, 13)], { kernel_shape: ints([3, 3]), p: int(2) }),
  test('GlobalAveragePool', [f(2, 3, 10, 13)]),
  test('GlobalMaxPool', [f(2, 3, 10)]),
  test('GlobalLpPool', [f(2, 3, 5, 6)]),
  test('MaxUnpool', [f(1, 1, 2, 2), int64([5, 7, 13, 15], [1, 1, 2, 2])], {
    kernel_shape: ints([2, 2]),
    strides: ints([2, 2]),
  }),
  // Element by element
  ...'Abs Acos Asin Atan Ceil Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity LeakyRelu Log Mish Neg Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh ThresholdedRelu Celu'
    .split(' ')
    .map((op) => test(op, [f(2, 3, 4)])),
  ...'Add Sub Mul Div Pow'.split(' ').map((op) => test(op, [f(2, 1, 4), f(3, 1)])),
  ...'Sum Max Min Mean'.split(' ').map((op) => test(op, [f(2, 1, 4), f(3, 1), f(1)])),
  ...'Equal Less Greater LessOrEqual GreaterOrEqual'.split(' ').map((op) => test(op, [f(2, 1, 4), f(3, 1)])),
  ...'And Or Xor'.split(' ').map((op) => test(op, [of('bool', 2, 1, 4), of('bool', 3, 1)])),
  ...'BitwiseAnd BitwiseOr BitwiseXor'.split(' ').map((op) => test(op, [of('int32', 2, 1, 4), of('int32', 3, 1)])),
  test('BitShift', [of('uint8', 4), of('uint8', 4)], { direction: string('LEFT') }),
  test('BitwiseNot', [of('int32', 4)]),
  test('Mod', [of('int64', 2, 3), { constant: fromNumbers('int64', [], [5]) }]),
  test('Not', [of('bool', 2, 3)]),
  test('IsNaN', [f(2, 3)]),
  test('IsInf', [f(2, 3)]),
  test('Pow', [f(2, 3), { constant: fromNumbers('int64', [], [2]) }]),
  test('PRelu', [f(2, 3, 4, 4), f(3, 1, 1)]),
  test('Where', [of('bool', 2, 1, 4), f(3, 1), f(1)]),
  test('Clip', [f(2, 3), { constant: float32([], [0.2]) }]),
  test('Dropout', [f(2, 3)], {}, { outputs: 2 }),
  test('Cast', [f(2, 3)], { to: int(7) }),
  test('Cast', [f(2, 3)], { to: int(10) }),
  test('CastLike', [f(2, 3), of('int32', 1)]),
  test('CumSum', [f(2, 3), num(1)]),
  // Reductions
  ...'L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare'
    .split(' ')
    .flatMap((name) => [
      test(`Reduce${name}`, [f(2, 3, 4, 5), list(1, -1)]),
      test(`Reduce${name}`, [f(2, 3, 4, 5), list(-2)], { keepdims: int(0) }),
      test(`Reduce${name}`, [f(2, 3, 4)], { keepdims: int(0) }),
    ]),
  test('ReduceMean', [f(2, 3, 4)], { axes: ints([-1]) }, { opset: 13 }),
  test('ReduceSum', [f(2, 3, 4)], { noop_with_empty_axes: int(1) }),
  test('ArgMax', [f(2, 3, 4)], { axis: int(-2) }),
  test('ArgMin', [f(2, 3, 4)], { keepdims: int(0) }),
  // Reshapes and moves
  test('Reshape', [f(2, 3, 4, 5), list(0, -1, 5)]),
  test('Reshape', [f(2, 3, 4, 5), list(-1)]),
  test('Reshape', [f(0, 3), list(3, 0)], { allowzero: int(1) }),
  test('Transpose', [f(2, 3, 4)]),
  test('Transpose', [f(2, 3, 4)], { perm: ints([1, 2, 0]) }),
  test('Concat', [f(2, 3, 4), f(2, 1, 4), f(2, 5, 4)], { axis: int(-2) }),
  test('Split', [f(2, 10)], { axis: int(1), num_outputs: int(4) }, { outputs: 4 }),
  test('Split', [f(2, 9), list(2, 3, 4)], { axis: int(-1) }, { outputs: 3 }),
  test('Split', [f(6, 2)], { split: ints([1, 5]) }, { outputs: 2, opset: 11 }),
  test('Split', [f(6, 2)], {}, { outputs: 3, opset: 11 }),
  test('Pad', [f(2, 3, 4), list(0, 1, 2, 3, 0, 1)]),
  test('Pad', [f(2, 3, 4), list(0, 0, -1, 0, 0, -2)]),
  test('Pad', [f(2, 3, 5, 5), list(1, 2, 3, 4), undefined, list(-2, -1)], { mode: string('reflect') }),
  test('Pad', [f(2, 3, 5, 5), list(0, 0, 1, 1, 0, 0, 2, 2)], { mode: string('edge') }),
  test('Pad', [f(2, 3)], { pads: ints([0, 1, 2, 3]) }, { opset: 10 }),
  test('Expand', [f(3, 1), list(2, 1, 6)]),
  test('Expand', [f(3, 4), list(1)]),
  test('Tile', [f(2, 3), list(3, 2)]),
  test('Unsqueeze', [f(2, 3), list(0, -1)]),
  test('Unsqueeze', [f(2, 3), list(3, 1)]),
  test('Unsqueeze', [f(2, 3)], { axes: ints([1]) }, { opset: 11 }),
  test('Squeeze', [f(1, 3, 1), list(-1)]),
  test('Squeeze', [f(1, 3, 1)]),
  test('Flatten', [f(2, 3, 4, 5)]),
  test('Flatten', [f(2, 3, 4, 5)], { axis: int(-1) }),
  test('Flatten', [f(2, 3, 4)], { axis: int(0) }),
  test('Flatten', [f(2, 3, 4)], { axis: int(3) }),
  test('DepthToSpace', [f(2, 12, 3, 4)], { blocksize: int(2), mode: string('CRD') }),
  test('SpaceToDepth', [f(2, 3, 4, 6)], { blocksize: int(2) }),
  test('CenterCropPad', [f(2, 5, 6), list(3, 8)], { axes: ints([1, -1]) }),
  // Selection by index
  test('Slice', [f(8, 9), list(1), list(7), list(-1), list(2)]),
  test('Slice', [f(8, 9), list(-1, -1), list(-100, 2), list(0, 1), list(-1, -2)]),
  test('Slice', [f(8, 9), list(2), list(2 ** 63)]),
  test('Slice', [f(8, 9), list(5), list(3)]),
  test('Slice', [f(8, 9)], { starts: ints([1]), ends: ints([-1]), axes: ints([1]) }, { opset: 9 }),
  test('Gather', [f(4, 5), list(0, -1, 2)], { axis: int(1) }),
  test('Gather', [f(4, 5), num(-1)]),
  test('Gather', [f(4, 5, 6), int64([0, 1, 2, 3], [2, 2])], { axis: int(-2) }),
  test('GatherElements', [f(3, 4), int64([0, 1, 2, 0], [1, 4])]),
  test('GatherND', [f(3, 4, 5), int64([0, 1, 2, 3], [2, 2])]),
  test('GatherND', [f(2, 4, 5), int64([1, 3], [2, 1])], { batch_dims: int(1) }),
  test('ScatterND', [f(4, 5), int64([1, 3], [2, 1]), f(2, 5)]),
  test('ScatterElements', [f(4, 5), int64([1, 3], [1, 2]), f(1, 2)], { axis: int(1) }),
  test('Scatter', [f(4, 5), int64([1, 3], [1, 2]), f(1, 2)], { axis: int(1) }, { opset: 10 }),
  test('TopK', [f(3, 8), list(3)], {}, { outputs: 2 }),
  test('TopK', [f(8, 3)], { k: int(2), axis: int(0) }, { outputs: 2, opset: 9 }),
  test('OneHot', [int64([1, 2, 0]), num(4), float32([2], [0, 1])], { axis: int(0) }),
  test('Trilu', [f(2, 4, 4)], { upper: int(0) }),
  test('ReverseSequence', [f(4, 2), int64([2, 3])]),
  test('EyeLike', [f(3, 4)], { dtype: int(7) }),
  // Products
  test('MatMul', [f(2, 1, 3, 4), f(5, 4, 6)]),
  test('MatMul', [f(4), f(5, 4, 6)]),
  test('MatMul', [f(5, 3, 4), f(4)]),
  test('MatMul', [f(4), f(4)]),
  test('Gemm', [f(3, 4), f(4, 5), f(5)]),
  test('Gemm', [f(4, 3), f(5, 4), f(3, 1)], { transA: int(1), transB: int(1), alpha: float(2) }),
  test('Einsum', [f(2, 3, 4), f(4, 5)], { equation: string('bij,jk->bik') }),
  test('Einsum', [f(2, 3, 4), f(2, 5, 4)], { equation: string('...id, ...jd -> ...ij') }),
  test('Einsum', [f(3, 4), f(4, 2)], { equation: string('ij,jk') }),
  test('Einsum', [f(3, 4, 4)], { equation: string('bii->b') }),
  test('MatMulInteger', [of('uint8', 2, 3), of('uint8', 3, 4)]),
  test('Det', [f(2, 3, 3)]),
  test('Attention', [f(2, 5, 8), f(2, 7, 8), f(2, 7, 8)], { q_num_heads: int(2), kv_num_heads: int(2) }, { opset: 23 }),
  // Normalisations
  test('BatchNormalization', [f(2, 3, 4, 4), f(3), f(3), f(3), f(3)]),
  test('LayerNormalization', [f(2, 3, 4), f(4), f(4)]),
  test('LayerNormalization', [f(2, 3, 4), f(3, 4)], { axis: int(1) }, { outputs: 3 }),
  test('RMSNormalization', [f(2, 3, 4), f(4)], {}, { opset: 23 }),
  test('InstanceNormalization', [f(2, 3, 4, 4), f(3), f(3)]),
  test('GroupNormalization', [f(2, 4, 5, 5), f(4), f(4)], { num_groups: int(2) }, { opset: 21 }),
  test('LpNormalization', [f(2, 3)]),
  test('MeanVarianceNormalization', [f(2, 3, 4, 4)]),
  test('LRN', [f(2, 3, 4, 4)], { size: int(3) }),
  test('Softmax', [f(2, 3)]),
  test('LogSoftmax', [f(2, 3)], { axis: int(0) }),
  test('Hardmax', [f(2, 3)]),
  // Resampling
  test('Resize', [f(1, 2, 5, 7), undefined, flt(1, 1, 2, 1.5)], { mode: string('linear') }),
  test('Resize', [f(1, 2, 5, 7), undefined, undefined, list(1, 2, 8, 3)], { mode: string('cubic') }),
  test('Resize', [f(1, 2, 5, 7), undefined, undefined, list(8, 3)], { axes: ints([2, 3]) }),
  test('Resize', [f(1, 2, 5, 7), undefined, undefined, list(9, 9)], {
    axes: ints([2, 3]),
    keep_aspect_ratio_policy: string('not_larger'),
  }),
  test('Resize', [f(1, 2, 5, 7), undefined, undefined, list(9, 9)], {
    axes: ints([2, 3]),
    keep_aspect_ratio_policy: string('not_smaller'),
  }),
  test('Resize', [f(1, 2, 5, 7), flt(), flt(1, 1, 0.3, 0.7)], {}, { opset: 11 }),
  test('Resize', [f(1, 2, 5, 7), flt(1, 1, 2, 3)], {}, { opset: 10 }),
  test('Upsample', [f(1, 2, 5, 7), flt(1, 1, 2, 3)], {}, { opset: 9 }),
  test('Upsample', [f(1, 2, 5, 7)], { scales: floats([1, 1, 1.5, 3]) }, { opset: 8 }),
  test('GridSample', [f(1, 2, 5, 7), f(1, 3, 4, 2)]),
  test('RoiAlign', [f(1, 2, 8, 8), f(3, 4), int64([0, 0, 0])], { output_height: int(3), output_width: int(2) }),
  test('AffineGrid', [f(2, 2, 3), list(2, 3, 5, 6)]),
  // Makers
  test('Constant', [], { value: { tensor: float32([2, 2], [1, 2, 3, 4]) } }),
  test('Constant', [], { value_int: int(3) }),
  test('Constant', [], { value_float: float(3) }),
  test('Constant', [], { value_ints: ints([1, 2, 3]) }),
  test('Constant', [], { value_floats: floats([1, 2]) }),
  test('ConstantOfShape', [list(2, 3)], { value: { tensor: int64([5]) } }),
  test('ConstantOfShape', [list(2, 3)]),
  test('Range', [num(2), num(11), num(3)]),
  test('Range', [num(5), num(-6), num(-2)]),
  test('Shape', [f(2, 3, 4)]),
  test('Shape', [f(2, 3, 4)], { start: int(-2), end: int(3) }),
  test('Size', [f(2, 3, 4)]),
  test('RandomNormal', [], { shape: ints([2, 3]) }),
  test('RandomUniform', [], { shape: ints([2, 3]) }),
  test('RandomNormalLike', [f(2, 3)]),
  test('RandomUniformLike', [f(2, 3)]),
  test('Bernoulli', [f(2, 3)]),
  test('QuantizeLinear', [f(2, 3), { constant: float32([], [0.1]) }, { constant: fromNumbers('int8', [], [0]) }]),
  test('QuantizeLinear', [f(2, 3), { constant: float32([], [0.1]) }]),
  test('DequantizeLinear', [of('uint8', 2, 3), { constant: float32([], [0.1]) }]),
  test('DynamicQuantizeLinear', [f(2, 3)], {}, { outputs: 3 }),
  test('QLinearMatMul', [
    of('uint8', 2, 3),
    ...[0.1, 3].map((v, i) => ({ constant: fromNumbers(i ? 'uint8' : 'float32', [], [v]) })),
    of('uint8', 3, 4),
    ...[0.1, 3, 0.1, 3].map((v, i) => ({ constant: fromNumbers(i % 2 ? 'uint8' : 'float32', [], [v]) })),
  ]),
];

/** A graph whose outputs have the types that inference found, so that the engine would refuse a wrong one. */
async function compare(nodeTest: NodeTest) {
  const { graph, feeds } = graphOf(nodeTest);
  const inferred = inferShapes(graph);
  const results = await run(inferred, feeds);
  const found = Object.fromEntries(Object.entries(results).map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
  const said = Object.fromEntries([...inferred.values].map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
  expect(said).toEqual(found);
}

describe('operators', () => {
  it.each(cases.map((c, i) => [`${i} ${c.op}`, c] as const))(
    '%s: type and shape as ONNX Runtime computes',
    async (_, c) => {
      await compare(c);
    },
  );

  it('every operator of the table is among the cases, but for those whose shape depends on data', () => {
    const covered = new Set(cases.map((c) => c.op));
    const missing = Object.keys(operators).filter((op) => !covered.has(op));
    const engineLacks = ['Acosh', 'Asinh', 'Atanh', 'Swish'];
    const dataDependent = ['Compress', 'NonMaxSuppression', 'NonZero', 'Unique'];
    expect(missing.sort()).toEqual([...engineLacks, ...dataDependent].sort());
  });

  it('leaves open only what data decide', () => {
    const shapeOf = (nodeTest: NodeTest) => inferShapes(graphOf(nodeTest).graph).values.get('o0');
    expect(shapeOf(test('NonZero', [f(2, 3)]))).toEqual({ name: 'o0', dtype: 'int64', shape: [2, '?'] });
    expect(shapeOf(test('Compress', [f(2, 3), of('bool', 2)], { axis: int(0) }))?.shape).toEqual(['?', 3]);
    expect(shapeOf(test('Unique', [f(2, 3)]))?.shape).toEqual(['?']);
    expect(shapeOf(test('NonMaxSuppression', [f(1, 3, 4), f(1, 2, 3)]))?.shape).toEqual(['?', 3]);
    expect(shapeOf(test('Reshape', [f(2, 3), int64([3, 2])]))?.shape).toEqual(['?', '?']);
    expect(shapeOf(test('MyOwn', [f(2, 3)]))).toBeUndefined();
  });
});

describe('windows, slices and scales at random', () => {
  let state = 7;
  const random = (low: number, high: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return low + ((state >>> 8) % (high - low + 1));
  };
  const pick = <T>(items: readonly T[]): T => items[random(0, items.length - 1)];

  it('pooling: 100 draws of kernel, stride, pads, dilation, rounding and auto_pad', async () => {
    for (let i = 0; i < 100; i++) {
      const kernel = random(1, 4);
      const auto = pick(['NOTSET', 'NOTSET', 'NOTSET', 'SAME_UPPER', 'VALID']);
      const pads = [random(0, kernel - 1), random(0, kernel - 1)];
      const attributes = {
        kernel_shape: ints([kernel]),
        // The engine refuses the negative padding of a stride beyond the kernel.
        strides: ints([auto === 'SAME_UPPER' ? random(1, kernel) : random(1, 4)]),
        auto_pad: string(auto),
        ceil_mode: int(random(0, 1)),
        ...(auto === 'NOTSET' && { pads: ints(pads), dilations: ints([random(1, 2)]) }),
      };
      await compare(test(pick(['MaxPool', 'AveragePool']), [f(1, 1, random(7, 16))], attributes));
    }
  });

  it('convolution and its transpose: 60 draws', async () => {
    for (let i = 0; i < 60; i++) {
      const stride = random(1, 3);
      const attributes = {
        strides: ints([stride]),
        pads: ints([random(0, 3), random(0, 3)]),
        dilations: ints([random(1, 3)]),
      };
      const transposed = i % 2 === 1;
      const extra = transposed && { output_padding: ints([random(0, stride - 1)]) };
      const inputs = [f(1, 2, random(9, 15)), f(2, 2, random(2, 4))];
      await compare(test(transposed ? 'ConvTranspose' : 'Conv', inputs, { ...attributes, ...extra }));
    }
  });

  it('slices: 100 draws with negative and overlong bounds', async () => {
    for (let i = 0; i < 100; i++) {
      const step = pick([-3, -2, -1, 1, 2, 3]);
      await compare(
        test('Slice', [f(2, 7), list(random(-9, 9)), list(random(-9, 9)), list(pick([1, -1])), list(step)]),
      );
    }
  });

  it('resize: 100 sizes and scales', async () => {
    for (let i = 0; i < 100; i++) {
      await compare(test('Resize', [f(random(1, 50)), undefined, flt(random(1, 400) / random(90, 110))]));
    }
  });
});

describe('inputs that do not fit', () => {
  const failures: [NodeTest, string][] = [
    [
      test('Conv', [f(1, 3, 8, 8), f(4, 2, 3, 3)]),
      'Node "node" (Conv): channels of the weights [4, 2, 3, 3] and of the input [1, 3, 8, 8]: 2 and 3 differ.',
    ],
    [
      test('Conv', [f(1, 3, 2, 8), f(4, 3, 3, 3)]),
      'Node "node" (Conv): a window of 3 does not fit the padded size 2 + 0 + 0.',
    ],
    [
      test('Conv', [f(1, 3, 8, 8), f(4, 3, 3, 3)], { pads: ints([1, 1]) }),
      'Node "node" (Conv): pads has 2 entries, but needs 4.',
    ],
    [test('Add', [f(2, 3), f(2)]), 'Node "node" (Add): the shapes [2, 3] and [2] do not broadcast.'],
    [
      test('Add', [f(2), of('int64', 2)]),
      'Node "node" (Add): operands are of different types, float32 and int64; cast one of them.',
    ],
    [test('Reshape', [f(2, 3), list(4, -1)]), 'Node "node" (Reshape): [2, 3] does not reshape to [4, -1].'],
    [test('MatMul', [f(2, 3), f(4, 5)]), 'Node "node" (MatMul): [2, 3] does not multiply with [4, 5]: 3 and 4 differ.'],
    [
      test('Concat', [f(2, 3), f(3, 3)], { axis: int(1) }),
      'Node "node" (Concat): [3, 3] does not concatenate with [2, 3] along axis 1: 3 and 2 differ.',
    ],
    [
      test('Transpose', [f(2, 3)], { perm: ints([0, 0]) }),
      'Node "node" (Transpose): perm [0, 0] is not a permutation of the axes of [2, 3].',
    ],
    [test('Softmax', [f(2, 3)], { axis: int(2) }), 'Node "node" (Softmax): axis 2 is outside a tensor of rank 2.'],
    [
      test('Softmax', [f(2, 3)], { axis: float(1) }),
      'Node "node" (Softmax): the attribute axis is of kind float, not int.',
    ],
    [test('Concat', [f(2, 3)]), 'Node "node" (Concat): the attribute axis is missing.'],
    [test('Gather', [f(2, 3), list(5)]), 'Node "node" (Gather): index 5 is outside axis 0 of [2, 3].'],
  ];
  it.each(failures)('%o', (nodeTest, message) => {
    expect(() => inferShapes(graphOf(nodeTest).graph)).toThrow(
      expect.objectContaining({ name: 'UserError', message }) as Error,
    );
  });
});
