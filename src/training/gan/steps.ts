// The steps of adversarial training: that of the discriminator, its gradient penalty, and that of the generator.
// All read one state. What they are fed is drawn in draws.ts, what a recipe says of them is in recipe.ts.

import Type from 'typebox';
import type { Read } from '../../files/json.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { augmentInputs, addAugment, type DiffAugment } from '../augment/differentiable.ts';
import type { Discriminator } from './discriminator.ts';
import { discriminatorLoss, generatorLoss, gradientPenalty, positiveShare, type GanLoss } from './losses.ts';
import type { TrainingGenerator } from './generator.ts';
import { accuracy, crossEntropy } from '../loop/losses.ts';
import type { Optimiser } from '../loop/optimiser.ts';
import type { Parameters } from '../loop/parameters.ts';
import { closed, weight, whole } from '../recipe/numbers.ts';
import type { Projection } from './projection.ts';
import type { Schedule } from '../loop/schedule.ts';
import { trainingStep, type BatchInput, type StepOptions, type TrainingStep } from '../loop/step.ts';
import { TrainingBuilder } from '../loop/training-builder.ts';

export const r1Schema = Type.Object(
  {
    weight: weight('Multiple of half the mean squared length of the gradient.'),
    every: whole('Iterations from one penalty to the next, which counts for all of them.', 1e6),
    at: Type.Optional(
      Type.Enum(['images', 'features'], {
        description: 'By what the scores are differentiated; default features, what the heads look at: far cheaper.',
      }),
    ),
  },
  { ...closed, description: "Penalty on the discriminator's gradient at photos; default none." },
);

export type R1 = Read<typeof r1Schema>;

export interface GanStepsOptions {
  readonly generator: TrainingGenerator;
  readonly discriminator: Discriminator;
  readonly projection: Projection;
  /** Which of the projection's maps have a head, in the order of the discriminator's. */
  readonly stages: readonly number[];
  /** Whether the discriminator's last head is for the pixels. */
  readonly pixels: boolean;
  readonly loss: GanLoss;
  readonly augment: DiffAugment;
  readonly r1?: R1;
  /** Weight of the encoder's cross entropy between images and the classes that they were asked to be of; default 0. */
  readonly guidance?: number;
  /** Images of either kind in a step. */
  readonly batch: number;
  readonly optimiser: Optimiser;
  readonly clip?: number;
  /** Average of the generator. */
  readonly ema?: { readonly decay: number | Schedule };
}

type Fed = Readonly<Record<string, Value>>;

/** Names of the steps. */
export const ganParts = { discriminator: 'discriminator', r1: 'r1', generator: 'generator' } as const;

export const noiseInput = (name: string): string => `noise ${name}`;

/** What a generator is fed for `n` images, by name: `z`, `classes` where it has some, `noise NAME`. */
export const latentInputs = ({ z, classes, noise = {} }: TrainingGenerator, n: number): Record<string, BatchInput> => ({
  z: { shape: [n, z] },
  ...(classes && { classes: { shape: [n, classes] } }),
  ...Object.fromEntries(Object.entries(noise).map(([name, shape]) => [noiseInput(name), { shape: [n, ...shape] }])),
});

const realInputs = ({ size, classes }: TrainingGenerator, n: number): Record<string, BatchInput> => ({
  real: { shape: [n, 3, size, size] },
  ...(classes && { target: { shape: [n, classes] } }),
});

/** Pixels of -0.5 to 0.5, of which those of photos have a standard deviation of about 0.25, to about that of features. */
const pixelScale = 4;

/**
 * The steps, in the order in which an iteration runs them: discriminator, r1 (where there is one), generator.
 *
 * The discriminator's step makes its images by the generator's weights and the batch's statistics, and moves nothing of
 * the generator. The encoder sees real and generated images as one batch; the penalty shares the discriminator's
 * moments.
 */
