import { describe, expect, it } from 'vitest';
import type { GraphBuilder, Value } from '../../src/graph/builder.ts';
import { float32, type Float32Tensor } from '../../src/graph/tensor.ts';
import { randomAt } from '../../src/random.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { featureDistance, imageMetrics } from '../../src/synthesis/metrics.ts';
import type { Encoder } from '../../src/zoo/model.ts';

/** Planar noise on a slope, in [0, 1]. */
const picture = (height: number, width: number, seed: number, noise: number): Float32Array =>
  Float32Array.from({ length: 3 * height * width }, (_, i) => {
    const slope = ((i % width) / width + Math.floor(i / width / height) / 3) / 2;
    return Math.min(1, Math.max(0, slope + noise * (randomAt(seed, i) - 0.5)));
  });

/** SSIM as equations 13 to 15 of Wang et al. 2004 have it, window by window, in float64, on 8-bit luma. */
function directSsim(a: Float32Array, b: Float32Array, height: number, width: number, size = 11): number {
  const luma = (x: Float32Array) => {
    const area = height * width;
    const byte = (value: number) => Math.round(value * 255);
    return Array.from({ length: area }, (_, i) =>
      Math.floor(0.29894 * byte(x[i]) + 0.58704 * byte(x[area + i]) + 0.11402 * byte(x[2 * area + i]) + 0.5),
    );
  };
  const [x, y] = [luma(a), luma(b)];
  const radius = (size - 1) / 2;
  const weight = (dx: number, dy: number) => Math.exp(-(dx * dx + dy * dy) / (2 * 1.5 ** 2));
  const [c1, c2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];
  let sum = 0;
  let windows = 0;
  for (let row = radius; row < height - radius; row++) {
    for (let column = radius; column < width - radius; column++) {
      const around: [w: number, x: number, y: number][] = [];
      for (let dy = -radius; dy <= radius; dy++) {
        for (let dx = -radius; dx <= radius; dx++) {
          const at = (row + dy) * width + column + dx;
          around.push([weight(dx, dy), x[at], y[at]]);
        }
      }
      const total = around.reduce((s, [w]) => s + w, 0);
      const mean = (f: (x: number, y: number) => number) => around.reduce((s, [w, u, v]) => s + w * f(u, v), 0) / total;
      const [mx, my] = [mean((u) => u), mean((_, v) => v)];
      const vx = mean((u) => (u - mx) ** 2);
      const vy = mean((_, v) => (v - my) ** 2);
      const cov = mean((u, v) => (u - mx) * (v - my));
      sum += ((2 * mx * my + c1) * (2 * cov + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2));
      windows++;
    }
  }
  return sum / windows;
}

describe('imageMetrics', () => {
  it.each([
    [32, 32, 11],
    [23, 41, 11],
    [8, 20, 7],
    [3, 5, 3],
  ])('gives the SSIM of the paper for %i x %i pixels (windows of %i), within 1e-9', (height, width, size) => {
    const a = picture(height, width, 1, 0.3);
    for (const noise of [0.3, 0.6, 1.5]) {
      const b = picture(height, width, 2, noise);
      const { ssim } = imageMetrics(a, b, height, width);
      expect(Math.abs(ssim - directSsim(a, b, height, width, size))).toBeLessThan(1e-9);
      expect(ssim).toBeLessThan(0.99);
      expect(imageMetrics(b, a, height, width).ssim).toBeCloseTo(ssim, 12);
    }
  });

  it('does not shrink large images, unlike the library by default', () => {
    const [height, width] = [390, 400];
    const a = picture(height, width, 1, 0.3);
    const b = picture(height, width, 2, 0.3);
    const inner = (x: Float32Array) => {
      const part = new Float32Array(3 * 40 * 40);
      for (let c = 0; c < 3; c++)
        for (let y = 0; y < 40; y++)
          for (let u = 0; u < 40; u++) part[c * 1600 + y * 40 + u] = x[c * height * width + y * width + u + 150];
      return part;
    };
    // Noise is the same everywhere: a part tells the whole, but not a shrunken whole, whose noise is averaged away.
    const whole = imageMetrics(a, b, height, width).ssim;
    expect(Math.abs(whole - directSsim(inner(a), inner(b), 40, 40))).toBeLessThan(0.03);
  });

  it('is 1 and Infinity for equal images, and follows the formulas for constant ones', () => {
    const constant = (value: number) => new Float32Array(3 * 16 * 16).fill(value);
    const same = picture(16, 16, 3, 0.5);
    expect(imageMetrics(same, same, 16, 16)).toEqual({ mse: 0, psnr: Infinity, ssim: 1 });
    const [x, y] = [51, 204];
    const { mse, psnr, ssim } = imageMetrics(constant(x / 255), constant(y / 255), 16, 16);
    expect(mse).toBeCloseTo(0.36, 6);
    expect(psnr).toBeCloseTo(4.436975, 5);
    const c1 = 2.55 ** 2;
    expect(ssim).toBeCloseTo((2 * x * y + c1) / (x * x + y * y + c1), 9);
  });

  it('refuses arrays of another size', () => {
    expect(() => imageMetrics(new Float32Array(12), new Float32Array(12), 2, 3)).toThrow(RangeError);
  });
});

