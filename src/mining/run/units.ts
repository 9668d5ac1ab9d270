// Names of units. What a unit is, the mining knows.

import type { MinedModel } from '../correlation/plan.ts';

/** Model names have no slashes, layer names may. */
const form = /^([^/]+)\/([^]+)\/(\d{1,15})$/;

export const isUnitName = (text: string): boolean => form.test(text);

/** A unit's full name. */
export const unitName = (model: string, layer: string, index: number): string => `${model}/${layer}/${index}`;

/** The parts of a unit's full name. @throws RangeError when the text is not `model/layer/index`. */
export function parseUnit(name: string): { model: string; layer: string; index: number } {
  const match = form.exec(name);
  if (!match) throw new RangeError(`"${name}" is not a unit name of the form model/layer/index`);
  return { model: match[1], layer: match[2], index: Number(match[3]) };
}

/** Names of all units of a model, in order. */
export const unitNames = (model: MinedModel): string[] =>
  model.layers.flatMap(({ layer, units, select }) =>
    Array.from({ length: units }, (_, i) => unitName(model.name, layer, select ? select[i] : i)),
  );
