// The numbers that configurations hold, each with bounds that are generous for networks of today: counts, widths, sides.
// Whether they go together is for the builder of a network to say.

import Type, { type TSchema } from 'typebox';

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

export const above0 = (description: string, maximum = 1e6) =>
  Type.Number({ exclusiveMinimum: 0, maximum, description });

/** Of each of some stages or sizes. */
export const each = <Item extends TSchema>(item: Item, description: string, minItems = 1, maxItems = 16) =>
  Type.Array(item, { minItems, maxItems, description });

/** Of an image that blocks double from 4 pixels on. */
export const doubledSide = (description: string) =>
  Type.Unsafe<number>(Type.Enum([4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192], { description }));
