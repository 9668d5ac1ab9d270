// The recipe of a masked autoencoder: photos in, without their labels; the encoder out, which is the zoo's ViT.
// The network in training is in network.ts.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import type { Read } from '../../files/json.ts';
import { float32, int64, type Tensor } from '../../graph/tensor.ts';
import { randomAt } from '../../random.ts';
import { preprocess } from '../../zoo/preprocess.ts';
import { vit } from '../../zoo/encoders/vit.ts';
import { augmentedSize, augmenter } from '../augment/augment.ts';
import { LiveWeights } from '../loop/live-weights.ts';
import {
  decodeHidden,
  encodeShown,
  meanSquare,
  splitPatches,
  targetOf,
  type MaeSizes,
  type TransformerSizes,
} from './network.ts';
import { freshMae, shapesOfMae } from './tensors.ts';
import { batchOf } from '../loop/photos.ts';
import { channels, closed, layers, whole } from '../recipe/numbers.ts';
import { recipeKind } from '../recipe/recipe.ts';
import { expectRoom } from '../recipe/room.ts';
import { scheduleOf } from '../recipe/schedule-of.ts';
import { standInCard } from '../recipe/stand-in-card.ts';
import { averaged, trainingStep, type StepOptions, type TrainingStep } from '../loop/step.ts';

export interface MaeOptions extends Pick<StepOptions, 'optimiser' | 'ema' | 'clip'> {
  /** From `freshMae`, or of a training that goes on. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly sizes: MaeSizes;
  readonly batch: number;
  /** Patches of a photo that are shown. */
  readonly shown: number;
  readonly normalised?: boolean;
}

const isPosition = (name: string): boolean => name.endsWith('pos_embed');
const isEncoder = (name: string): boolean => !/^(mask_token$|decoder_)/.test(name);

const inputOf = ({ patch, grid, encoder }: MaeSizes) => vit.defaultInput({ patch, grid, ...encoder });

/**
 * Inputs: `images` `[batch, 3, side, side]`, RGB in [0, 1], and `order`, int64 `[batch, grid^2]`, of `patchOrder`. All but
 * the positions is trained.
 * Source: He et al., "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022.
 */
export function maeStep({ tensors, sizes, batch, shown, normalised = true, ...rest }: MaeOptions): TrainingStep {
  const { patch, grid } = sizes;
  const side = patch * grid;
  return trainingStep({
    name: 'mae',
    state: tensors,
    trainable: [...tensors.keys()].filter((name) => !isPosition(name)),
    batch: {
      images: { shape: [batch, 3, side, side] },
      order: { shape: [batch, grid * grid], dtype: 'int64' },
    },
    addTo(b, parameters, { images, order }) {
      const weights = new LiveWeights(tensors, 'mae', (name) => (isPosition(name) ? undefined : parameters.get(name)));
      const patches = splitPatches(b, preprocess(b, images, inputOf(sizes)), order, shown, sizes);
      const encoded = encodeShown(b, patches.shown, weights, sizes);
      const prediction = decodeHidden(b, encoded, patches.shown, patches.hidden, weights, sizes);
      return { loss: meanSquare(b, prediction, targetOf(b, patches.hidden, normalised)) };
    },
    ...rest,
  });
}

/** Keeps what is shown apart from whatever else is drawn with the same seed. */
const maskStream = 0x6d61736b;

/**
 * Of each photo of a batch all its patches, those first that are shown: a uniform choice. A pure function of the arguments.
 * @returns int64 `[batch, patches]`.
 */
export function patchOrder(seed: number, step: number, batch: number, patches: number, shown: number): Tensor {
  const rows = Array.from({ length: batch }, (_, i) => {
    const order = Array.from({ length: patches }, (_, patch) => patch);
    for (let at = 0; at < shown; at++) {
      const counter = (step * batch + i) * patches + at;
      const other = at + Math.floor(randomAt(seed, counter, maskStream) * (patches - at));
      [order[at], order[other]] = [order[other], order[at]];
    }
    return order;
  });
  return int64(rows.flat(), [batch, patches]);
}

