// Gradients of convolutions: in float64 against central differences, in float32 against float64, and against PyTorch.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { int, ints, string } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import type { Attribute } from '../../src/graph/graph.ts';
import { float32, sizeOf } from '../../src/graph/tensor.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { golden, largestDifference } from '../golden.ts';
import { checkGradients, uniform } from './check.ts';
import { evaluate } from './reference/evaluate.ts';
import { runOnce } from '../../src/runtime/run-once.ts';

interface Case {
  readonly op: 'Conv' | 'ConvTranspose';
  readonly images: number;
  readonly group: number;
  /** Channels of a group, of the input and of the output. */
  readonly channels: readonly [number, number];
  readonly size: readonly number[];
  readonly kernel: readonly number[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly bias?: boolean;
}

const shapesOf = ({ op, images, group, channels: [from, to], size, kernel, bias }: Case): number[][] => [
  [images, group * from, ...size],
  op === 'Conv' ? [group * to, from, ...kernel] : [group * from, to, ...kernel],
  ...(bias ? [[group * to]] : []),
];

const build =
  ({ op, group, kernel, attributes }: Case) =>
  (b: GraphBuilder, ...inputs: Value[]): Value =>
    b.op(op, inputs, { kernel_shape: ints(kernel), group: int(group), ...attributes })[0];

const label = ({ op, images, group, channels, size, kernel, attributes }: Case) =>
  `${op} of ${images} x ${size.join('x')}, kernel ${kernel.join('x')}, ${group} x ${channels.join('->')} channels, ` +
  JSON.stringify(
    Object.fromEntries(Object.entries(attributes ?? {}).map(([key, value]) => [key, Object.values(value)[0]])),
  );

/** Cases with every attribute drawn at random. */
function drawn(op: Case['op'], count: number, rank: number): Case[] {
  const random = uniform(rank + (op === 'Conv' ? 0 : 10));
  const pick = <T>(...choices: T[]): T => choices[Math.floor(random() * choices.length)];
  const each = (draw: (axis: number) => number) => Array.from({ length: rank }, (_, axis) => draw(axis));
  return Array.from({ length: count }, () => {
    const kernel = each(() => pick(1, 2, 3, 4));
    const strides = each(() => pick(1, 1, 2, 3));
    const dilations = each(() => pick(1, 1, 2));
    const pads = [...each(() => pick(0, 0, 1, 2)), ...each(() => pick(0, 0, 1, 2))];
    const extent = kernel.map((k, axis) => (k - 1) * dilations[axis] + 1);
    // Padding by more than the kernel's extent, or an output of nothing, is left to none.
    pads.forEach((pad, i) => (pads[i] = Math.min(pad, extent[i % rank] - 1)));
    const outputPadding = each((axis) => Math.floor(random() * strides[axis]));
    return {
      op,
      images: pick(1, 2),
      group: pick(1, 1, 2, 3),
      channels: [pick(1, 2), pick(1, 2, 9)],
      size: each((axis) => Math.max(2, op === 'Conv' ? extent[axis] : 0) + pick(0, 1, 2, 3)),
      kernel,
      attributes: {
        strides: ints(strides),
        dilations: ints(dilations),
        pads: ints(pads),
        ...(op === 'ConvTranspose' && { output_padding: ints(outputPadding) }),
      },
      bias: pick(true, false),
    };
  });
}

const conv = (size: number[], kernel: number[], attributes: Record<string, Attribute>, group = 1): Case => ({
  op: 'Conv',
  images: 2,
  group,
  channels: [2, 2],
  size,
  kernel,
  attributes,
});
const transposed = (size: number[], kernel: number[], attributes: Record<string, Attribute>): Case => ({
  ...conv(size, kernel, attributes),
  op: 'ConvTranspose',
});

const chosen: Case[] = [
  // The forms that rules choose between: same size, pointwise, strided pointwise, patches, depthwise, many outputs, valid.
  conv([5, 4], [3, 3], { pads: ints([1, 1, 1, 1]) }),
  conv([4, 3], [1, 1], {}),
  conv([5, 4], [1, 1], { strides: ints([2, 3]) }),
  conv([4, 3], [1, 1], { pads: ints([1, 0, 0, 1]) }),
  conv([6, 6], [3, 3], { strides: ints([3, 3]) }),
  conv([4, 3], [1, 1], { strides: ints([2, 2]) }, 2),
  { ...conv([6, 5], [4, 4], { strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) }, 3), channels: [1, 1] },
  { ...conv([5, 5], [3, 3], { pads: ints([1, 1, 1, 1]) }), channels: [1, 9] },
  conv([5, 5], [5, 4], {}),
  // More padding than the kernel has taps.
  conv([3, 3], [2, 1], { pads: ints([2, 1, 3, 2]) }),
  conv([6, 5], [3, 2], { auto_pad: string('VALID'), strides: ints([2, 1]) }),
  conv([6, 5], [3, 2], { auto_pad: string('SAME_UPPER'), strides: ints([2, 2]) }),
  conv([6, 5], [3, 2], { auto_pad: string('SAME_LOWER') }),
  conv([5, 6], [1, 2], { auto_pad: string('SAME_LOWER'), strides: ints([2, 2]) }),
  transposed([3, 2], [3, 3], { strides: ints([2, 2]) }),
  transposed([3, 4], [3, 2], { auto_pad: string('SAME_UPPER'), strides: ints([2, 1]) }),
  transposed([3, 4], [3, 2], { auto_pad: string('SAME_LOWER'), strides: ints([2, 1]) }),
  transposed([3, 4], [3, 2], { auto_pad: string('VALID'), strides: ints([2, 1]) }),
  transposed([3, 4], [4, 3], { output_shape: ints([7, 8]), strides: ints([2, 2]) }),
  transposed([3, 4], [2, 3], { output_shape: ints([7, 8]), strides: ints([3, 2]) }),
  conv([3, 3, 4], [2, 3, 2], { strides: ints([1, 1, 2]), pads: ints([1, 0, 0, 0, 1, 1]) }),
  transposed([2, 2, 2], [2, 1, 2], { strides: ints([2, 1, 1]) }),
];