export function ganSteps(options: GanStepsOptions): TrainingStep[] {
  const { generator, discriminator, projection, stages, pixels, loss, augment, r1, guidance = 0, ema } = options;
  const { batch: n, optimiser, clip } = options;
  const { size } = generator;
  const state = new Map<string, Tensor>([...generator.state, ...discriminator.state]);

  const made = (b: TrainingBuilder, live: (name: string) => Value, fed: Fed) => {
    const noise = Object.fromEntries(Object.keys(generator.noise ?? {}).map((name) => [name, fed[noiseInput(name)]]));
    return generator.addTo(b, live, { z: fed.z, classes: fed.classes, noise });
  };
  const judged = (
    b: GraphBuilder,
    live: (name: string) => Value,
    images: Value,
    classes: Value | undefined,
    fed: Fed,
  ) => {
    const seen = addAugment(b, b.sub(images, 0.5), fed);
    const { maps, logits: encoded } = projection.addTo(b, seen);
    const looked = [...stages.map((stage) => maps[stage]), ...(pixels ? [b.mul(seen, pixelScale)] : [])];
    return { ...discriminator.addTo(b, live, looked, classes), looked, encoded };
  };
  const part = (
    name: string,
    addTo: (b: TrainingBuilder, live: (name: string) => Value, fed: Fed) => ReturnType<StepOptions['addTo']>,
    rest: Pick<StepOptions, 'trainable' | 'batch' | 'counter' | 'ema'>,
  ): TrainingStep => {
    const builder = new TrainingBuilder({ name });
    const withLive = (_b: GraphBuilder, parameters: Parameters, fed: Fed) =>
      addTo(builder, (key) => parameters.get(key), fed);
    return trainingStep({ name, state, builder, optimiser, clip, addTo: withLive, ...rest });
  };

  const steps = [
    part(
      ganParts.discriminator,
      (b, live, fed) => {
        const { images } = made(b, live, fed);
        // Statistics of the generator's normalisations are kept by its own step alone.
        b.updates.clear();
        const classes = generator.classes ? b.concat([fed.target, fed.classes], 0) : undefined;
        const { logits, updates } = judged(b, live, b.concat([fed.real, images], 0), classes, fed);
        const [real, fake] = b.split(logits, [n, n], 0);
        const metrics = { real: positiveShare(b, real), fake: positiveShare(b, fake) };
        return { loss: discriminatorLoss(b, loss, real, fake), metrics, updates };
      },
      {
        trainable: discriminator.trainable,
        batch: {
          ...realInputs(generator, n),
          ...latentInputs(generator, n),
          ...augmentInputs(augment, { n: 2 * n, size }),
        },
      },
    ),
    part(
      ganParts.generator,
      (b, live, fed) => {
        const { images, updates } = made(b, live, fed);
        const { logits, encoded } = judged(b, live, images, fed.classes, fed);
        const adversarial = generatorLoss(b, loss, logits);
        if (!guidance || !encoded) return { loss: adversarial, updates };
        const guided = b.mul(crossEntropy(b, encoded, fed.classes), guidance);
        return { loss: b.add(adversarial, guided), updates, metrics: { guided: accuracy(b, encoded, fed.classes) } };
      },
      {
        trainable: generator.trainable,
        batch: { ...latentInputs(generator, n), ...augmentInputs(augment, { n, size }) },
        ema,
      },
    ),
  ];
  if (r1) {
    const { weight: factor, every, at = 'features' } = r1;
    const addTo = (b: TrainingBuilder, live: (name: string) => Value, fed: Fed) => {
      const { logits, looked } = judged(b, live, fed.real, fed.target, fed);
      const penalty = gradientPenalty(b, logits, at === 'images' ? [fed.real] : looked);
      return { loss: b.mul(penalty, (factor / 2) * every), metrics: { penalty } };
    };
    const batch = { ...realInputs(generator, n), ...augmentInputs(augment, { n, size }) };
    const rest = { trainable: discriminator.trainable, batch, counter: ganParts.discriminator };
    steps.splice(1, 0, part(ganParts.r1, addTo, rest));
  }
  return steps;
}
