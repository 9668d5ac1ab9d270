// One training step of CLIP: both towers, the symmetric contrastive loss, a bounded temperature.
// It draws neither photos nor captions.

import { present, required } from '../../lookup.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { clipResNet } from '../../zoo/encoders/clip-resnet.ts';
import { shapesOf } from '../../zoo/from-checkpoint.ts';
import { preprocess } from '../../zoo/preprocess.ts';
import { normalised, textFeatures } from './text.ts';
import { LiveWeights } from '../loop/live-weights.ts';
import { crossEntropy } from '../loop/losses.ts';
import type { Optimiser } from '../loop/optimiser.ts';
import { trainingStep, type StepOptions, type TrainingStep } from '../loop/step.ts';

/** Tensors of a CLIP that training moves; running statistics follow by themselves. */
export const movesInClip = (name: string): boolean => !/\.running_(mean|var)$/.test(name);

/** Logits are cosines times at most this. Source: Radford et al., 2021, section 2.5. */
const mostScale = 100;

/**
 * The mean of two cross entropies: of the texts by their images, and of the images by their texts.
 * Source: Radford et al., 2021, figure 3. There the target is the identity; rows of `target` may share.
 * @param image features `[n, embed]`, of any length; @param text likewise.
 * @param logitScale logarithm of what cosines are multiplied by, shape [].
 * @param target symmetric, `[n, n]`, rows of sum 1.
 * @returns loss, and the fraction of images whose nearest text is one of theirs.
 */
export function contrastive(b: GraphBuilder, image: Value, text: Value, logitScale: Value, target: Value) {
  const cosines = b.gemm(normalised(b, image), normalised(b, text), undefined, { transB: true });
  const logits = b.mul(cosines, b.exp(logitScale));
  const both = b.add(crossEntropy(b, logits, target), crossEntropy(b, b.transpose(logits, [1, 0]), target));
  const nearest = b.equal(logits, b.reduceMax(logits, [1], true));
  const hits = b.reduceSum(b.mul(b.cast(nearest, 'float32'), target), [1]);
  const accuracy = b.reduceMean(b.cast(b.greater(hits, 0), 'float32'), [0]);
  return { loss: b.mul(both, 0.5), accuracy };
}

/**
 * Targets `[n, n]` of a batch of captions: to each image its caption, or with `shared` all captions with the same noun,
 * in equal shares.
 */
export function contrastiveTargets(nouns: readonly string[], shared: boolean): Float32Array {
  const n = nouns.length;
  const rows = new Float32Array(n * n);
  nouns.forEach((noun, i) => {
    const same = shared ? nouns.flatMap((other, j) => (other === noun ? [j] : [])) : [i];
    for (const j of same) rows[i * n + j] = 1 / same.length;
  });
  return rows;
}

/** The same optimiser, but it never leaves the temperature above its bound, as the official training does. */
const bounded = (optimiser: Optimiser): Optimiser => ({
  ...optimiser,
  apart: ['logit_scale'],
  move(b, at) {
    const moved = optimiser.move(b, at);
    if (!at.names.includes('logit_scale')) return moved;
    return { ...moved, weight: b.min(moved.weight, Math.log(mostScale)) };
  },
});

export interface ClipStepOptions extends Pick<StepOptions, 'optimiser' | 'ema' | 'clip'> {
  /** From `freshClip`, or of a training that goes on. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly batch: number;
  /** Sides of the photos. */
  readonly height: number;
  readonly width: number;
}

/**
 * Inputs: `images` `[batch, 3, height, width]`, RGB in [0, 1]; `tokens` int64 `[batch, context]`; `target`
 * `[batch, batch]`. Metrics: `accuracy`, see `contrastive`, and `scale`, what cosines are multiplied by.
 */
export function clipStep(options: ClipStepOptions): TrainingStep {
  const { tensors, batch, height, width, optimiser, ema, clip } = options;
  const config = present(clipResNet.recognise(shapesOf(tensors), {}), 'architecture');
  const [context] = required(tensors, 'positional_embedding', 'tensor').shape;
  return trainingStep({
    name: 'clip',
    state: tensors,
    trainable: [...tensors.keys()].filter(movesInClip),
    batch: {
      images: { shape: [batch, 3, height, width] },
      tokens: { shape: [batch, context], dtype: 'int64' },
      target: { shape: [batch, batch] },
    },
    optimiser: bounded(optimiser),
    ema,
    clip,
    addTo(b, parameters, { images, tokens, target }) {
      const weights = new LiveWeights(tensors, 'clip', (name) => parameters.get(name));
      const x = preprocess(b, images, clipResNet.defaultInput(config));
      const { output } = clipResNet.addTo(b, x, weights, config);
      const logitScale = weights.constant(b, 'logit_scale', []);
      const text = textFeatures(b, tokens, weights);
      const { loss, accuracy } = contrastive(b, output, text, logitScale, target);
      return { loss, metrics: { accuracy, scale: b.exp(logitScale) } };
    },
  });
}
