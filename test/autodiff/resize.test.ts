import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { float, int, ints, string } from '../../src/graph/attributes.ts';
import { GraphBuilder, type ResizeOptions } from '../../src/graph/builder.ts';
import { float32, int64, sizeOf } from '../../src/graph/tensor.ts';
import type { Attribute } from '../../src/graph/graph.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { checkMap } from './check-map.ts';
import { uniform } from './check.ts';
import { runOnce } from '../../src/runtime/run-once.ts';

const coordinates = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
] as const;

/**
 * Larger, smaller, mixed, and factors that the rounded size does not tell. No position is a whole number in exact but not in
 * single precision, where `floor` would tell the reference from the engine; the engine's own are below.
 */
const targets: Pick<ResizeOptions, 'sizes' | 'scales'>[] = [
  { sizes: [7, 5] },
  { sizes: [1, 4] },
  { scales: [1.7, 2.3] },
  { scales: [0.65, 1] },
];

describe('gradients of Resize', () => {
  it.each(coordinates)('%s', async (mode) => {
    for (const target of targets) {
      for (const options of [
        { mode: 'linear' },
        { mode: 'linear', antialias: true },
        { mode: 'linear', antialias: true, excludeOutside: false },
        { mode: 'cubic' },
        { mode: 'cubic', excludeOutside: true },
        { mode: 'cubic', antialias: true, cubicCoeff: -0.5 },
        { mode: 'nearest', nearest: 'round_prefer_floor' },
        { mode: 'nearest', nearest: 'round_prefer_ceil' },
        { mode: 'nearest', nearest: 'floor' },
        { mode: 'nearest', nearest: 'ceil' },
      ] as const) {
        await checkMap([{ shape: [1, 2, 4, 5] }], (b, x) => b.resize(x, { ...target, ...options, coordinates: mode }));
      }
    }
  });

  it('repeats pixels', async () => {
    const nearest = { mode: 'nearest', coordinates: 'asymmetric', nearest: 'floor' } as const;
    await checkMap([{ shape: [2, 3, 4, 3] }], (b, x) => b.resize(x, { ...nearest, scales: [2, 2] }));
    await checkMap([{ shape: [2, 1, 2, 3] }], (b, x) => b.resize(x, { ...nearest, scales: [3, 1] }));
    await checkMap([{ shape: [2, 3, 2] }], (b, x) => b.resize(x, { ...nearest, sizes: [6, 8] }));
    await checkMap([{ shape: [3, 2] }], (b, x) => b.resize(x, { ...nearest, scales: [1, 2] }));
    await checkMap([{ shape: [1, 2, 3, 3] }], (b, x) => b.resize(x, { mode: 'nearest', scales: [2, 2] }));
    const adjoint = new GraphBuilder();
    const x = adjoint.input('x', [1, 2, 3, 3]);
    gradients(adjoint, adjoint.reduceSum(adjoint.resize(x, { ...nearest, scales: [2, 2] }), [0, 1, 2, 3]), [x]);
    expect(adjoint.made.map((node) => node.op)).toContain('AveragePool');
  });

  it('keeps the size: no operator at all', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [1, 1, 3, 3]);
    const [y] = b.op('Resize', [x, undefined, b.constant(float32([4], [1, 1, 1, 1]))], { mode: string('linear') });
    const before = b.made.length;
    const weights = b.constant(float32([1, 1, 3, 3], [...Array(9).keys()]));
    gradients(b, b.reduceSum(b.mul(y, weights), [0, 1, 2, 3]), [x]);
    expect(b.made.slice(before).map((node) => node.op)).not.toContain('MatMul');
  });

  it('other axes, by the attribute or by their factors, and an aspect ratio that is kept', async () => {
    const nearest = { mode: string('nearest') };
    await checkMap([{ shape: [2, 3, 4] }], (b, x) =>
      b.op('Resize', [x, undefined, undefined, b.constant(int64([5, 3]))], { ...nearest, axes: ints([0, -1]) }),
    );
    await checkMap([{ shape: [2, 3, 4] }], (b, x) =>
      b.op('Resize', [x, undefined, b.constant(float32([3], [2, 0.7, 1.5]))], nearest),
    );
    await checkMap([{ shape: [3, 4] }], (b, x) =>
      b.op('Resize', [x, undefined, undefined, b.constant(int64([7, 9]))], { mode: string('linear') }),
    );
    await checkMap([{ shape: [1, 1, 2, 3, 4] }], (b, x) =>
      b.op('Resize', [x, undefined, b.constant(float32([5], [1, 1, 2, 1.4, 1.5]))], { mode: string('linear') }),
    );
    for (const policy of ['not_larger', 'not_smaller']) {
      await checkMap([{ shape: [1, 1, 3, 4] }], (b, x) =>
        b.op('Resize', [x, undefined, undefined, b.constant(int64([7, 6]))], {
          mode: string('linear'),
          axes: ints([2, 3]),
          keep_aspect_ratio_policy: string(policy),
        }),
      );
    }
  });

  it('names the mode that has no gradient', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [1, 1, 3, 3]);
    const roi = b.constant(float32([8], [0, 0, 0, 0, 1, 1, 1, 1]));
    const [y] = b.op('Resize', [x, roi, undefined, b.constant(int64([1, 1, 2, 2]))], {
      mode: string('linear'),
      coordinate_transformation_mode: string('tf_crop_and_resize'),
    });
    expect(() => gradients(b, b.reduceSum(y, [0, 1, 2, 3]), [x])).toThrow(/Resize.*tf_crop_and_resize/);
  });
});

