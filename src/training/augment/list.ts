// Lists of augmentations as plain data, as recipes hold them: which entries there are, checked and made operations.
// It runs none of them; augment.ts does.

import { UserError } from '../../errors.ts';
import type { Operation } from './canvas.ts';
import { blur, colourJitter, greyscale, solarise } from './colour.ts';
import type { Blur, ColourJitter, Greyscale, Solarise } from './colour.ts';
import { crop, cutout, flip, resizedCrop, type Crop, type Cutout, type Flip, type ResizedCrop } from './place.ts';

/** One entry of a list. */
export type Augmentation = Crop | Flip | ResizedCrop | ColourJitter | Greyscale | Blur | Solarise | Cutout;

/** An entry as the loop over photos wants it. */
export interface Step {
  readonly operation: Operation;
  readonly probability: number;
}

/** What a field may be. */
interface Check {
  readonly expected: string;
  readonly test: (value: unknown) => boolean;
  readonly optional?: boolean;
}

const number = (from: number, to: number): Check => ({
  expected: to === Infinity ? `a number of at least ${from}` : `a number from ${from} to ${to}`,
  test: (value) => typeof value === 'number' && Number.isFinite(value) && value >= from && value <= to,
});

const whole = (from: number): Check => ({
  expected: `a whole number of at least ${from}`,
  test: (value) => Number.isSafeInteger(value) && (value as number) >= from,
});

const range = (to: number): Check => ({
  expected: `two numbers in increasing order, above 0${to === Infinity ? '' : ` and at most ${to}`}`,
  test: (value) =>
    Array.isArray(value) &&
    value.length === 2 &&
    value.every((end) => Number.isFinite(end) && end > 0 && end <= to) &&
    value[0] <= value[1],
});

const optional = (check: Check): Check => ({ ...check, optional: true });

const size: Check = {
  expected: 'a whole number of at least 1, or two, height and width',
  test: (value) => [value].flat().every(whole(1).test) && (!Array.isArray(value) || value.length === 2),
};
const border: Check = { expected: '"reflect" or "zero"', test: (value) => value === 'reflect' || value === 'zero' };
const probability = optional(number(0, 1));
const strength = optional(number(0, Infinity));

interface Kind<Entry extends Augmentation> {
  readonly make: (entry: Entry) => Operation;
  readonly fields: Readonly<Record<Exclude<keyof Entry, 'type'>, Check>>;
}

const kinds: { readonly [Type in Augmentation['type']]: Kind<Extract<Augmentation, { type: Type }>> } = {
  crop: { make: crop, fields: { padding: whole(0), border: optional(border) } },
  flip: { make: flip, fields: { probability } },
  resizedCrop: { make: resizedCrop, fields: { size, scale: optional(range(1)), ratio: optional(range(Infinity)) } },
  colourJitter: {
    make: colourJitter,
    fields: {
      brightness: strength,
      contrast: strength,
      saturation: strength,
      hue: optional(number(0, 0.5)),
      probability,
    },
  },
  greyscale: { make: greyscale, fields: { probability } },
  blur: { make: blur, fields: { sigma: optional(range(Infinity)), probability } },
  solarise: { make: solarise, fields: { threshold: optional(number(0, 1)), probability } },
  cutout: { make: cutout, fields: { size: whole(1), fill: optional(number(0, 1)), probability } },
};

/**
 * Makes a list what is run. `where` names it in messages.
 * @throws UserError that names the entry and the field, for what is not a list of augmentations.
 */
export function stepsOfList(list: readonly Augmentation[], where: string): Step[] {
  if (!Array.isArray(list)) throw new UserError(`${where} must be a list of augmentations, not ${said(list)}`);
  return list.map((entry: unknown, index) => stepOf(entry, `${where}[${index}]`));
}

function stepOf(entry: unknown, where: string): Step {
  const type = (entry as { type?: unknown } | null)?.type;
  if (typeof type !== 'string' || !Object.hasOwn(kinds, type)) {
    throw new UserError(`${where}: type must be one of ${Object.keys(kinds).join(', ')}, not ${said(type)}`);
  }
  const { make, fields } = kinds[type as Augmentation['type']] as unknown as {
    make: (entry: unknown) => Operation;
    fields: Record<string, Check>;
  };
  const { type: _, ...given } = entry as Record<string, unknown>;
  checkFields(given, fields, `${where} (${type})`);
  const chance = (given.probability as number | undefined) ?? (type === 'flip' ? 0.5 : 1);
  return { operation: make(entry), probability: chance };
}

/** @throws UserError when a field is missing, unknown, or not what it may be. */
function checkFields(given: Record<string, unknown>, fields: Record<string, Check>, where: string): void {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(fields, name)) continue;
    throw new UserError(`${where} has no field "${name}"; its fields are ${Object.keys(fields).join(', ')}`);
  }
  for (const [name, { expected, test, optional }] of Object.entries(fields)) {
    const value = given[name];
    if (value === undefined ? optional : test(value)) continue;
    throw new UserError(`${where}: ${name} must be ${expected}, not ${said(value)}`);
  }
}

const said = (value: unknown): string => JSON.stringify(value) ?? 'missing';

/** Crops of one size, see `multiCrop`. */
export interface CropGroup extends Omit<ResizedCrop, 'type'> {
  /** How many crops of each photo. */
  readonly count: number;
  /** What is done to the crops afterwards: lists that take turns, crop i gets list i modulo their number. Default none. */
  readonly then?: readonly (readonly Augmentation[])[];
}

const lists: Check = { expected: 'a list of lists', test: (value) => Array.isArray(value) && value.length > 0 };
const groupFields = { count: whole(1), then: optional(lists), ...kinds.resizedCrop.fields };

/**
 * Of each crop of a group, the whole list that makes it.
 * @throws UserError as `stepsOfList`; also when a list changes the size, which the crops of a group have in common.
 */
export function stepsOfCrops(group: CropGroup, where: string): Step[][] {
  checkFields({ ...group }, groupFields, where);
  const { count, then = [[]], ...box } = group;
  return Array.from({ length: count }, (_, i) => {
    const turn = i % then.length;
    const rest = stepsOfList(then[turn], `${where}.then[${turn}]`);
    const resized = then[turn].findIndex(({ type }) => type === 'resizedCrop');
    if (resized >= 0) {
      throw new UserError(`${where}.then[${turn}][${resized}] is a resizedCrop: give its size and scale to ${where}`);
    }
    return [stepOf({ type: 'resizedCrop', ...box }, where), ...rest];
  });
}
