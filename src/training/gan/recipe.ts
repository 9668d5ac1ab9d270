// The recipe of a generator: photos in, adversarial training against a projected discriminator, the zoo's generator out.
// Generators are in files of their own (kinds.ts lists them), the steps in steps.ts.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import type { Read } from '../../files/json.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { augmentedSize, augmenter } from '../augment/augment.ts';
import { diffAugmentSchema } from '../augment/differentiable.ts';
import { discriminator, discriminatorShapes, type DiscriminatorSizes } from './discriminator.ts';
import { ganBatches } from './draws.ts';
import { ganParts, ganSteps, r1Schema, type GanStepsOptions } from './steps.ts';
import type { TrainingGenerator } from './generator.ts';
import { generatorNames, generators } from './kinds.ts';
import type { PhotoSet } from '../loop/photos.ts';
import { projection, type Projection } from './projection.ts';
import { above0, channels, closed, weight, whole } from '../recipe/numbers.ts';
import { recipeKind, type Plan, type Recipe } from '../recipe/recipe.ts';
import { expectRoom } from '../recipe/room.ts';
import { scheduleOf } from '../recipe/schedule-of.ts';
import { averaged } from '../loop/step.ts';

const discriminatorSchema = Type.Object(
  {
    width: Type.Optional(channels("Channels of the heads' maps of 4x4; half from size to size; default 64.")),
    least: Type.Optional(channels("Least channels of the heads' maps; default 16.")),
    features: Type.Optional(
      whole("Channels of the mixed features, as a multiple of the heads' of the same size; default 2.", 64),
    ),
    scales: Type.Optional(Type.Boolean({ description: 'Whether features are mixed across scales too; default true.' })),
    stages: Type.Optional(
      Type.Array(whole('A stage, from 1.', 16), {
        minItems: 1,
        maxItems: 16,
        uniqueItems: true,
        description: 'Stages of the encoder, from 1, that have a head; default all.',
      }),
    ),
    pixels: Type.Optional(Type.Boolean({ description: 'Whether there is a head for the pixels; default true.' })),
    rate: Type.Optional(above0("Its learning rate, as a multiple of the generator's; default 1.", 1e4)),
  },
  closed,
);

const objectiveSchema = Type.Object(
  {
    generator: Type.Enum([...generatorNames], { description: 'What is trained; the architecture has its sizes.' }),
    loss: Type.Enum(['hinge', 'logistic']),
    encoder: Type.String({
      minLength: 1,
      description:
        'File of a class ResNet (safetensors), relative to the recipe: the discriminator looks at its features.',
    }),
    discriminator: Type.Optional(discriminatorSchema),
    augment: Type.Optional(diffAugmentSchema),
    r1: Type.Optional(r1Schema),
    guidance: Type.Optional(
      weight("Weight of the encoder's cross entropy between images and their classes; default 0."),
    ),
  },
  closed,
);

export type GanObjective = Read<typeof objectiveSchema>;

/** Kind of the recipes of BigGAN-deep, StyleGAN2 and StyleGAN-XL. */
export const ganRecipe = recipeKind({
  kind: 'gan',
  schema: {
    architecture: Type.Union(generatorNames.map((name) => generators[name].schema)),
    objective: objectiveSchema,
  },
  async plan(recipe, photos, context) {
    const planned = generators[recipe.objective.generator].planned(recipe.architecture);
    const { height, width } = photos;
    const batch = [['photos', [recipe.schedule.batch, 3, height, width]]] as const;
    expectRoom(recipe, planned.shapes, batch, context.memory);
    const judge = judgeOf(recipe, planned, photos, await context.tensors(recipe.objective.encoder));
    // The random matrices are not trained, but each step has its own copy.
    const shapes = [...planned.shapes, ...discriminatorShapes(judge.sizes), ...judge.looked.shapes];
    expectRoom(recipe, shapes, batch, context.memory);
    return judgedPlan(recipe, planned.make(recipe.seed), photos, judge);
  },
});

/**
 * The plan of a generator's training.
 * @param recipe its architecture and the name of its generator are not looked at.
 * @param encoder tensors of a class ResNet, official names.
 * @throws UserError when generator, photos and encoder do not fit each other.
 */
export const ganPlan = (
  recipe: GanTraining,
  generator: TrainingGenerator,
  photos: PhotoSet,
  encoder: ReadonlyMap<string, Tensor>,
): Plan => judgedPlan(recipe, generator, photos, judgeOf(recipe, generator, photos, encoder));

type GanTraining = Recipe<unknown, GanObjective>;

/** What will judge the images, nothing of which is drawn yet. */
interface Judge {
  readonly looked: Projection;
  /** Of the projection's maps, those that have a head. */
  readonly stages: readonly number[];
  readonly pixels: boolean;
  readonly sizes: DiscriminatorSizes;
}

function judgeOf(
  { name, seed, ...recipe }: GanTraining,
  { size, classes }: Pick<TrainingGenerator, 'size' | 'classes'>,
  photos: PhotoSet,
  encoder: ReadonlyMap<string, Tensor>,
): Judge {
  const { guidance = 0, discriminator: given = {} } = recipe.objective;
  const { width = 64, least = 16, features = 2, scales = true, pixels = true } = given;
  const widthOf = (side: number) => Math.max(least, Math.round((width * 4) / side));
  const channels = (side: number) => features * widthOf(side);
  const looked = projection(encoder, size, { channels, scales, seed });
  const stages = (given.stages ?? looked.maps.map((_, i) => i + 1)).map((stage) => stage - 1);
  expectFitting(name, {
    size: [size, augmentedSize(changeOf(recipe), photos)],
    classes: [classes, photos.classes.length],
    guided: [guidance, looked.classes],
    stages: [stages, looked.maps.length],
  });
  const maps = [...stages.map((stage) => looked.maps[stage]), ...(pixels ? [{ channels: 3, size }] : [])];
  return { looked, stages, pixels, sizes: { maps, width: widthOf, classes } };
}

/** What photos undergo before the augmentation that generated images undergo too. */
const changeOf = ({ augmentation }: Pick<GanTraining, 'augmentation'>) => augmentation ?? [{ type: 'flip' as const }];

function judgedPlan(
  recipe: GanTraining,
  generator: TrainingGenerator,
  photos: PhotoSet,
  { looked, stages, pixels, sizes }: Judge,
): Plan {
  const { seed, schedule } = recipe;
  const { loss, augment = {}, r1, guidance, discriminator: { rate: ratio = 1 } = {} } = recipe.objective;
  const { steps, optimiser, rate, ema, clip } = scheduleOf(recipe, photos);
  const judge = discriminator(sizes, seed);
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
    batch: ganBatches(options, photos, augmenter(changeOf(recipe)), seed),
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
