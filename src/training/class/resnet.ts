// The class-supervised ResNet in training: cross entropy with smoothed labels.
// Architecture and tensors are the zoo's; photos, augmentation and loop come from elsewhere.

import { present } from '../../lookup.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { shapesOf } from '../../zoo/from-checkpoint.ts';
import { resnet } from '../../zoo/encoders/resnet.ts';
import { preprocess } from '../../zoo/preprocess.ts';
import { LiveWeights } from '../loop/live-weights.ts';
import { accuracy, crossEntropy } from '../loop/losses.ts';
import type { Optimiser } from '../loop/optimiser.ts';
import { trainingStep, type StepOptions, type TrainingStep } from '../loop/step.ts';

/** Tensors of a ResNet that training moves; running statistics follow by themselves. */
export const movesInResNet = (name: string): boolean => !/\.running_(mean|var)$/.test(name);

export interface ClassResNetOptions {
  /** From `freshResNet`, or of a training that goes on. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly batch: number;
  /** Side of the photos. */
  readonly size: number;
  readonly classes: number;
  readonly optimiser: Optimiser;
  readonly ema?: StepOptions['ema'];
  readonly clip?: number;
}

/** Inputs: `images` `[batch, 3, size, size]`, RGB in [0, 1], and `target` `[batch, classes]`. Metric: `accuracy`. */
export function classResNetStep({
  tensors,
  batch,
  size,
  classes,
  optimiser,
  ema,
  clip,
}: ClassResNetOptions): TrainingStep {
  const config = present(resnet.recognise(shapesOf(tensors), {}), 'architecture');
  return trainingStep({
    name: 'class',
    state: tensors,
    trainable: [...tensors.keys()].filter(movesInResNet),
    batch: { images: { shape: [batch, 3, size, size] }, target: { shape: [batch, classes] } },
    optimiser,
    ema,
    clip,
    addTo(b, parameters, { images, target }) {
      const weights = new LiveWeights(tensors, 'class', (name) => parameters.get(name));
      const x = preprocess(b, images, { ...resnet.defaultInput(config), height: size, width: size });
      const { output } = resnet.addTo(b, x, weights, config);
      return { loss: crossEntropy(b, output, target), metrics: { accuracy: accuracy(b, output, target) } };
    },
  });
}
