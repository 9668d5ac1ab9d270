// What a classifier makes of images: the class of each, and how many are of the class that was asked for.
// The same counts are a classifier's accuracy on photos, and the faithfulness of a class-conditional generator.

import { UserError } from '../../errors.ts';
import type { Float32Tensor } from '../../graph/tensor.ts';

/** Of each row of `[n, classes]`, where its largest number is; the first of several. */
export function largest({ shape: [n, classes], data }: Float32Tensor): Int32Array {
  return Int32Array.from({ length: n }, (_, row) => {
    let best = 0;
    for (let k = 1; k < classes; k++) if (data[row * classes + k] > data[row * classes + best]) best = k;
    return best;
  });
}

/**
 * Fraction of rows that are of the class asked for, 0 to 1.
 * @throws UserError when there are none, or not as many of one as of the other.
 */
export function top1Accuracy(predicted: ArrayLike<number>, asked: ArrayLike<number>): number {
  const n = predicted.length;
  if (n === 0 || asked.length !== n) {
    throw new UserError(`${n} predictions cannot be compared with ${asked.length} classes; give one for each`);
  }
  let right = 0;
  for (let i = 0; i < n; i++) if (predicted[i] === asked[i]) right++;
  return right / n;
}

/** The same for each class apart; NaN for one that nobody asked for. */
export function accuracyByClass(predicted: ArrayLike<number>, asked: ArrayLike<number>, classes: number): Float64Array {
  const right = new Float64Array(classes);
  const all = new Float64Array(classes);
  for (let i = 0; i < asked.length; i++) {
    all[asked[i]]++;
    if (predicted[i] === asked[i]) right[asked[i]]++;
  }
  return right.map((count, k) => count / all[k]);
}
