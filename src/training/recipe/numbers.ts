// The numbers that recipes hold, each with bounds that are generous for networks of today: shares, counts, widths, sides.
// What all of a recipe takes together is predicted in room.ts.

import Type, { type TSchema } from 'typebox';

/** An object without other entries. */
export const closed = { additionalProperties: false } as const;

/** A whole number of 1 or more. */
export const whole = (description: string, maximum: number, minimum = 1) =>
  Type.Integer({ minimum, maximum, description });

/** Channels of a layer, or the length of a vector. */
export const channels = (description: string) => whole(description, 2 ** 14);

/** Layers, blocks or heads of one kind. */
export const layers = (description: string) => whole(description, 256);

/** Of an image, in pixels. */
export const side = (description: string) => whole(description, 8192);

export const classes = (description: string, minimum = 1) => whole(description, 2 ** 18, minimum);

/** From 0 to 1. */
export const fraction = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });

/** From 0 to below 1: what is left of an old value in a moving average. */
export const decay = (description: string) => Type.Number({ minimum: 0, exclusiveMaximum: 1, description });

/** A factor of 0 or more. */
export const weight = (description: string) => Type.Number({ minimum: 0, maximum: 1e6, description });

export const above0 = (description: string, maximum = 1e6) =>
  Type.Number({ exclusiveMinimum: 0, maximum, description });

/** Of each of some stages or sizes. */
export const each = <Item extends TSchema>(item: Item, description: string, minItems = 1, maxItems = 16) =>
  Type.Array(item, { minItems, maxItems, description });
