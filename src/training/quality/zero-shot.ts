// Images and texts in one space: classes told from their names alone, and each image's own caption among all.
// Texts come as features; who makes them is elsewhere.

import { UserError } from '../../errors.ts';
import { float32, type Float32Tensor } from '../../graph/tensor.ts';
import { normalised } from './knn.ts';

/**
 * Cosines of images `[n, d]` and texts `[m, d]`, `[n, m]`: with a text for each class they are logits.
 * Source: Radford et al., "Learning transferable visual models from natural language supervision", 2021, section 3.1.
 * @throws UserError when the two are of different length.
 */
export function cosines(images: Float32Tensor, texts: Float32Tensor): Float32Tensor {
  const [[n, d], [m, width]] = [images.shape, texts.shape];
  if (width !== d) throw new UserError(`images of ${d} numbers and texts of ${width} are not in one space`);
  const [a, b] = [normalised(images).data, normalised(texts).data];
  const out = new Float32Array(n * m);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      let sum = 0;
      for (let e = 0; e < d; e++) sum += a[i * d + e] * b[j * d + e];
      out[i * m + j] = sum;
    }
  }
  return float32([n, m], out);
}

/**
 * Fraction of rows whose own text is among the `k` most similar, by `k`: R@k, 0 to 1.
 * A text that is as similar as the own one counts as more similar, so that equal rows gain nothing.
 * @param similarity `[n, m]`
 * @param own of each row, its text.
 */
export function recallAt(similarity: Float32Tensor, own: ArrayLike<number>, ks: readonly number[]): number[] {
  const [n, m] = similarity.shape;
  if (own.length !== n) throw new UserError(`${n} images have ${own.length} captions; give one for each`);
  const hits = ks.map(() => 0);
  for (let i = 0; i < n; i++) {
    const row = similarity.data.subarray(i * m, (i + 1) * m);
    let before = 0;
    for (let j = 0; j < m; j++) if (j !== own[i] && row[j] >= row[own[i]]) before++;
    ks.forEach((k, at) => (hits[at] += Number(before < k)));
  }
  return hits.map((count) => count / n);
}
