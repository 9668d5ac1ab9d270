// Losses of adversarial training from a discriminator's logits: hinge and logistic, and the penalty on its gradient.
// Networks are elsewhere; what is averaged are all places of all heads.

import { gradients } from '../../autodiff/reverse.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';

export type GanLoss = 'hinge' | 'logistic';

const mean = (b: GraphBuilder, x: Value): Value => b.reduceMean(x, [...x.shape.keys()]);
const softplus = (b: GraphBuilder, x: Value): Value => b.op('Softplus', [x])[0];

/**
 * What the discriminator minimises, shape []: mean of max(0, 1 - real) + mean of max(0, 1 + fake), or
 * mean of log(1 + exp(-real)) + mean of log(1 + exp(fake)). Logits are `[n, places]`, large for what looks real.
 * Source: Lim and Ye, "Geometric GAN", 2017; Goodfellow et al., "Generative adversarial nets", NeurIPS 2014.
 */
export function discriminatorLoss(b: GraphBuilder, loss: GanLoss, real: Value, fake: Value): Value {
  return loss === 'hinge'
    ? b.add(mean(b, b.relu(b.sub(1, real))), mean(b, b.relu(b.add(fake, 1))))
    : b.add(mean(b, softplus(b, b.neg(real))), mean(b, softplus(b, fake)));
}

/** What the generator minimises, shape []: mean of -fake (hinge), or of log(1 + exp(-fake)), which does not saturate. */
export function generatorLoss(b: GraphBuilder, loss: GanLoss, fake: Value): Value {
  return loss === 'hinge' ? b.neg(mean(b, fake)) : mean(b, softplus(b, b.neg(fake)));
}

/**
 * R1, shape []: the mean over images of the squared length of the gradient of an image's score, which is the mean of its
 * logits. Its own gradient passes through the discriminator twice.
 * Source: Mescheder, Geiger, Nowozin, "Which training methods for GANs do actually converge?", ICML 2018.
 * @param real logits `[n, places]` of real images.
 * @param by what they were computed from, `[n, ...]` each: the images, or features of them. No image may reach another's.
 */
export function gradientPenalty(b: GraphBuilder, real: Value, by: readonly Value[]): Value {
  const scores = b.reduceSum(b.reduceMean(real, [1]), [0]);
  const squares = gradients(b, scores, by).map((slope) => b.reduceSumSquare(slope, [...slope.shape.keys()]));
  return b.div(
    squares.reduce((sum, square) => b.add(sum, square)),
    real.shape[0],
  );
}

/** Fraction of numbers that are above zero, shape []. */
export const positiveShare = (b: GraphBuilder, x: Value): Value => mean(b, b.cast(b.greater(x, 0), 'float32'));
