// Measures of generators: distances of Gaussians against closed forms, precision and recall on sets made by hand.

import { Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { float32, type Float32Tensor } from '../../../src/graph/tensor.ts';
import {
  frechetDistance,
  gaussianOf,
  manifoldOf,
  precisionRecall,
  shareWithin,
} from '../../../src/training/quality/index.ts';
import type { Gaussian } from '../../../src/training/quality/index.ts';
import { normal } from '../networks.ts';

const gaussian = (mean: number[], covariance: number[]): Gaussian => ({
  mean: Float64Array.from(mean),
  covariance: Float64Array.from(covariance),
});

describe('Fréchet distance', () => {
  it('in one dimension is (m1 - m2)^2 + (s1 - s2)^2', () => {
    expect(frechetDistance(gaussian([1], [4]), gaussian([-2], [9]))).toBeCloseTo(9 + 1, 12);
    expect(frechetDistance(gaussian([1], [0]), gaussian([1], [9]))).toBeCloseTo(9, 12);
  });

  it('of axes in common is the sum over axes, turned or not', () => {
    const [a, b] = [
      [4, 1],
      [9, 25],
    ];
    const expected = 1 + 4 + (2 - 3) ** 2 + (1 - 5) ** 2;
    expect(frechetDistance(gaussian([0, 0], [a[0], 0, 0, a[1]]), gaussian([1, 2], [b[0], 0, 0, b[1]]))).toBeCloseTo(
      expected,
      12,
    );
    const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
    const turned = ([x, y]: number[]) => [
      c * c * x + s * s * y,
      c * s * (x - y),
      c * s * (x - y),
      s * s * x + c * c * y,
    ];
    const mean = [c * 1 - s * 2, s * 1 + c * 2];
    expect(frechetDistance(gaussian([0, 0], turned(a)), gaussian(mean, turned(b)))).toBeCloseTo(expected, 12);
  });

  it('in two dimensions without axes in common: the root has trace sqrt(tr P + 2 sqrt(det P)), P the product', () => {
    const [x, y] = [
      [5, 2, 2, 3],
      [2, -1, -1, 4],
    ];
    const trace = x[0] * y[0] + x[1] * y[2] + x[2] * y[1] + x[3] * y[3];
    const determinant = (x[0] * x[3] - x[1] ** 2) * (y[0] * y[3] - y[1] ** 2);
    const expected = 8 + 6 - 2 * Math.sqrt(trace + 2 * Math.sqrt(determinant));
    expect(frechetDistance(gaussian([0, 0], x), gaussian([0, 0], y))).toBeCloseTo(expected, 12);
    expect(frechetDistance(gaussian([0, 0], y), gaussian([0, 0], x))).toBeCloseTo(expected, 12);
  });

  it('in 40 dimensions has the trace of a root that is found by Newton iteration', () => {
    const d = 40;
    const [a, b] = [gaussianOf(normal([200, d], 1, 1)), gaussianOf(skewed(300, d))];
    const as = (values: Float64Array) => Matrix.from1DArray(d, d, values);
    // Denman and Beavers, 1976: Y -> (C1 C2)^(1/2), without eigenvalues.
    let [y, z] = [as(a.covariance).mmul(as(b.covariance)), Matrix.eye(d)];
    const inverse = (m: Matrix) => gaussJordan(m.to2DArray());
    for (let i = 0; i < 40; i++) {
      [y, z] = [Matrix.add(y, inverse(z)).mul(0.5), Matrix.add(z, inverse(y)).mul(0.5)];
    }
    const mean = a.mean.reduce((sum, value, i) => sum + (value - b.mean[i]) ** 2, 0);
    const expected = mean + as(a.covariance).trace() + as(b.covariance).trace() - 2 * y.trace();
    expect(expected).toBeGreaterThan(10);
    expect(Math.abs(frechetDistance(a, b) / expected - 1)).toBeLessThan(1e-10);
  });

  it('is nothing between equals, also where the covariance is singular', () => {
    const few = gaussianOf(normal([10, 30], 1, 4));
    expect(frechetDistance(few, few)).toBeLessThan(1e-5);
    const moved = { ...few, mean: few.mean.map((value) => value + 1) };
    expect(frechetDistance(few, moved)).toBeCloseTo(30, 5);
    expect(() => frechetDistance(few, gaussian([0], [1]))).toThrow(/features of 30 and of 1 numbers/);
  });

  it('takes means and covariances as NumPy does', () => {
    // np.mean and np.cov(rowvar=False) of [[1, 2], [3, 5], [8, 2]].
    const { mean, covariance } = gaussianOf(float32([3, 2], [1, 2, 3, 5, 8, 2]));
    [4, 3].forEach((value, i) => expect(mean[i]).toBeCloseTo(value, 12));
    [13, -1.5, -1.5, 3].forEach((value, i) => expect(covariance[i]).toBeCloseTo(value, 12));
    expect(() => gaussianOf(float32([1, 2], [1, 2]))).toThrow(/two images or more, not 1/);
  });
});

/** Normal numbers through a matrix, far from 0. */
function skewed(n: number, d: number): Float32Tensor {
  const [x, m] = [normal([n, d], 1, 2).data, normal([d, d], 0.3, 3).data];
  const out = Float32Array.from({ length: n * d }, (_, i) => {
    let sum = 2;
    for (let e = 0; e < d; e++) sum += x[Math.floor(i / d) * d + e] * m[e * d + (i % d)];
    return sum;
  });
  return float32([n, d], out);
}

/** The inverse by elimination with the largest pivot. */
function gaussJordan(rows: number[][]): Matrix {
  const d = rows.length;
  const all = rows.map((row, i) => [...row, ...rows.map((_, j) => Number(i === j))]);
  for (let i = 0; i < d; i++) {
    let pivot = i;
    for (let r = i; r < d; r++) if (Math.abs(all[r][i]) > Math.abs(all[pivot][i])) pivot = r;
    [all[i], all[pivot]] = [all[pivot], all[i]];
    const head = all[i][i];
    all[i] = all[i].map((value) => value / head);
    for (let r = 0; r < d; r++) {
      const factor = all[r][i];
      if (r !== i) all[r] = all[r].map((value, k) => value - factor * all[i][k]);
    }
  }
  return new Matrix(all.map((row) => row.slice(d)));
}

describe('precision and recall', () => {
  const line = (...values: number[]) => float32([values.length, 1], values);

  it('balls reach to the k-th neighbour, the image itself not counted', () => {
    const { radii } = manifoldOf(line(0, 1, 3, 7, 15), 3);
    expect([...radii]).toEqual([7, 6, 4, 7, 14].map((r) => r * r));
    expect([...manifoldOf(line(0, 1, 3, 7, 15), 1).radii]).toEqual([1, 1, 4, 16, 64]);
    expect(() => manifoldOf(line(0, 1, 3))).toThrow(/a neighbour of order k = 3 .* 2/);
  });

  it('an image counts when it is in at least one ball, surfaces included', () => {
    const manifold = manifoldOf(line(0, 1, 3, 7), 1);
    // Balls: [-1, 1], [0, 2], [1, 5], [3, 11].
    expect(shareWithin(manifold, line(-1, -1.01, 5.5, 11, 11.01))).toBe(3 / 5);
  });

  it('tells a generator of one thing from one of everything and more', () => {
    const real = manifoldOf(line(0, 1, 2, 3, 100, 101, 102, 103), 2);
    // All within the first group: true to photos, but without the second half.
    const narrow = manifoldOf(line(0.5, 1, 1.5, 2.5), 2);
    expect(precisionRecall(real, narrow)).toEqual({ precision: 1, recall: 0.5 });
    // Both groups, and as much beside them; balls of the lone ones reach far, which is the measure's known weakness.
    const wide = manifoldOf(line(0.5, 1.5, 2.5, 100.5, 101.5, 102.5, 50, 50.1, 50.2), 2);
    const { precision, recall } = precisionRecall(real, wide);
    expect(precision).toBe(6 / 9);
    expect(recall).toBe(1);
  });

  it('agrees with a sort of all distances', () => {
    const [real, generated] = [normal([150, 5], 1, 1), normal([120, 5], 1.3, 2)];
    const row = ({ data }: Float32Tensor, i: number) => [...data.subarray(5 * i, 5 * i + 5)];
    const distance = (a: number[], b: number[]) => Math.hypot(...a.map((value, i) => value - b[i]));
    const all = (set: Float32Tensor) => Array.from({ length: set.shape[0] }, (_, i) => row(set, i));
    const radius = (set: number[][], at: number[]) => set.map((other) => distance(at, other)).sort((a, b) => a - b)[3];
    const fraction = (set: number[][], others: number[][]) => {
      const radii = set.map((at) => radius(set, at));
      return others.filter((x) => set.some((at, i) => distance(x, at) <= radii[i])).length / others.length;
    };
    const [r, g] = [all(real), all(generated)];
    const found = precisionRecall(manifoldOf(real), manifoldOf(generated));
    expect(found).toEqual({ precision: fraction(r, g), recall: fraction(g, r) });
    expect(found.precision).toBeLessThan(found.recall);
  });
});
