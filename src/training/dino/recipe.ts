// The recipe of DINO: photos without labels in, self-distillation over crops, the zoo's ViT or ResNet out.
// The step is in step.ts, its loss in loss.ts.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import type { Read } from '../../files/json.ts';
import { lastOf, present } from '../../lookup.ts';
import { float32, type Tensor } from '../../graph/tensor.ts';
import type { EncoderFamily } from '../../zoo/architecture.ts';
import { shapesOf } from '../../zoo/from-checkpoint.ts';
import { resnet } from '../../zoo/encoders/resnet.ts';
import { vit } from '../../zoo/encoders/vit.ts';
import { multiCrop } from '../augment/augment.ts';
import { cropGroupFields } from '../augment/list.ts';
import { dinoHeadSchema, dinoHeadShapes, directions } from './head.ts';
import { decayingBy, standingStill } from './optimiser.ts';
import { dinoStep, freshDino, teacherOf, type Backbone, type Views } from './step.ts';
import { batchOf, type PhotoSet } from '../loop/photos.ts';
import { above0, channels, closed, layers, fraction, side, weight, whole } from '../recipe/numbers.ts';
import { recipeKind, type Plan, type Recipe } from '../recipe/recipe.ts';
import { expectRoom } from '../recipe/room.ts';
import { freshResNet, resNetShapes, resNetSizesSchema } from '../class/tensors.ts';
import { scheduleOf } from '../recipe/schedule-of.ts';
import { cosine, type Schedule } from '../loop/schedule.ts';
import { standInCard } from '../recipe/stand-in-card.ts';
import { freshVit, vitShapes, type VitSizes } from './vit-tensors.ts';

const vitSchema = Type.Object(
  {
    patch: whole('Side of a patch in pixels; it divides the sides of photos and crops.', 1024),
    width: channels('Channels of a token.'),
    depth: layers('Number of blocks.'),
    hidden: Type.Optional(channels('Channels inside an MLP; default four times the width.')),
    heads: Type.Optional(whole('Heads of the attention; default one for 64 channels.', 1024)),
  },
  closed,
);

const architectureSchema = Type.Union([vitSchema, resNetSizesSchema]);

const temperature = (description: string) => above0(description, 1000);

const square = (description: string) =>
  Type.Object({ ...cropGroupFields, size: side('Side in pixels.') }, { ...closed, description });

const objectiveSchema = Type.Object(
  {
    crops: Type.Object(
      {
        global: square('What teacher and student see.'),
        local: Type.Optional(square('What the student sees beside it.')),
      },
      closed,
    ),
    head: dinoHeadSchema,
    temperature: Type.Optional(
      Type.Object(
        {
          student: Type.Optional(temperature('Default 0.1.')),
          teacher: Type.Optional(
            Type.Tuple([temperature('At the beginning.'), temperature('After the warm-up.')], {
              description: 'At the beginning, and after the warm-up; default 0.04 and 0.07.',
            }),
          ),
          warmUp: Type.Optional(fraction('Fraction of the steps in which the teacher becomes warmer; default 0.3.')),
        },
        closed,
      ),
    ),
    centre: Type.Optional(fraction('Momentum of the mean that is taken off the teacher; default 0.9.')),
    still: Type.Optional(weight('Epochs in which the last layer stands still; default 1.')),
    weightDecay: Type.Optional(
      weight("Weight decay at the end, by half a cosine from the optimiser's; default: it stays."),
    ),
  },
  closed,
);

type Objective = Read<typeof objectiveSchema>;
type DinoRecipe = Recipe<Read<typeof architectureSchema>, Objective>;

export const dinoRecipe = recipeKind({
  kind: 'dino',
  schema: { architecture: architectureSchema, objective: objectiveSchema },
  plan: (recipe, photos, { memory }) => Promise.resolve(planOf(recipe, photos, memory)),
});