const transformer = (description: string) =>
  Type.Object(
    {
      width: Type.Integer({ minimum: 4, maximum: 2 ** 14, multipleOf: 4, description: 'Channels of a token.' }),
      depth: layers('Number of blocks.'),
      heads: whole('Heads of the attention; they divide the width.', 1024),
      hidden: Type.Optional(channels('Channels between the two layers of an MLP; default four times the width.')),
    },
    { ...closed, description },
  );

const architectureSchema = Type.Object(
  {
    patch: whole('Side of a patch, in pixels; it divides that of the photos.', 1024),
    encoder: transformer('What is shipped: a ViT.'),
    decoder: transformer('What only training needs; smaller, usually.'),
  },
  closed,
);

type MaeArchitecture = Read<typeof architectureSchema>;
type TransformerArchitecture = MaeArchitecture['encoder'];

const objectiveSchema = Type.Object(
  {
    hidden: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        exclusiveMaximum: 1,
        description: 'Fraction of the patches that is hidden; default 0.75.',
      }),
    ),
    normalised: Type.Optional(
      Type.Boolean({
        description: "Predict each patch's pixels normalised by their own mean and variance; default true.",
      }),
    ),
  },
  closed,
);

export const maeRecipe = recipeKind({
  kind: 'mae',
  schema: { architecture: architectureSchema, objective: objectiveSchema },
  plan(recipe, photos, { memory }) {
    const { batch } = recipe.schedule;
    const { seed } = recipe;
    const { steps, rate, ...schedule } = scheduleOf(recipe, photos);
    const augmentation = recipe.augmentation ?? [];
    const augment = augmenter(augmentation);
    const sizes = sizesOf(recipe.architecture, augmentedSize(augmentation, photos));
    const { hidden = 0.75, normalised } = recipe.objective;
    const patches = sizes.grid ** 2;
    const shown = shownOf(patches, hidden);
    const side = sizes.patch * sizes.grid;
    expectRoom(recipe, shapesOfMae(sizes), [['photos', [batch, 3, side, side]]], memory);
    const tensors = freshMae(sizes, seed);
    const { optimiser, ema, clip } = schedule;
    const step = maeStep({ tensors, sizes, batch, shown, normalised, optimiser, ema, clip });
    return Promise.resolve({
      parts: [step],
      state: tensors,
      steps,
      rate,
      batch(at) {
        const images = augment(photos, batchOf(photos, seed, at, batch), seed, at);
        const order = patchOrder(seed, at, batch, patches, shown);
        return { [step.name]: { images: float32([batch, 3, side, side], images), order } };
      },
      network: (trained) => Promise.resolve(averaged(trained, [...tensors.keys()].filter(isEncoder))),
      card: standInCard('mae-vitb16', {
        architecture: 'vit',
        config: { heads: sizes.encoder.heads },
        input: inputOf(sizes),
      }),
    });
  },
});

/** As the official code rounds: down. */
function shownOf(patches: number, hidden: number): number {
  const shown = Math.floor(patches * (1 - hidden));
  if (shown > 0 && shown < patches) return shown;
  throw new UserError(
    `of ${patches} patches, hiding the fraction ${hidden} leaves ${shown} to be shown; choose hidden so that some are shown and some hidden`,
  );
}

function sizesOf({ patch, encoder, decoder }: MaeArchitecture, photo: { height: number; width: number }): MaeSizes {
  const { height, width } = photo;
  if (height !== width || height % patch) {
    throw new UserError(
      `photos of ${height}x${width} cannot be cut into patches of ${patch}x${patch}: squares whose side is a multiple of the patch are needed; choose another patch, or scale with the augmentation resizedCrop`,
    );
  }
  const complete = (name: string, given: TransformerArchitecture): TransformerSizes => {
    if (given.width % 4 === 0 && given.width % given.heads === 0) return { hidden: 4 * given.width, ...given };
    throw new UserError(
      `the ${name} has width=${given.width} and heads=${given.heads}: a width that is a multiple of 4 and of the heads is needed`,
    );
  };
  return { patch, grid: height / patch, encoder: complete('encoder', encoder), decoder: complete('decoder', decoder) };
}