describe('the adjoint of what the engine computes', () => {
  const modes: Record<string, Attribute>[] = [
    { mode: string('linear') },
    { mode: string('linear'), antialias: int(1) },
    { mode: string('cubic'), cubic_coeff_a: float(-0.6) },
    { mode: string('cubic'), exclude_outside: int(1) },
    { mode: string('cubic'), antialias: int(1), exclude_outside: int(1) },
    ...['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'].map((rounding) => ({
      mode: string('nearest'),
      nearest_mode: string(rounding),
    })),
  ];
  // Ties among them: 20 to 6 and 14 to 19 fall between two pixels, and single precision decides.
  const sizes = [
    [20, 6],
    [14, 19],
    [22, 13],
    [7, 8],
    [33, 1],
    [1, 5],
    [31, 64],
  ];

  it.each(coordinates)('%s', async (transformation) => {
    const random = uniform(5);
    for (const [from, to] of sizes) {
      for (const [k, attributes] of modes.entries()) {
        const b = new GraphBuilder();
        // Every pixel alone, one an image, in rows of two images: the output is the matrix.
        const shape = [from, 1, 2, from];
        const x = b.input('x', shape);
        const target = k % 2 === 0 ? { sizes: b.constant(int64([from, 1, 2, to])) } : {};
        const factors = k % 2 === 1 ? b.constant(float32([4], [1, 1, 1, (to + 0.2) / from])) : undefined;
        const y = b.op('Resize', [x, undefined, factors, target.sizes], {
          ...attributes,
          coordinate_transformation_mode: string(transformation),
        })[0];
        const weights = Array.from({ length: sizeOf(y.shape) }, () => random() - 0.5);
        const loss = b.reduceSum(b.mul(y, b.constant(float32(y.shape, weights))), [0, 1, 2, 3]);
        b.output(y, 'y');
        b.output(gradients(b, loss, [x])[0], 'gradient');
        const pixels = Array.from({ length: sizeOf(shape) }, (_, i) => +(Math.floor(i / from / 2) === i % from));
        const tensors = await runOnce(nodeEngine(), b.build(), { x: float32(shape, pixels) });
        const matrix = tensors.y.data as Float32Array;
        const found = tensors.gradient.data as Float32Array;
        for (let row = 0; row < 2 * from; row++) {
          for (let i = 0; i < from; i++) {
            let expected = 0;
            for (let o = 0; o < to; o++) expected += weights[row * to + o] * matrix[i * 2 * to + o];
            expect(Math.abs(found[row * from + i] - expected), `${from} to ${to}`).toBeLessThan(1e-5);
          }
        }
      }
    }
  });
});
