// DINO's loss: the student's view of every crop is to say what the teacher says of another crop of the same photo.
// Networks, heads and crops come from elsewhere.
// Source: Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021, section 3.1, and its code.

import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { crossEntropy, logSoftmax } from '../loop/losses.ts';

export interface DinoLossOptions {
  /** Crops of each photo that the teacher sees; the student sees them first, then others. */
  readonly globals: number;
  /** Running mean of the teacher's logits, `[1, outputs]`: taken off, so that no output wins everywhere. */
  readonly centre: Value;
  /** Temperature of the student's softmax. */
  readonly student: number;
  /** Of the teacher's, shape []: the smaller, the sharper. */
  readonly teacher: Value;
}

export interface DinoLoss {
  /** Mean over photos and all pairs of a global crop of the teacher and another crop of the student, shape []. */
  readonly loss: Value;
  /**
   * In nats, shape [] each; both are 0 to log(outputs). `entropy`: mean over crops of the entropy of what the teacher
   * says; at log(outputs) it says nothing. `spread`: entropy of the mean of what it says; at 0 it says the same of all.
   */
  readonly metrics: { readonly entropy: Value; readonly spread: Value };
}

/**
 * Lays the loss.
 * @param student logits `[views * n, outputs]`: those of the first crop of all photos, of the second, and so on.
 * @param teacher logits `[globals * n, outputs]`, likewise.
 */
export function dinoLoss(b: GraphBuilder, student: Value, teacher: Value, options: DinoLossOptions): DinoLoss {
  const { globals } = options;
  const [rows, outputs] = student.shape;
  const n = teacher.shape[0] / globals;
  const views = rows / n;
  const sharpened = b.div(b.sub(teacher, options.centre), options.teacher);
  const said = b.softmax(sharpened);
  const perCrop = b.reshape(said, [globals, n, outputs]);
  const all = b.reduceSum(perCrop, [0], true);
  // The cross entropy is linear in its target: what all global crops say is added up, but for a global crop itself.
  const targets = [b.sub(all, perCrop), ...new Array<Value>(views - globals).fill(all)];
  const target = b.reshape(b.concat(targets, 0), [rows, outputs]);
  const sum = crossEntropy(b, b.div(student, options.student), target);

  const mean = b.reduceMean(said, [0]);
  const entropy = b.neg(b.reduceMean(b.reduceSum(b.mul(said, logSoftmax(b, sharpened)), [1]), [0]));
  const spread = b.neg(b.reduceSum(b.mul(mean, b.log(b.max(mean, 1e-30))), [0]));
  return { loss: b.mul(sum, views / (globals * (views - 1))), metrics: { entropy, spread } };
}

/** The centre after a batch: `momentum` of the old one, and the rest of the mean of the teacher's logits. */
export const nextCentre = (b: GraphBuilder, centre: Value, teacher: Value, momentum: number): Value =>
  b.add(b.mul(centre, momentum), b.mul(b.reduceMean(teacher, [0], true), 1 - momentum));
