// Losses that several recipes share, as graphs.
// Those that one recipe has alone are in its file.

import { int } from '../../graph/attributes.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';

/** Logarithm of the softmax along the last axis. */
export const logSoftmax = (b: GraphBuilder, logits: Value): Value => b.op('LogSoftmax', [logits], { axis: int(-1) })[0];

/** Minus the mean over rows of the sum of target times log probability; `[n, classes]` each, shape []. */
export function crossEntropy(b: GraphBuilder, logits: Value, target: Value): Value {
  const rows = b.reduceSum(b.mul(target, logSoftmax(b, logits)), [1]);
  return b.neg(b.reduceMean(rows, [0]));
}

/** Fraction of rows whose largest logit is at the target's largest place; shape []. */
export function accuracy(b: GraphBuilder, logits: Value, target: Value): Value {
  const top = b.reduceMax(logits, [1], true);
  const hit = b.reduceSum(b.mul(b.cast(b.equal(logits, top), 'float32'), target), [1]);
  return b.reduceMean(b.cast(b.greater(hit, 0.5), 'float32'), [0]);
}

/** One-hot rows, smoothed: 1 - share at the label and the rest spread evenly over all classes. */
export function smoothed(labels: ArrayLike<number>, classes: number, fraction = 0): Float32Array {
  const rows = new Float32Array(labels.length * classes).fill(fraction / classes);
  for (let i = 0; i < labels.length; i++) rows[i * classes + labels[i]] += 1 - fraction;
  return rows;
}
