// The Fréchet distance between two sets of features, each taken for a Gaussian, in float64.
// With features of another network than Inception-v3, and other numbers of images, it is no FID that was published.

import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { UserError } from '../../errors.ts';
import type { Float32Tensor } from '../../graph/tensor.ts';

export interface Gaussian {
  /** `[d]` */
  readonly mean: Float64Array;
  /** `[d, d]`, of samples (divided by n - 1). */
  readonly covariance: Float64Array;
}

/**
 * Mean and covariance of features `[n, d]`.
 * @throws UserError for fewer than two rows.
 */
export function gaussianOf({ shape: [n, d], data }: Float32Tensor): Gaussian {
  if (n < 2) throw new UserError(`a covariance needs the features of two images or more, not ${n}`);
  const mean = new Float64Array(d);
  for (let i = 0; i < n * d; i++) mean[i % d] += data[i] / n;
  const covariance = new Float64Array(d * d);
  const centred = new Float64Array(d);
  for (let row = 0; row < n; row++) {
    for (let i = 0; i < d; i++) centred[i] = data[row * d + i] - mean[i];
    for (let i = 0; i < d; i++) for (let j = 0; j <= i; j++) covariance[i * d + j] += centred[i] * centred[j];
  }
  for (let i = 0; i < d; i++) {
    for (let j = 0; j <= i; j++) covariance[j * d + i] = covariance[i * d + j] /= n - 1;
  }
  return { mean, covariance };
}

/**
 * |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)). The trace of the root is that of (A C2 A)^(1/2) with A = C1^(1/2), whose
 * matrix is symmetric, so that singular covariances need no care.
 * Source: Dowson and Landau, "The Fréchet distance between multivariate normal distributions", 1982; Heusel et al., "GANs
 * trained by a two time-scale update rule converge to a local Nash equilibrium", 2017.
 * @throws UserError when the two are of different length.
 */
export function frechetDistance(a: Gaussian, b: Gaussian): number {
  const d = a.mean.length;
  if (b.mean.length !== d) {
    throw new UserError(`features of ${d} and of ${b.mean.length} numbers have no distance; take both from one layer`);
  }
  const root = rootOf(matrix(a.covariance, d));
  const product = root.mmul(matrix(b.covariance, d)).mmul(root);
  let distance = 0;
  for (let i = 0; i < d; i++) {
    distance += (a.mean[i] - b.mean[i]) ** 2 + a.covariance[i * d + i] + b.covariance[i * d + i];
  }
  for (const value of symmetric(product).realEigenvalues) distance -= 2 * Math.sqrt(Math.max(0, value));
  // Of equal Gaussians, rounding leaves a number next to 0 on either side.
  return Math.max(0, distance);
}

const matrix = (values: Float64Array, d: number): Matrix => Matrix.from1DArray(d, d, values);

/** Rounding has made it a little asymmetric: the mean with its transpose is taken. */
const symmetric = (m: Matrix): EigenvalueDecomposition =>
  new EigenvalueDecomposition(Matrix.add(m, m.transpose()).mul(0.5), { assumeSymmetric: true });

/** The symmetric root of a symmetric matrix without negative eigenvalues. */
function rootOf(m: Matrix): Matrix {
  const { realEigenvalues, eigenvectorMatrix: v } = symmetric(m);
  const roots = Matrix.diag(realEigenvalues.map((value) => Math.sqrt(Math.max(0, value))));
  return v.mmul(roots).mmul(v.transpose());
}