describe('gradients of first and second order in float64', () => {
  const cases = [
    ...chosen,
    ...drawn('Conv', 14, 2),
    ...drawn('ConvTranspose', 14, 2),
    ...drawn('Conv', 6, 1),
    ...drawn('ConvTranspose', 6, 1),
  ];
  it.each(cases.map((c) => [label(c), c] as const))('%s', (_, c) => {
    checkGradients(
      shapesOf(c).map((shape) => ({ shape })),
      build(c),
      { seed: c.size[0] },
    );
  });
});

describe('gradients in float32', () => {
  const wide = (c: Case): Case => ({ ...c, channels: [16, 16] });
  const cases = [
    ...[...chosen, ...drawn('Conv', 12, 2), ...drawn('ConvTranspose', 12, 2), ...drawn('Conv', 4, 1)].map(
      (c) => [label(c), c, false] as const,
    ),
    // ONNX Runtime lays out channels in blocks where weights are constant.
    ...chosen.slice(0, 6).map((c) => [`${label(c)}, constant weights`, wide(c), true] as const),
  ];
  it.each(cases)('%s', async (_, c, constant) => {
    const random = uniform(7);
    const tensors = shapesOf(c).map((shape) =>
      float32(
        shape,
        Array.from({ length: sizeOf(shape) }, () => random() - 0.5),
      ),
    );
    const b = new GraphBuilder();
    const x = tensors.map((tensor, i) => (constant && i > 0 ? b.constant(tensor) : b.input(`x${i}`, tensor.shape)));
    const y = build(c)(b, ...x);
    const wrt = constant ? x.slice(0, 1) : x;
    const squares = (values: readonly Value[]) =>
      values.map((v) => b.reduceSum(b.mul(v, v), [...v.shape.keys()])).reduce((sum, term) => b.add(sum, term));
    const first = gradients(b, squares([y]), wrt);
    const second = gradients(b, squares(first), wrt);
    [...first, ...second].forEach((value, i) => b.output(value, `g${i}`));
    const feeds = Object.fromEntries(tensors.map((tensor, i) => [`x${i}`, tensor]));
    const exact = evaluate(b.build(), feeds);
    const found = await runOnce(nodeEngine(), b.build(), feeds);
    for (const [name, { shape, data }] of Object.entries(exact)) {
      expect(found[name].shape).toEqual(shape);
      const scale = Math.max(1e-3, ...data.map(Math.abs));
      expect(largestDifference(found[name].data as Float32Array, data) / scale, name).toBeLessThan(3e-6);
    }
  });
});

describe('a transposed convolution of PyTorch', () => {
  it('has its gradient', async () => {
    const ops = await golden('ops');
    const [x, y, map, grad] = ['x', 'y', 'map', 'grad'].map((key) => ops(`conv_transpose_stride2/${key}`));
    const b = new GraphBuilder();
    const input = b.input('x', x.shape);
    const weight = float32(
      [2, 3, 3, 3],
      Array.from({ length: 54 }, (_, i) => i * 0.01),
    );
    const [out] = b.op('ConvTranspose', [input, b.constant(weight)], { strides: ints([2, 2]) });
    const loss = b.reduceSum(b.mul(out, b.constant(float32(map.shape, map.data))), [0, 1, 2, 3]);
    b.output(out, 'y');
    b.output(gradients(b, loss, [input])[0], 'grad');
    const tensors = await runOnce(nodeEngine(), b.build(), { x: float32(x.shape, x.data) });
    expect(largestDifference(tensors.y.data as Float32Array, y.data)).toBeLessThan(1e-5);
    expect(largestDifference(tensors.grad.data as Float32Array, grad.data)).toBeLessThan(1e-5);
  });
});
