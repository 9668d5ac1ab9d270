// The recipe kind 'clip': photos and captions of their own nouns, told apart from all others of a batch.
// Towers and loss are in step.ts; captions and their tokens in captions.ts.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import { float32, type Tensor } from '../../graph/tensor.ts';
import { randomAt } from '../../random.ts';
import { augmentedSize, augmenter } from '../augment/augment.ts';
import { captionOf, templates, Tokenizer, vocabularyName, vocabularyOf, vocabularyTensor } from './captions.ts';
import { clipStep, contrastiveTargets } from './step.ts';
import { clipShapes, clipSizesSchema, freshClip } from './tensors.ts';
import { batchOf, noun, type PhotoSet } from '../loop/photos.ts';
import { closed, fraction } from '../recipe/numbers.ts';
import { recipeKind } from '../recipe/recipe.ts';
import { expectRoom } from '../recipe/room.ts';
import { scheduleOf } from '../recipe/schedule-of.ts';
import { standInCard } from '../recipe/stand-in-card.ts';
import { averaged } from '../loop/step.ts';

const objectiveSchema = Type.Object(
  {
    shared: Type.Optional(
      Type.Boolean({
        description:
          'Captions with the same noun in one batch share their targets equally; false is the loss of the paper, to which they are wrong answers. Default true.',
      }),
    ),
    classNames: Type.Optional(
      fraction(
        'Fraction of captions that have the name of the class ("cat") for the noun of the file name ("tabby"): few files have it. Default 0.3.',
      ),
    ),
  },
  closed,
);

/** Keep what is drawn of captions apart from all else of the same seed. */
const [nounStream, templateStream] = [0x6e6f756e, 0x74656d70];

/**
 * The nouns and captions of step `step` by its photos: a pure function of (seed, step, place in the batch).
 * @param nouns of each photo of the set.
 */
export function captionsOf(
  { labels, classes }: Pick<PhotoSet, 'labels' | 'classes'>,
  nouns: readonly string[],
  indices: ArrayLike<number>,
  { seed, step, classNames }: { readonly seed: number; readonly step: number; readonly classNames: number },
): { readonly nouns: string[]; readonly captions: string[] } {
  const chosen = Array.from(indices, (index, i) =>
    randomAt(seed, step * 2 ** 20 + i, nounStream) < classNames ? classes[labels[index]] : nouns[index],
  );
  const captions = chosen.map((name, i) => {
    const template = Math.floor(randomAt(seed, step * 2 ** 20 + i, templateStream) * templates.length);
    return captionOf(templates[template], name);
  });
  return { nouns: chosen, captions };
}

/** CLIP's two towers on photos and their nouns. Of each class the name is learnt, for zero-shot classification. */
export const clipRecipe = recipeKind({
  kind: 'clip',
  schema: { architecture: clipSizesSchema, objective: objectiveSchema },
  plan(recipe, photos, { memory }) {
    const sizes = recipe.architecture;
    const { shared = true, classNames = 0.3 } = recipe.objective;
    const { seed, augmentation = [] } = recipe;
    const { batch } = recipe.schedule;
    if (batch < 2) throw new UserError(`the batch must have 2 photos or more to tell captions apart, not ${batch}`);

    const nouns = photos.names.map(noun);
    const all = new Set([...nouns, ...photos.classes]);
    const vocabulary = vocabularyOf(all);
    const tokenizer = new Tokenizer(vocabulary, sizes.text.context);
    // Whether all captions fit is told now, not in the step that draws the longest.
    for (const name of all) tokenizer.encode(templates.map((template) => captionOf(template, name)));

    const { height, width } = augmentedSize(augmentation, photos);
    const fed = [
      ['photos', [batch, 3, height, width]],
      ['targets', [batch, batch]],
    ] as const;
    expectRoom(recipe, clipShapes(sizes, vocabulary.length), fed, memory);
    const tensors = freshClip(sizes, vocabulary.length, seed);
    const { steps, optimiser, rate, ema, clip: longest } = scheduleOf(recipe, photos);
    const augment = augmenter(augmentation);
    const step = clipStep({ tensors, batch, height, width, optimiser, ema, clip: longest });
    return Promise.resolve({
      parts: [step],
      state: tensors,
      steps,
      rate,
      batch(number: number) {
        const indices = batchOf(photos, seed, number, batch);
        const drawn = captionsOf(photos, nouns, indices, { seed, step: number, classNames });
        const images = float32([batch, 3, height, width], augment(photos, indices, seed, number));
        const target = float32([batch, batch], contrastiveTargets(drawn.nouns, shared));
        return { clip: { images, tokens: tokenizer.encode(drawn.captions), target } };
      },
      network: (trained) =>
        Promise.resolve(
          new Map<string, Tensor>([
            ...averaged(trained, tensors.keys()),
            [vocabularyName, vocabularyTensor(vocabulary)],
          ]),
        ),
      card: standInCard('clip-rn50', { architecture: 'clip-resnet' }),
    });
  },
});
