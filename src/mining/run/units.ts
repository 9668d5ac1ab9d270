// Unit numbers and unit names of a mined model.

import { unitName } from './dictionary.ts';
import type { MinedModel } from '../correlation/plan.ts';

/** Names of all units of a model, in order. */
export const unitNames = (model: MinedModel): string[] =>
  model.layers.flatMap(({ layer, units, select }) =>
    Array.from({ length: units }, (_, i) => unitName(model.name, layer, select ? select[i] : i)),
  );
