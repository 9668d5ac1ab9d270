// The recipe of a generator: photos in, adversarial training against a projected discriminator, the zoo's generator out.
// Generators are in files of their own (kinds.ts lists them), the steps in steps.ts.

import { UserError } from '../../errors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { augmentedSize, augmenter } from '../augment/augment.ts';
import type { DiffAugment } from '../augment/differentiable.ts';
import { discriminator } from './discriminator.ts';
import { ganBatches } from './draws.ts';
import type { GanLoss } from './losses.ts';
import { ganParts, ganSteps, type GanStepsOptions, type R1 } from './steps.ts';
import type { TrainingGenerator } from './generator.ts';
import { freshGenerator, generators, type GeneratorName } from './kinds.ts';
import type { PhotoSet } from '../loop/photos.ts';
import { projection } from './projection.ts';
import type { Plan, Recipe, RecipeKind } from '../recipe/recipe.ts';
import { scheduleOf } from '../recipe/schedule-of.ts';
import { averaged } from '../loop/step.ts';

export interface GanObjective {
  readonly generator: GeneratorName;
  readonly loss: GanLoss;
  /** File of the tensors of a class ResNet, which is in no zoo that is mined. */
  readonly encoder: string;
  readonly discriminator?: {
    /** Channels of the heads' maps of 4x4, halved from one size to the next; default 64. */
    readonly width?: number;
    /** Least channels of the heads' maps; default 16. */
    readonly least?: number;
    /** Channels of the mixed features, as a multiple of the heads' of the same size; default 2. */
    readonly features?: number;
    /** Whether scales are mixed too; default true. */
    readonly scales?: boolean;
    /** Stages of the encoder, from 1, that have a head; default all. */
    readonly stages?: readonly number[];
    /** Whether there is a head for the pixels; default true. */
    readonly pixels?: boolean;
    /** Its learning rate, as a multiple of the generator's; default 1. */
    readonly rate?: number;
  };
  readonly augment?: DiffAugment;
  readonly r1?: R1;
  readonly guidance?: number;
}

const positive = { type: 'integer', minimum: 1 } as const;
const share = { type: 'number', minimum: 0, maximum: 1 } as const;
const weight = { type: 'number', minimum: 0 } as const;

const objectiveSchema = {
  type: 'object',
  properties: {
    generator: { enum: Object.keys(generators), description: 'What is trained; the architecture has its sizes.' },
    loss: { enum: ['hinge', 'logistic'] },
    encoder: {
      type: 'string',
      minLength: 1,
      description:
        'File of a class ResNet (safetensors), relative to the recipe: the discriminator looks at its features.',
    },
    discriminator: {
      type: 'object',
      properties: {
        width: { ...positive, description: "Channels of the heads' maps of 4x4; half from size to size; default 64." },
        least: { ...positive, description: "Least channels of the heads' maps; default 16." },
        features: {
          ...positive,
          description: "Channels of the mixed features, as a multiple of the heads' of the same size; default 2.",
        },
        scales: { type: 'boolean', description: 'Whether features are mixed across scales too; default true.' },
        stages: {
          type: 'array',
          items: positive,
          minItems: 1,
          uniqueItems: true,
          description: 'Stages of the encoder, from 1, that have a head; default all.',
        },
        pixels: { type: 'boolean', description: 'Whether there is a head for the pixels; default true.' },
        rate: {
          type: 'number',
          exclusiveMinimum: 0,
          description: "Its learning rate, as a multiple of the generator's; default 1.",
        },
      },
      additionalProperties: false,
    },
    augment: {
      type: 'object',
      description: 'What is done to photos and generated images before they are judged; default nothing.',
      properties: {
        brightness: { ...share, description: 'Largest shift of all values, of 0 to 1.' },
        saturation: { ...share, description: 'Largest change of the factor of saturation.' },
        contrast: { ...share, description: 'Largest change of the factor of contrast.' },
        translation: { ...share, description: 'Largest shift along each axis, as a share of the side.' },
        cutout: { ...share, description: 'Side of a grey square, as a share of the side.' },
      },
      additionalProperties: false,
    },
    r1: {
      type: 'object',
      description: "Penalty on the discriminator's gradient at photos; default none.",
      properties: {
        weight: { ...weight, description: 'Multiple of half the mean squared length of the gradient.' },
        every: { ...positive, description: 'Iterations from one penalty to the next.' },
        at: { enum: ['images', 'features'], description: 'By what scores are differentiated; default features.' },
      },
      required: ['weight', 'every'],
      additionalProperties: false,
    },
    guidance: {
      ...weight,
      description: "Weight of the encoder's cross entropy between images and their classes; default 0.",
    },
  },
  required: ['generator', 'loss', 'encoder'],
  additionalProperties: false,
} as const;