function planOf(recipe: DinoRecipe, photos: PhotoSet, memory: number | undefined): Plan {
  const { seed, schedule } = recipe;
  const { batch } = schedule;
  const { objective } = recipe;
  const momentum = expectRecipe(recipe, objective);
  const { steps, stepsPerEpoch, rate, clip, ...rest } = scheduleOf(recipe, photos);
  const crop = multiCrop(objective.crops);
  const { global, local } = objective.crops;

  let { optimiser } = rest;
  const { weightDecay: last } = objective;
  if (last !== undefined) {
    optimiser = decayingBy(
      optimiser,
      cosine({ rate: present(schedule.optimiser.weightDecay, 'weight decay'), steps, final: last }),
    );
  }
  optimiser = standingStill(optimiser, directions, Math.round((objective.still ?? 1) * stepsPerEpoch));

  const { architecture, name } = recipe;
  const { height, width } = photos;
  if (height !== width) throw new UserError(`the photos for ${name} are ${width}x${height}; square ones are expected`);
  const ofBackbone = 'patch' in architecture ? vitShapes(vitSizes(architecture, height)) : resNetShapes(architecture);
  const weights = [...ofBackbone, ...dinoHeadShapes(featuresOf(architecture), objective.head)];
  const views = Object.entries(objective.crops).map(
    ([group, { count, size }]) => [`${group} crops`, [count * batch, 3, size, size]] as const,
  );
  expectRoom(recipe, weights, views, memory);
  const { backbone, ...card } = backboneOf(recipe, photos);
  const state = freshDino(backbone, objective.head, seed + 1);
  const { student, teacher = [0.04, 0.07], warmUp = 0.3 } = objective.temperature ?? {};
  const step = dinoStep({
    state,
    backbone,
    batch,
    global,
    local,
    temperature: student,
    centre: objective.centre,
    optimiser,
    momentum: cosine({ rate: momentum, steps, final: 1 }),
    clip,
  });
  const warmth = risen(teacher[0], teacher[1], Math.round(warmUp * steps));
  const buffer = ({ count, size }: Views) => new Float32Array(count * batch * 3 * size * size);
  return {
    parts: [step],
    state,
    steps,
    rate,
    batch(at) {
      const out = { global: buffer(global), local: local ? buffer(local) : new Float32Array(0) };
      crop(photos, batchOf(photos, seed, at, batch), seed, at, out);
      const fed = {
        global: float32(step.batch.global.shape, out.global),
        ...(local && { local: float32(step.batch.local.shape, out.local) }),
        temperature: float32([], [warmth(at)]),
      };
      return { [step.name]: fed };
    },
    network: (trained) => Promise.resolve(teacherOf(trained, backbone)),
    card: standInCard(backbone.family.name === 'vit' ? 'dino-vits16' : 'dino-resnet50', {
      architecture: backbone.family.name,
      ...card,
    }),
  };
}

/** The momentum of the teacher at the beginning. @throws UserError for what the schemas cannot say. */
function expectRecipe({ name, augmentation, schedule }: DinoRecipe, { crops, weightDecay }: Objective): number {
  const { ema, optimiser } = schedule;
  if (augmentation) {
    throw new UserError(
      `the recipe ${name} has an augmentation; DINO's are in objective.crops, after each crop, as then`,
    );
  }
  if (ema === undefined) {
    throw new UserError(`the recipe ${name} has no schedule.ema, the momentum of DINO's teacher; 0.996 is usual`);
  }
  if (crops.global.count < 2 && !crops.local) {
    throw new UserError(`the recipe ${name} has one crop of each photo; DINO compares at least two`);
  }
  if (weightDecay !== undefined && !(optimiser.kind === 'adam' && optimiser.weightDecay)) {
    throw new UserError(
      `the recipe ${name} has an objective.weightDecay to end with; its optimiser must be adam with a weightDecay to begin with`,
    );
  }
  return ema;
}

/** Linear from one number to another in so many steps, and level from there. */
const risen =
  (from: number, to: number, steps: number): Schedule =>
  (step) =>
    step < steps ? from + ((to - from) * step) / steps : to;

/** The fresh backbone of a recipe, and what its tensors do not tell. @throws UserError when a size does not fit the photos. */
function backboneOf({ name, architecture: sizes, seed }: DinoRecipe, { height }: PhotoSet) {
  if (!('patch' in sizes)) {
    const tensors = freshResNet(sizes, seed);
    return { ...networkFor(height, resnet, tensors, featuresOf(sizes)), config: undefined };
  }
  const { patch, width, heads = width / 64 } = sizes;
  if (height % patch || !Number.isInteger(width / heads) || !Number.isInteger(heads)) {
    throw new UserError(
      `${name}: the patch, ${patch}, must divide the side of the photos, ${height}, and the number of heads, ${heads}, the width, ${width}; give heads where the width is no multiple of 64`,
    );
  }
  const tensors = freshVit(vitSizes(sizes, height), seed);
  const added = networkFor(height, vit, tensors, width, { heads });
  return { ...added, config: heads === width / 64 ? undefined : { heads } };
}

const vitSizes = (sizes: Read<typeof vitSchema>, size: number): VitSizes => ({
  hidden: 4 * sizes.width,
  ...sizes,
  grid: Math.ceil(size / sizes.patch),
});

/** Features that the backbone gives for an image. */
const featuresOf = (sizes: DinoRecipe['architecture']): number =>
  'patch' in sizes ? sizes.width : 4 * lastOf(sizes.planes);

/** The network as it is in training, and its input where photos are not of the size that is usual for it. */
function networkFor<Config>(
  side: number,
  family: EncoderFamily<Config>,
  tensors: ReadonlyMap<string, Tensor>,
  features: number,
  choices: Partial<Config> = {},
) {
  const config = { ...present(family.recognise(shapesOf(tensors), {}), 'architecture'), ...choices };
  const usual = family.defaultInput(config);
  const backbone: Backbone = { family: family, config, tensors, features };
  return { backbone, input: usual.height === side ? undefined : { ...usual, height: side, width: side } };
}
