// DINO's training step: student and teacher over the crops of a batch, loss, and the centre of the teacher's logits.
// The networks are the zoo's; crops, schedules and the recipe come from elsewhere.

import { required } from '../../lookup.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32, type Tensor } from '../../graph/tensor.ts';
import type { EncoderFamily } from '../../zoo/architecture.ts';
import { preprocess } from '../../zoo/preprocess.ts';
import { movesInResNet } from '../class/resnet.ts';
import { freshDinoHead, addDinoHead, type DinoHeadSizes } from './head.ts';
import { dinoLoss, nextCentre } from './loss.ts';
import { LiveWeights } from '../loop/live-weights.ts';
import type { Optimiser } from '../loop/optimiser.ts';
import type { Schedule } from '../loop/schedule.ts';
import { emaName, trainingStep, type TrainingStep } from '../loop/step.ts';

/** A network that has tensors, without a head. */
export interface Backbone<Config = unknown> {
  readonly family: EncoderFamily<Config>;
  readonly config: Config;
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Features that it gives for an image. */
  readonly features: number;
}

/** Crops of one size of each photo. */
export interface Views {
  readonly count: number;
  /** Side in pixels. */
  readonly size: number;
}

export interface DinoStepOptions {
  /** From `freshDino`, or of a training that goes on. */
  readonly state: ReadonlyMap<string, Tensor>;
  readonly backbone: Backbone;
  /** Photos. */
  readonly batch: number;
  readonly global: Views;
  readonly local?: Views;
  /** The student's temperature; default 0.1. */
  readonly temperature?: number;
  /** Momentum of the centre; default 0.9. */
  readonly centre?: number;
  readonly optimiser: Optimiser;
  /** Momentum of the teacher by update. */
  readonly momentum: Schedule;
  readonly clip?: number;
}

const centreName = 'centre';

/** The state at the beginning: that of the backbone, a head, and a centre of zeros. */
export const freshDino = ({ tensors, features }: Backbone, head: DinoHeadSizes, seed: number): Map<string, Tensor> =>
  new Map([
    ...tensors,
    ...freshDinoHead(features, head, seed),
    [centreName, float32([1, head.outputs], new Float32Array(head.outputs))],
  ]);

/**
 * Inputs: `global` `[count * batch, 3, size, size]`, RGB in [0, 1], the first crop of all photos, then the second and so
 * on; `local` likewise; `temperature`, the teacher's, shape []. Metrics: those of `dinoLoss`.
 *
 * The teacher is the average of the student's weights, but for the statistics of its normalisations, which are its own, of
 * the global crops: it is normalised by its batch, as the student. All crops of one size are one batch of the network.
 */
export function dinoStep(options: DinoStepOptions): TrainingStep {
  const { state, backbone, batch, global, local, temperature = 0.1, centre = 0.9 } = options;
  const { family, config, tensors } = backbone;
  const shapeOf = ({ count, size }: Views) => [count * batch, 3, size, size];
  /** Logits `[crops, outputs]` of batches of crops. */
  const logits = (b: GraphBuilder, crops: readonly Value[], live: (name: string) => Value): Value => {
    const features = crops.map((images) => {
      const [height, width] = images.shape.slice(2);
      const x = preprocess(b, images, { ...family.defaultInput(config), height, width });
      return family.addTo(b, x, new LiveWeights(tensors, 'dino', live), config).output;
    });
    return addDinoHead(b, features.length > 1 ? b.concat(features, 0) : features[0], live);
  };
  return trainingStep({
    name: 'dino',
    state,
    trainable: [...state.keys()].filter((name) => movesInResNet(name) && name !== centreName),
    batch: {
      global: { shape: shapeOf(global) },
      ...(local && { local: { shape: shapeOf(local) } }),
      temperature: { shape: [] },
    },
    optimiser: options.optimiser,
    ema: { decay: options.momentum },
    clip: options.clip,
    addTo(b, parameters, inputs) {
      const crops = local ? [inputs.global, inputs.local] : [inputs.global];
      const student = logits(b, crops, (name) => parameters.get(name));
      // Added last: the running statistics that are kept are those of the pass that was added last.
      const teacher = logits(b, [inputs.global], (name) => parameters.get(movesInResNet(name) ? emaName(name) : name));
      const middle = parameters.get(centreName);
      const { loss, metrics } = dinoLoss(b, student, teacher, {
        globals: global.count,
        centre: middle,
        student: temperature,
        teacher: inputs.temperature,
      });
      return { loss, metrics, updates: { [centreName]: nextCentre(b, middle, teacher, centre) } };
    },
  });
}

/** The teacher's backbone in a state of the training, with its own running statistics. */
export const teacherOf = (state: ReadonlyMap<string, Tensor>, { tensors }: Backbone): Map<string, Tensor> =>
  new Map(
    [...tensors.keys()].map((name) => [name, required(state, movesInResNet(name) ? emaName(name) : name, 'tensor')]),
  );
