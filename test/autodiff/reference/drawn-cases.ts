// Cases that are drawn from a fixed random sequence: windows, slices, pads; and all modes of resizing.
// Cases that can be listed are in fixed-cases.ts.

import { float, int, ints, string } from '../../../src/graph/attributes.ts';
import { choose, f, floatList, integer, list, test } from './case.ts';
import type { Case } from './case.ts';

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

const conv = (rank: number): Case => {
  const group = choose([1, 1, 2, 3]);
  const perGroup = integer(1, 3);
  const each = (low: number, high: number) => ints(times(rank, () => integer(low, high)));
  const auto = choose(['NOTSET', 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID']);
  const kernel = times(rank, () => integer(2, 4));
  const outputs = group * integer(1, 2);
  const w = f(outputs, perGroup, ...kernel);
  return test(
    'Conv',
    [f(2, group * perGroup, ...times(rank, () => integer(8, 11))), w, choose([undefined, f(outputs)])],
    {
      group: int(group),
      strides: auto.startsWith('SAME') ? each(1, 2) : each(1, 3),
      auto_pad: string(auto),
      ...(auto === 'NOTSET' && { pads: ints(times(2 * rank, () => integer(0, 2))) }),
      ...(!auto.startsWith('SAME') && { dilations: each(1, 2) }),
    },
  );
};

const convTranspose = (rank: number): Case => {
  const group = choose([1, 1, 2]);
  const strides = times(rank, () => integer(2, 3));
  const outputs = integer(1, 3);
  return test(
    'ConvTranspose',
    [
      f(2, group * 2, ...times(rank, () => integer(4, 6))),
      f(group * 2, outputs, ...times(rank, () => integer(3, 4))),
      choose([undefined, f(group * outputs)]),
    ],
    {
      group: int(group),
      strides: ints(strides),
      dilations: ints(times(rank, () => integer(1, 2))),
      output_padding: ints(strides.map((stride) => integer(0, stride - 1))),
      pads: ints(times(2 * rank, () => integer(0, 2))),
    },
  );
};

const convolution: Case[] = [
  ...times(24, (i) => conv(i % 4 === 3 ? 1 : 2)),
  ...times(16, (i) => convTranspose(i % 4 === 3 ? 1 : 2)),
  test('ConvTranspose', [f(1, 3, 5, 6), f(3, 4, 3, 3)], { strides: ints([2, 3]), auto_pad: string('SAME_UPPER') }),
  test('ConvTranspose', [f(1, 3, 5, 6), f(3, 4, 4, 4)], { strides: ints([3, 3]), auto_pad: string('SAME_LOWER') }),
  test('ConvTranspose', [f(1, 3, 5, 6), f(3, 4, 3, 3)], { strides: ints([2, 3]), auto_pad: string('VALID') }),
  test('ConvTranspose', [f(1, 3, 5, 6), f(3, 4, 3, 3)], { strides: ints([2, 2]), output_shape: ints([10, 12]) }),
];

const pool = (op: string, rank: number): Case => {
  const kernel = times(rank, () => integer(2, 4));
  const auto = choose(['NOTSET', 'NOTSET', 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID']);
  const attributes = {
    kernel_shape: ints(kernel),
    strides: ints(kernel.map((size) => integer(1, auto === 'NOTSET' ? 3 : size))),
    auto_pad: string(auto),
    ...(auto === 'NOTSET' && {
      pads: ints([...kernel, ...kernel].map((size) => integer(0, size - 1))),
      dilations: ints(kernel.map(() => choose([1, 1, 2]))),
      ceil_mode: int(integer(0, 1)),
    }),
    ...(op === 'AveragePool' && { count_include_pad: int(integer(0, 1)) }),
  };
  const x = f(2, 3, ...times(rank, () => integer(7, 10)));
  return test(op, [x], attributes, op === 'MaxPool' ? integer(1, 2) : 1);
};

const pooling: Case[] = [
  ...times(24, (i) => pool('MaxPool', i % 4 === 3 ? 1 : 2)),
  ...times(32, (i) => pool('AveragePool', i % 4 === 3 ? 1 : 2)),
  test('GlobalAveragePool', [f(2, 3, 5, 7)]),
  test('GlobalAveragePool', [f(2, 3, 5)]),
  test('GlobalMaxPool', [f(2, 3, 5, 7)]),
  test('GlobalMaxPool', [f(2, 3, 5)]),
];

const slice = (): Case => {
  const axes = choose([[0], [1], [2, 0], [0, 1, 2], [-1, -3]]);
  return test('Slice', [
    f(5, 6, 7),
    list(...axes.map(() => integer(-9, 8))),
    list(...axes.map(() => integer(-9, 8))),
    list(...axes),
    list(...axes.map(() => choose([1, 2, 3, -1, -1, -2]))),
  ]);
};

const pad = (mode: string, low: number): Case =>
  test(
    'Pad',
    [
      f(2, 4, 5),
      list(...times(4, () => integer(low, 3))),
      choose([undefined, mode === 'constant' ? floatList(1.5) : undefined]),
      list(2, 1),
    ],
    { mode: string(mode) },
  );

const selection: Case[] = [
  test('Slice', [f(8, 9), list(2), list(2 ** 63)]),
  test('Slice', [f(8, 9), list(1, 2), list(-1, -2)]),
  test('Slice', [f(8, 9), list(-1, -1), list(-100, 2), list(0, 1), list(-1, -2)]),
  ...times(24, slice),
  ...times(4, () => pad('constant', 0)),
  ...times(4, () => pad('constant', -2)),
  ...['reflect', 'edge', 'wrap'].flatMap((mode) => times(3, () => pad(mode, 0))),
  test('Pad', [f(2, 3, 4), list(0, 1, 2, 3, 0, 1)]),
];

const coordinateModes = ['half_pixel', 'pytorch_half_pixel', 'half_pixel_symmetric', 'align_corners', 'asymmetric'];
const nearestModes = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'];

/** Targets for 7 x 9: larger, smaller, mixed, one, one axis only. */
const sizes = [
  [16, 12],
  [4, 5],
  [3, 20],
  [1, 4],
  [7, 5],
];
const scales = [
  [1.7, 1.3],
  [0.6, 0.8],
  [2, 0.5],
  [1, 1.9],
];
/** Those of 'nearest' put no position on a tie, which the engine's float32 would decide by a rounding error. */
const untiedSizes = [
  [16, 12],
  [4, 8],
  [2, 20],
  [7, 10],
];
const untiedScales = [
  [1.71, 1.29],
  [0.61, 0.83],
  [2, 0.55],
  [1, 1.87],
];

const resizes = (attributes: Case['attributes'], coordinates: readonly string[], tied = true): Case[] =>
  coordinates.flatMap((mode) => {
    const all = { ...attributes, coordinate_transformation_mode: string(mode) };
    const x = () => f(1, 2, 7, 9);
    return [
      ...(tied ? sizes : untiedSizes).map((to) => test('Resize', [x(), undefined, undefined, list(1, 2, ...to)], all)),
      ...(tied ? scales : untiedScales).map((by) => test('Resize', [x(), undefined, floatList(1, 1, ...by)], all)),
    ];
  });

const cropped = (attributes: Case['attributes']): Case =>
  test('Resize', [f(1, 2, 7, 9), floatList(0, 0, 0.1, 0.2, 1, 1, 0.8, 1.3), undefined, list(1, 2, 5, 6)], {
    ...attributes,
    coordinate_transformation_mode: string('tf_crop_and_resize'),
    extrapolation_value: float(7.5),
  });

const nearest = { mode: string('nearest') };
const linear = { mode: string('linear') };
const cubic = { mode: string('cubic') };
const antialias = { antialias: int(1) };
const excluding = { exclude_outside: int(1) };

const resizing: Case[] = [
  test('Resize', [f(1, 2, 7, 9), undefined, undefined, list(1, 2, 10, 20)]),
  ...nearestModes.flatMap((mode) => resizes({ ...nearest, nearest_mode: string(mode) }, coordinateModes, false)),
  test('Resize', [f(3, 4, 5), undefined, undefined, list(5, 3, 8)], nearest),
  test('Resize', [f(3, 4, 5), undefined, floatList(2, 1.5), undefined], { ...nearest, axes: ints([2, 0]) }),
  ...resizes(linear, coordinateModes),
  test('Resize', [f(5, 6), undefined, undefined, list(7, 3)], linear),
  test('Resize', [f(2, 5, 6), undefined, undefined, list(8, 3)], { ...linear, axes: ints([1, 2]) }),
  ...resizes(cubic, coordinateModes),
  ...resizes({ ...cubic, cubic_coeff_a: float(-0.5) }, ['half_pixel']),
  ...resizes({ ...cubic, ...excluding }, ['half_pixel', 'asymmetric', 'align_corners']),
  ...resizes({ ...linear, ...antialias }, ['half_pixel', 'asymmetric', 'align_corners']),
  ...resizes({ ...linear, ...antialias, ...excluding }, ['half_pixel']),
  ...resizes({ ...cubic, ...antialias }, ['half_pixel', 'asymmetric']),
  ...resizes({ ...cubic, ...antialias, ...excluding, cubic_coeff_a: float(-0.5) }, ['half_pixel']),
  ...[nearest, linear, cubic].map(cropped),
  ...['not_larger', 'not_smaller'].map((policy) =>
    test('Resize', [f(1, 2, 7, 9), undefined, undefined, list(12, 11)], {
      ...linear,
      axes: ints([2, 3]),
      keep_aspect_ratio_policy: string(policy),
    }),
  ),
];

/** By group; each group is run as one graph. */
export const drawn: Readonly<Record<string, readonly Case[]>> = { convolution, pooling, selection, resizing };
