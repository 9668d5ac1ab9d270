// Improved precision and recall: how many generated images look like photos, and how many photos a generator reaches.
// Distances are exact, every image with every other, in float64.

import { UserError } from '../../errors.ts';
import type { Float32Tensor } from '../../graph/tensor.ts';

/** A set of features with a ball around each, which reaches to its k-th neighbour: an estimate of where such images lie. */
export interface Manifold {
  /** `[n, d]` */
  readonly features: Float32Tensor;
  /** Squared radii, `[n]`. */
  readonly radii: Float64Array;
}

/**
 * The manifold of features `[n, d]`.
 * Source: Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models", 2019, equations 1-2.
 * @param k neighbours within a ball, the image itself not counted; default 3, as there.
 * @throws UserError when there are not more than k images.
 */
export function manifoldOf(features: Float32Tensor, k = 3): Manifold {
  const { shape, data } = features;
  const [n, d] = shape;
  if (!(Number.isInteger(k) && k >= 1 && n > k)) {
    throw new UserError(
      `a neighbour of order k = ${k} needs k to be a whole number of 1 to the number of images less 1, ${n - 1}`,
    );
  }
  // Of each image its k smallest squared distances so far, in increasing order.
  const nearest = new Float64Array(n * k).fill(Infinity);
  const insert = (image: number, distance: number): void => {
    let at = (image + 1) * k - 1;
    if (distance >= nearest[at]) return;
    for (; at > image * k && nearest[at - 1] > distance; at--) nearest[at] = nearest[at - 1];
    nearest[at] = distance;
  };
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const distance = squaredDistance(data, i * d, data, j * d, d);
      insert(i, distance);
      insert(j, distance);
    }
  }
  return { features, radii: Float64Array.from({ length: n }, (_, i) => nearest[(i + 1) * k - 1]) };
}

/** Fraction of features `[n, d]` that lie in at least one ball of a manifold, its surface included: 0 to 1. */
export function shareWithin({ features: { shape, data }, radii }: Manifold, others: Float32Tensor): number {
  const [n, d] = shape;
  const [m, width] = others.shape;
  if (width !== d || m === 0) {
    throw new UserError(`features [${others.shape.join(', ')}] cannot be compared with features of ${d} numbers`);
  }
  let inside = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      if (squaredDistance(others.data, i * d, data, j * d, d) > radii[j]) continue;
      inside++;
      break;
    }
  }
  return inside / m;
}

/** Precision: the fraction of generated images within the manifold of real ones. Recall: the other way round. */
export const precisionRecall = (real: Manifold, generated: Manifold): { precision: number; recall: number } => ({
  precision: shareWithin(real, generated.features),
  recall: shareWithin(generated, real.features),
});

function squaredDistance(a: Float32Array, from: number, b: Float32Array, to: number, d: number): number {
  let sum = 0;
  for (let i = 0; i < d; i++) {
    const difference = a[from + i] - b[to + i];
    sum += difference * difference;
  }
  return sum;
}
