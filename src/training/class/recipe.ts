// The recipe of a class-supervised ResNet: labelled photos in, cross entropy, the zoo's ResNet out.
// The step is in resnet.ts.

import Type from 'typebox';
import { float32 } from '../../graph/tensor.ts';
import { augmentedSize, augmenter } from '../augment/augment.ts';
import { classResNetStep } from './resnet.ts';
import { smoothed } from '../loop/losses.ts';
import { batchOf } from '../loop/photos.ts';
import { closed, fraction } from '../recipe/numbers.ts';
import { recipeKind } from '../recipe/recipe.ts';
import { expectRoom } from '../recipe/room.ts';
import { freshResNet, resNetShapes, resNetSizesSchema } from './tensors.ts';
import { scheduleOf } from '../recipe/schedule-of.ts';
import { standInCard } from '../recipe/stand-in-card.ts';
import { averaged } from '../loop/step.ts';

export const classRecipe = recipeKind({
  kind: 'class',
  schema: {
    architecture: resNetSizesSchema,
    objective: Type.Object(
      {
        smoothing: Type.Optional(fraction('Fraction of the target that is spread evenly over all classes; default 0.')),
      },
      closed,
    ),
  },
  plan(recipe, photos, { memory }) {
    const { batch } = recipe.schedule;
    const { steps, optimiser, rate, ema, clip } = scheduleOf(recipe, photos);
    const { smoothing = 0 } = recipe.objective;
    const augmentation = recipe.augmentation ?? [];
    const augment = augmenter(augmentation);
    const { height } = augmentedSize(augmentation, photos);
    const classes = photos.classes.length;
    const sizes = { ...recipe.architecture, classes };
    expectRoom(
      recipe,
      resNetShapes(sizes),
      [
        ['photos', [batch, 3, height, height]],
        ['classes', [batch, classes]],
      ],
      memory,
    );
    const state = freshResNet(sizes, recipe.seed);
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
});
