// The recipe kind 'clip': photos and captions of their own nouns, told apart from all others of a batch.
// Towers and loss are in step.ts; captions and their tokens in captions.ts.

import { UserError } from '../../errors.ts';
import { float32, type Tensor } from '../../graph/tensor.ts';
import { randomAt } from '../../random.ts';
import { augmentedSize, augmenter } from '../augment/augment.ts';
import { captionOf, templates, Tokenizer, vocabularyName, vocabularyOf, vocabularyTensor } from './captions.ts';
import { clipStep, contrastiveTargets } from './step.ts';
import { freshClip, type ClipSizes } from './tensors.ts';
import { batchOf, noun, type PhotoSet } from '../loop/photos.ts';
import type { RecipeKind } from '../recipe/recipe.ts';
import { scheduleOf } from '../recipe/schedule-of.ts';
import { standInCard } from '../recipe/stand-in-card.ts';
import { averaged } from '../loop/step.ts';

export interface ClipObjective {
  /** Whether equal nouns of a batch share their targets; default true. */
  readonly shared?: boolean;
  /** Share of captions with the class's name for a noun; default 0.3. */
  readonly classNames?: number;
}

const whole = (description: string, more: object = {}) => ({ type: 'integer', minimum: 1, description, ...more });

const schema: RecipeKind['schema'] = {
  architecture: {
    type: 'object',
    properties: {
      depths: {
        type: 'array',
        items: whole('blocks'),
        minItems: 4,
        maxItems: 4,
        description: 'Blocks of each stage of the image tower, a ResNet with attention pooling.',
      },
      width: whole('Inner channels of its first stage; each further stage has twice as many.', { multipleOf: 2 }),
      grid: whole('Side of its last grid: photos are shown with 32 times as many pixels a side.'),
      embed: whole('Length of the features that both towers give out.'),
      text: {
        type: 'object',
        description: 'The text tower, a causal transformer.',
        properties: {
          width: whole('Channels of a token; a head has 64.'),
          layers: whole('Number of blocks.'),
          context: whole('Tokens of a caption, start and end among them.', { minimum: 3 }),
        },
        required: ['width', 'layers', 'context'],
        additionalProperties: false,
      },
    },
    required: ['depths', 'width', 'grid', 'embed', 'text'],
    additionalProperties: false,
  },
  objective: {
    type: 'object',
    properties: {
      shared: {
        type: 'boolean',
        description:
          'Captions with the same noun in one batch share their targets equally; false is the loss of the paper, to which they are wrong answers. Default true.',
      },
      classNames: {
        type: 'number',
        minimum: 0,
        maximum: 1,
        description:
          'Share of captions that have the name of the class ("cat") for the noun of the file name ("tabby"): few files have it. Default 0.3.',
      },
    },
    additionalProperties: false,
  },
};

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
export const clipRecipe: RecipeKind = {
  kind: 'clip',
  schema,
  plan(recipe, photos) {
    const sizes = recipe.architecture as unknown as ClipSizes;
    const { shared = true, classNames = 0.3 } = recipe.objective as ClipObjective;
    const { seed, augmentation = [] } = recipe;
    const { batch } = recipe.schedule;
    if (batch < 2) throw new UserError(`the batch must have 2 photos or more to tell captions apart, not ${batch}`);

    const nouns = photos.names.map(noun);
    const all = new Set([...nouns, ...photos.classes]);
    const vocabulary = vocabularyOf(all);
    const tokenizer = new Tokenizer(vocabulary, sizes.text.context);
    // Whether all captions fit is told now, not in the step that draws the longest.
    for (const name of all) tokenizer.encode(templates.map((template) => captionOf(template, name)));

    const tensors = freshClip(sizes, vocabulary.length, seed);
    const { steps, optimiser, rate, ema, clip: longest } = scheduleOf(recipe, photos);
    const { height, width } = augmentedSize(augmentation, photos);
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
};
