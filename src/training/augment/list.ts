// Lists of augmentations as plain data, as recipes hold them: which entries there are, checked and made operations.
// It runs none of them; augment.ts does.

import Type, { type TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { UserError } from '../../errors.ts';
import { listed, problemsOf, type Read } from '../../files/json.ts';
import { closed, whole } from '../recipe/numbers.ts';
import type { Operation } from './canvas.ts';
import {
  blur,
  blurSchema,
  colourJitter,
  colourJitterSchema,
  greyscale,
  greyscaleSchema,
  solarise,
  solariseSchema,
} from './colour.ts';
import {
  crop,
  cropSchema,
  cutFields,
  cutout,
  cutoutSchema,
  flip,
  flipSchema,
  resizedCrop,
  resizedCropSchema,
  type ResizedCrop,
} from './place.ts';

const augmentationSchema = Type.Union([
  cropSchema,
  flipSchema,
  resizedCropSchema,
  colourJitterSchema,
  greyscaleSchema,
  blurSchema,
  solariseSchema,
  cutoutSchema,
]);

/** One entry of a list. */
export type Augmentation = Read<typeof augmentationSchema>;

/** JSON Schema of a list. */
export const augmentationsSchema = Type.Array(augmentationSchema, {
  maxItems: 256,
  description: 'How photos are changed before they are shown, in order; default not at all.',
});

/** Fields of crops of one size, see `multiCrop`. */
export const cropGroupFields = {
  count: whole('How many crops of each photo.', 256),
  ...cutFields,
  then: Type.Optional(
    Type.Array(augmentationsSchema, {
      minItems: 1,
      maxItems: 256,
      description: 'What is done to the crops afterwards: lists that take turns. Default none.',
    }),
  ),
};
const cropGroupSchema = Type.Object(cropGroupFields, closed);

/** Crops of one size, see `multiCrop`. */
export type CropGroup = Read<typeof cropGroupSchema>;

/** An entry as the loop over photos wants it. */
export interface Step {
  readonly operation: Operation;
  readonly probability: number;
}

function operationOf(entry: Augmentation): Operation {
  switch (entry.type) {
    case 'crop':
      return crop(entry);
    case 'flip':
      return flip();
    case 'resizedCrop':
      return resizedCrop(entry);
    case 'colourJitter':
      return colourJitter(entry);
    case 'greyscale':
      return greyscale();
    case 'blur':
      return blur(entry);
    case 'solarise':
      return solarise(entry);
    case 'cutout':
      return cutout(entry);
  }
}

/**
 * Makes a list what is run. `where` names it in messages.
 * @throws UserError that names the entry and the field, for what is not a list of augmentations.
 */
export function stepsOfList(list: readonly Augmentation[], where: string): Step[] {
  expect(augmentationsSchema, list, where);
  return list.map((entry, index) => stepOf(entry, `${where}[${index}]`));
}

function stepOf(entry: Augmentation, where: string): Step {
  for (const name of ['scale', 'ratio', 'sigma']) {
    const range: unknown = Object.entries(entry).find(([key]) => key === name)?.[1];
    if (Array.isArray(range) && Number(range[0]) > Number(range[1])) {
      throw new UserError(`${where}.${name} is ${JSON.stringify(range)}; give two numbers in increasing order`);
    }
  }
  const chance = 'probability' in entry ? entry.probability : undefined;
  return { operation: operationOf(entry), probability: chance ?? (entry.type === 'flip' ? 0.5 : 1) };
}

/** @throws UserError that names every place of `where` that is not what the schema describes. */
function expect(schema: TSchema, value: unknown, where: string): void {
  if (Check(schema, value)) return;
  const problems = problemsOf(schema, value, '').map((problem) =>
    /^[[ ]/.test(problem) ? where + problem : `${where}.${problem}`,
  );
  throw new UserError(listed(problems));
}

/**
 * Of each crop of a group, the whole list that makes it.
 * @throws UserError as `stepsOfList`; also when a list changes the size, which the crops of a group have in common.
 */
export function stepsOfCrops(group: CropGroup, where: string): Step[][] {
  expect(cropGroupSchema, group, where);
  const { count, then = [[]], ...box } = group;
  const first: ResizedCrop = { type: 'resizedCrop', ...box };
  return Array.from({ length: count }, (_, i) => {
    const turn = i % then.length;
    const rest = stepsOfList(then[turn], `${where}.then[${turn}]`);
    const resized = then[turn].findIndex(({ type }) => type === 'resizedCrop');
    if (resized >= 0) {
      throw new UserError(`${where}.then[${turn}][${resized}] is a resizedCrop: give its size and scale to ${where}`);
    }
    return [stepOf(first, where), ...rest];
  });
}
