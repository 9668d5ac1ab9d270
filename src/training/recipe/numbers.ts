// The numbers that only recipes hold, each with bounds: shares and factors. Those of networks are in the zoo's bounds.ts.
// What all of a recipe takes together is predicted in room.ts.

import Type from 'typebox';

export { above0, channels, classes, each, layers, side, whole } from '../../zoo/bounds.ts';

/** An object without other entries. */
export const closed = { additionalProperties: false } as const;

/** From 0 to 1. */
export const fraction = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });

/** From 0 to below 1: what is left of an old value in a moving average. */
export const decay = (description: string) => Type.Number({ minimum: 0, exclusiveMaximum: 1, description });

/** A factor of 0 or more. */
export const weight = (description: string) => Type.Number({ minimum: 0, maximum: 1e6, description });
