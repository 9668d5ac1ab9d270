// The card of a trained network, as it lies beside the weights.
// What was measured of it is added by others.

import type { Plan, Recipe } from './recipe.ts';

/** JSON of the card of the network that a plan's `network` gives, in the file `NAME.safetensors`. */
export function cardText(recipe: Recipe, { card }: Pick<Plan, 'card'>): string {
  return `${JSON.stringify({ name: recipe.name, ...card, file: `${recipe.name}.safetensors` }, null, 2)}\n`;
}