/** Kind of the recipes of BigGAN-deep, StyleGAN2 and StyleGAN-XL. */
export const ganRecipe: RecipeKind = {
  kind: 'gan',
  schema: {
    architecture: { anyOf: Object.values(generators).map(({ schema }) => schema) },
    objective: objectiveSchema,
  },
  async plan(recipe, photos, files) {
    const objective = recipe.objective as unknown as GanObjective;
    const generator = freshGenerator(objective.generator, recipe.architecture, recipe.seed);
    return ganPlan(recipe, generator, photos, await files.tensors(objective.encoder));
  },
};

/**
 * The plan of a generator's training.
 * @param recipe its architecture and the name of its generator are not looked at.
 * @param encoder tensors of a class ResNet, official names.
 * @throws UserError when generator, photos and encoder do not fit each other.
 */
export function ganPlan(
  recipe: Recipe,
  generator: TrainingGenerator,
  photos: PhotoSet,
  encoder: ReadonlyMap<string, Tensor>,
): Plan {
  const { seed, schedule } = recipe;
  const { loss, augment = {}, r1, guidance, ...objective } = recipe.objective as unknown as GanObjective;
  const {
    width = 64,
    least = 16,
    features = 2,
    scales = true,
    pixels = true,
    rate: ratio = 1,
  } = objective.discriminator ?? {};
  const { size, classes } = generator;
  const { steps, optimiser, rate, ema, clip } = scheduleOf(recipe, photos);

  const widthOf = (side: number) => Math.max(least, Math.round((width * 4) / side));
  const channels = (side: number) => features * widthOf(side);
  const looked = projection(encoder, size, { channels, scales, seed });
  const stages = (objective.discriminator?.stages ?? looked.maps.map((_, i) => i + 1)).map((stage) => stage - 1);
  const change = recipe.augmentation ?? [{ type: 'flip' }];
  expectFitting(recipe.name, {
    size: [size, augmentedSize(change, photos)],
    classes: [classes, photos.classes.length],
    guided: [guidance ?? 0, looked.classes],
    stages: [stages, looked.maps.length],
  });
  const maps = [...stages.map((stage) => looked.maps[stage]), ...(pixels ? [{ channels: 3, size }] : [])];
  const judge = discriminator({ maps, width: widthOf, classes }, seed);
  const options: GanStepsOptions = {
    generator,
    discriminator: judge,
    projection: looked,
    stages,
    pixels,
    loss,
    augment,
    r1,
    guidance,
    batch: schedule.batch,
    optimiser,
    clip,
    ema,
  };
  const slower = (step: number) => ratio * rate(step);
  return {
    parts: ganSteps(options),
    state: new Map([...generator.state, ...judge.state]),
    steps,
    rate: { [ganParts.discriminator]: slower, [ganParts.r1]: slower, [ganParts.generator]: rate },
    batch: ganBatches(options, photos, augmenter(change), seed),
    network: (state, engine) => generator.network(averaged(state, generator.state.keys()), engine),
    card: generator.card,
  };
}

function expectFitting(
  name: string,
  at: {
    size: [number, { height: number; width: number }];
    classes: [number, number];
    guided: [number, number];
    stages: [readonly number[], number];
  },
): void {
  const {
    size: [size, { height, width }],
    classes: [classes, ofPhotos],
    guided: [guidance, ofEncoder],
  } = at;
  const [stages, ofStages] = at.stages;
  if (height !== size || width !== size) {
    throw new UserError(`the generator of ${name} makes ${size}x${size}, but its photos are ${width}x${height}`);
  }
  if (classes && classes !== ofPhotos) {
    throw new UserError(`the generator of ${name} has ${classes} classes, its photos ${ofPhotos}`);
  }
  if (guidance && (!classes || classes !== ofEncoder)) {
    throw new UserError(
      `guidance of ${name} needs as many classes of the encoder (${ofEncoder}) as of the generator (${classes}), and some`,
    );
  }
  const missing = stages.find((stage) => stage >= ofStages);
  if (missing !== undefined) {
    throw new UserError(`a head of ${name} is for stage ${missing + 1} of the encoder, which has ${ofStages}`);
  }
}