/** Two layers of weighted channels, one of them on half the grid; the second is silent where its input is dark. */
const encoder = {
  name: 'toy',
  addTo(b: GraphBuilder, images: Value) {
    const weights = (out: number, into: number, seed: number) =>
      b.constant(
        float32(
          [out, into, 1, 1],
          Array.from({ length: out * into }, (_, i) => randomAt(seed, i) - 0.4),
        ),
      );
    const first = b.conv(images, weights(4, 3, 7), undefined, {}, 'first');
    const pooled = b.averagePool(first, { kernel: [2, 2], strides: [2, 2] });
    const second = b.relu(b.conv(pooled, weights(5, 4, 8)), 'second');
    return { taps: new Map(Object.entries({ first, second })), output: second };
  },
} as unknown as Encoder;

/** The same in float64. */
function directDistance(a: Float32Array, b: Float32Array, size: number): number {
  const weight = (seed: number, into: number) => (o: number, i: number) => randomAt(seed, o * into + i) - 0.4;
  const features = (x: Float32Array) => {
    const at = (y: number, u: number) => [0, 1, 2].map((c) => x[c * size * size + y * size + u]);
    const mix = (v: number[], out: number, w: (o: number, i: number) => number) =>
      Array.from({ length: out }, (_, o) => v.reduce((s, value, i) => s + value * Math.fround(w(o, i)), 0));
    const grid = (n: number, f: (y: number, u: number) => number[]) =>
      Array.from({ length: n * n }, (_, p) => f(Math.floor(p / n), p % n));
    const first = grid(size, (y, u) => mix(at(y, u), 4, weight(7, 3)));
    const half = size / 2;
    const second = grid(half, (y, u) => {
      const four = [0, 1, size, size + 1].map((d) => first[2 * y * size + 2 * u + d]);
      const mean = four[0].map((_, c) => four.reduce((s, v) => s + v[c] / 4, 0));
      return mix(mean, 5, weight(8, 4)).map((v) => Math.max(0, v));
    });
    const unit = (v: number[]) => v.map((value) => value / Math.sqrt(v.reduce((s, w) => s + w * w, 1e-10)));
    return [first.map(unit), second.map(unit)];
  };
  const [fa, fb] = [features(a), features(b)];
  const layers = fa.map((layer, l) =>
    layer.reduce((s, v, p) => s + v.reduce((t, value, c) => t + (value - fb[l][p][c]) ** 2, 0) / layer.length, 0),
  );
  return (layers[0] + layers[1]) / 2;
}

describe('featureDistance', () => {
  const engine = nodeEngine({ threads: 1 });
  const size = 6;
  const rows = (seeds: readonly number[]): Float32Tensor =>
    float32(
      [seeds.length, 3, size, size],
      seeds.flatMap((seed) => Array.from(picture(size, size, seed, 1.5))),
    );

  it('is the mean over layers of squared distances of unit vectors, within 1e-6', async () => {
    const found = await featureDistance(engine, encoder, rows([1, 2, 3]), rows([4, 5, 3]));
    const expected = [1, 2].map((seed, i) =>
      directDistance(picture(size, size, seed, 1.5), picture(size, size, [4, 5][i], 1.5), size),
    );
    expect(found).toHaveLength(3);
    expected.forEach((value, i) => {
      expect(Math.abs(found[i] - value)).toBeLessThan(1e-6);
      expect(value).toBeGreaterThan(0.05);
    });
    expect(found[2]).toBe(0);
  });

  it('compares one image with many, in either order', async () => {
    const many = rows([4, 5]);
    const expected = [4, 5].map((seed) =>
      directDistance(picture(size, size, 1, 1.5), picture(size, size, seed, 1.5), size),
    );
    for (const found of [
      await featureDistance(engine, encoder, rows([1]), many),
      await featureDistance(engine, encoder, many, rows([1])),
    ]) {
      expected.forEach((value, i) => expect(Math.abs(found[i] - value)).toBeLessThan(1e-6));
    }
  });
});
