// The filtered leaky ReLU of StyleGAN3 against its definition in float64.

import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.ts';
import { toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { filteredRelu, planFilteredRelu, unusedBorder } from '../../../src/zoo/stylegan3/filtered-relu.ts';
import { Weights } from '../../../src/zoo/weights.ts';
import { largestDifference } from '../../golden.ts';
import { engine, noise } from '../fixtures.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

describe('a filtered leaky ReLU', () => {
  // Against the definition, in float64: zero insertion, padding, filter, leaky ReLU, clamp, filter, decimation.
  const cases = [
    { up: 2, down: 2, size: [9, 8], padding: [9, 8, 7, 9], square: false },
    { up: 2, down: 2, size: [20, 17], padding: [-5, -6, -3, -4], square: true },
    { up: 4, down: 2, size: [13, 12], padding: [-2, 5, 6, -1], square: false },
    { up: 4, down: 2, size: [8, 7], padding: [6, 3, 6, 4], square: true },
    { up: 4, down: 1, size: [6, 7], padding: [3, 4, 5, 6], square: false },
    { up: 1, down: 1, size: [5, 6], padding: [1, 0, 0, 2], square: false },
  ] as const;

  it.each(cases)('is that of the definition: up $up, down $down, square $square', async (of) => {
    const { up, down, size, padding, square } = of;
    const taps = [up === 1 ? 1 : 6 * up, down === 1 ? 1 : 6 * down];
    const filters = new Map<string, Tensor>();
    if (up > 1) filters.set('l.up_filter', noise([taps[0]], 1));
    if (down > 1) filters.set('l.down_filter', noise(square ? [taps[1], taps[1]] : [taps[1]], 2));
    const settings = { up, down, padding, slope: 0.2, gain: 1.5, clamp: 2 };
    const weights = new Weights(filters, 'm');
    const plan = planFilteredRelu(weights, 'l', size, settings);
    const x = noise([1, 1, ...size], 3);
    const b = new GraphBuilder();
    // The border that has no influence is cut off, as a layer does.
    const [top, left, bottom, right] = unusedBorder(plan);
    const inner = b.slice(b.input('x', x.shape), {
      axes: [2, 3],
      starts: [top, left],
      ends: [size[0] - bottom, size[1] - right],
    });
    b.output(filteredRelu(b, inner, weights, 'l', plan), 'y');
    const tensors = await runOnce(engine, b.build(), { x });
    const expected = reference(x, filters.get('l.up_filter'), filters.get('l.down_filter'), settings);
    expect(tensors.y.shape).toEqual([1, 1, expected.length, expected[0].length]);
    expect(largestDifference(toFloat32(tensors.y), expected.flat())).toBeLessThan(1e-5);
  });

  it('names a filter that is missing', () => {
    const settings = { up: 2, down: 2, padding: [9, 8, 9, 8], slope: 0.2, gain: 1, clamp: null } as const;
    const weights = new Weights(new Map([['l.up_filter', noise([12], 1)]]), 'm');
    expect(() => planFilteredRelu(weights, 'l', [8, 8], settings)).toThrow(/"l\.down_filter"/);
  });

  type Map2 = number[][];
  function reference(
    x: Tensor,
    rise: Tensor | undefined,
    fall: Tensor | undefined,
    { up, down, padding: [x0, x1, y0, y1], slope, gain, clamp }: Parameters<typeof planFilteredRelu>[3],
  ): Map2 {
    const [height, width] = x.shape.slice(2);
    const data = toFloat32(x);
    const kernel = (filter: Tensor | undefined): Map2 => {
      if (!filter) return [[1]];
      const values = [...toFloat32(filter)];
      const taps = filter.shape[0];
      return filter.shape.length === 1
        ? values.map((a) => values.map((c) => a * c))
        : Array.from({ length: taps }, (_, i) => values.slice(i * taps, (i + 1) * taps));
    };
    const convolved = (map: Map2, k: Map2): Map2 => {
      const n = k.length;
      return Array.from({ length: map.length - n + 1 }, (_, y) =>
        Array.from({ length: map[0].length - n + 1 }, (_, x) => {
          let sum = 0;
          for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) sum += map[y + i][x + j] * k[n - 1 - i][n - 1 - j];
          return sum;
        }),
      );
    };
    const padded = Array.from({ length: height * up + y0 + y1 }, (_, y) =>
      Array.from({ length: width * up + x0 + x1 }, (_, x) => {
        const [v, u] = [y - y0, x - x0];
        const inside = v >= 0 && u >= 0 && v < height * up && u < width * up && v % up === 0 && u % up === 0;
        return inside ? data[(v / up) * width + u / up] : 0;
      }),
    );
    const active = convolved(padded, kernel(rise)).map((row) =>
      row.map((v) => {
        const scaled = v * up * up * gain;
        return Math.max(-clamp!, Math.min(clamp!, scaled < 0 ? slope * scaled : scaled));
      }),
    );
    const every = <T>(list: T[]) => list.filter((_, i) => i % down === 0);
    return every(convolved(active, kernel(fall))).map(every);
  }
});
