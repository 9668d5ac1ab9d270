// The recipe of DINO: photos without labels in, self-distillation over crops, the zoo's ViT or ResNet out.
// The step is in step.ts, its loss in loss.ts.

import { UserError } from '../../errors.ts';
import { lastOf, present } from '../../lookup.ts';
import { float32, type Tensor } from '../../graph/tensor.ts';
import type { EncoderFamily } from '../../zoo/architecture.ts';
import { shapesOf } from '../../zoo/from-checkpoint.ts';
import { resnet } from '../../zoo/encoders/resnet.ts';
import { vit } from '../../zoo/encoders/vit.ts';
import { multiCrop, type MultiCropRecipe } from '../augment/augment.ts';
import { resNetSizesSchema } from '../class/recipe.ts';
import { directions, type DinoHeadSizes } from './head.ts';
import { decayingBy, standingStill } from './optimiser.ts';
import { dinoStep, freshDino, teacherOf, type Backbone, type Views } from './step.ts';
import { batchOf, type PhotoSet } from '../loop/photos.ts';
import type { Plan, Recipe, RecipeKind } from '../recipe/recipe.ts';
import { freshResNet, type ResNetSizes } from '../class/tensors.ts';
import { scheduleOf } from '../recipe/schedule-of.ts';
import { cosine, type Schedule } from '../loop/schedule.ts';
import { standInCard } from '../recipe/stand-in-card.ts';
import { freshVit } from './vit-tensors.ts';

interface VitArchitecture {
  readonly patch: number;
  readonly width: number;
  readonly depth: number;
  readonly hidden?: number;
  readonly heads?: number;
}

interface Objective {
  readonly crops: MultiCropRecipe;
  readonly head: DinoHeadSizes;
  readonly temperature?: { readonly student?: number; readonly teacher?: readonly number[]; readonly warmUp?: number };
  readonly centre?: number;
  readonly still?: number;
  readonly weightDecay?: number;
}

const positive = { type: 'integer', minimum: 1 } as const;
const share = { type: 'number', minimum: 0, maximum: 1 } as const;
const temperature = { type: 'number', exclusiveMinimum: 0 } as const;
const crops = (description: string) => ({
  type: 'object',
  description: `${description}: count, size, scale, ratio, and lists of augmentations that take turns, then.`,
  properties: { count: positive, size: { ...positive, description: 'Side in pixels.' } },
  required: ['count', 'size'],
});

const vitSchema = {
  type: 'object',
  properties: {
    patch: { ...positive, description: 'Side of a patch in pixels; it divides the sides of photos and crops.' },
    width: { ...positive, description: 'Channels of a token.' },
    depth: { ...positive, description: 'Number of blocks.' },
    hidden: { ...positive, description: 'Channels inside an MLP; default four times the width.' },
    heads: { ...positive, description: 'Heads of the attention; default one for 64 channels.' },
  },
  required: ['patch', 'width', 'depth'],
  additionalProperties: false,
} as const;

const objectiveSchema = {
  type: 'object',
  properties: {
    crops: {
      type: 'object',
      properties: { global: crops('What teacher and student see'), local: crops('What the student sees beside it') },
      required: ['global'],
      additionalProperties: false,
    },
    head: {
      type: 'object',
      properties: {
        hidden: { ...positive, description: 'Channels of the hidden layers.' },
        bottleneck: { ...positive, description: 'Channels of the last layer but one.' },
        outputs: { ...positive, description: 'Outputs over which student and teacher agree.' },
      },
      required: ['hidden', 'bottleneck', 'outputs'],
      additionalProperties: false,
    },
    temperature: {
      type: 'object',
      properties: {
        student: { ...temperature, description: 'Default 0.1.' },
        teacher: {
          type: 'array',
          items: temperature,
          minItems: 2,
          maxItems: 2,
          description: 'At the beginning, and after the warm-up; default 0.04 and 0.07.',
        },
        warmUp: { ...share, description: 'Share of the steps in which the teacher becomes warmer; default 0.3.' },
      },
      additionalProperties: false,
    },
    centre: { ...share, description: 'Momentum of the mean that is taken off the teacher; default 0.9.' },
    still: { type: 'number', minimum: 0, description: 'Epochs in which the last layer stands still; default 1.' },
    weightDecay: {
      type: 'number',
      minimum: 0,
      description: "Weight decay at the end, by half a cosine from the optimiser's; default: it stays.",
    },
  },
  required: ['crops', 'head'],
  additionalProperties: false,
} as const;

export const dinoRecipe: RecipeKind = {
  kind: 'dino',
  schema: { architecture: { oneOf: [vitSchema, resNetSizesSchema] }, objective: objectiveSchema },
  plan: (recipe, photos) => Promise.resolve(planOf(recipe, photos)),
};

function planOf(recipe: Recipe, photos: PhotoSet): Plan {
  const { seed, schedule } = recipe;
  const { batch } = schedule;
  const objective = recipe.objective as unknown as Objective;
  const momentum = expectRecipe(recipe, objective);
  const { steps, stepsPerEpoch, rate, clip, ...rest } = scheduleOf(recipe, photos);
  const crop = multiCrop(objective.crops);
  const [global, local] = [objective.crops.global, objective.crops.local] as unknown as [Views, Views | undefined];

  let { optimiser } = rest;
  const { weightDecay: last } = objective;
  if (last !== undefined) {
    optimiser = decayingBy(
      optimiser,
      cosine({ rate: present(schedule.optimiser.weightDecay, 'weight decay'), steps, final: last }),
    );
  }
  optimiser = standingStill(optimiser, directions, Math.round((objective.still ?? 1) * stepsPerEpoch));

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
function expectRecipe({ name, augmentation, schedule }: Recipe, { crops, weightDecay }: Objective): number {
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
function backboneOf({ name, architecture, seed }: Recipe, { height, width }: PhotoSet) {
  if (height !== width) throw new UserError(`the photos for ${name} are ${width}x${height}; square ones are expected`);
  if (!('patch' in architecture)) {
    const sizes = architecture as unknown as ResNetSizes;
    const tensors = freshResNet(sizes, seed);
    return { ...networkFor(height, resnet, tensors, 4 * lastOf(sizes.planes)), config: undefined };
  }
  const sizes = architecture as unknown as VitArchitecture;
  const { patch, width: channels, heads = channels / 64 } = sizes;
  if (height % patch || !Number.isInteger(channels / heads) || !Number.isInteger(heads)) {
    throw new UserError(
      `${name}: the patch, ${patch}, must divide the side of the photos, ${height}, and the number of heads, ${heads}, the width, ${channels}; give heads where the width is no multiple of 64`,
    );
  }
  const tensors = freshVit({ hidden: 4 * channels, ...sizes, grid: height / patch }, seed);
  const added = networkFor(height, vit, tensors, channels, { heads });
  return { ...added, config: heads === channels / 64 ? undefined : { heads } };
}

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
