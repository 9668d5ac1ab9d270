// The recipe of a class-supervised ResNet: labelled photos in, cross entropy, the zoo's ResNet out.
// The step is in resnet.ts.

import { float32 } from '../../graph/tensor.ts';
import { augmentedSize, augmenter } from '../augment/augment.ts';
import { classResNetStep } from './resnet.ts';
import { smoothed } from '../loop/losses.ts';
import { batchOf } from '../loop/photos.ts';
import type { RecipeKind } from '../recipe/recipe.ts';
import { freshResNet, type ResNetSizes } from './tensors.ts';
import { scheduleOf } from '../recipe/schedule-of.ts';
import { standInCard } from '../recipe/stand-in-card.ts';
import { averaged } from '../loop/step.ts';

const positive = { type: 'integer', minimum: 1 } as const;

/** JSON schema of the sizes of a ResNet of bottlenecks. */
export const resNetSizesSchema = {
  type: 'object',
  properties: {
    depths: { type: 'array', items: positive, minItems: 1, description: 'Blocks of each stage.' },
    planes: {
      type: 'array',
      items: positive,
      minItems: 1,
      description: 'Inner channels of the bottlenecks, by stage.',
    },
    stem: { ...positive, description: 'Channels of the first convolution.' },
  },
  required: ['depths', 'planes', 'stem'],
  additionalProperties: false,
} as const;

export const classRecipe: RecipeKind = {
  kind: 'class',
  schema: {
    architecture: resNetSizesSchema,
    objective: {
      type: 'object',
      properties: {
        smoothing: {
          type: 'number',
          minimum: 0,
          maximum: 1,
          description: 'Share of the target that is spread evenly over all classes; default 0.',
        },
      },
      additionalProperties: false,
    },
  },
  plan(recipe, photos) {
    const { batch } = recipe.schedule;
    const { steps, optimiser, rate, ema, clip } = scheduleOf(recipe, photos);
    const { smoothing = 0 } = recipe.objective as { smoothing?: number };
    const augmentation = recipe.augmentation ?? [];
    const augment = augmenter(augmentation);
    const { height } = augmentedSize(augmentation, photos);
    const classes = photos.classes.length;
    const state = freshResNet({ ...(recipe.architecture as unknown as ResNetSizes), classes }, recipe.seed);
    const step = classResNetStep({ tensors: state, batch, size: height, classes, optimiser, ema, clip });
    return Promise.resolve({
      parts: [step],
      state,
      steps,
      rate,
      batch(at) {
        const indices = batchOf(photos, recipe.seed, at, batch);
        const labels = Array.from(indices, (i) => photos.labels[i]);
        return {
          [step.name]: {
            images: float32([batch, 3, height, height], augment(photos, indices, recipe.seed, at)),
            target: float32([batch, classes], smoothed(labels, classes, smoothing)),
          },
        };
      },
      network: (trained) => Promise.resolve(averaged(trained, state.keys())),
      card: standInCard('resnet50', { architecture: 'resnet' }),
    });
  },
};
