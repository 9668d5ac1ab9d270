// The card of a trained network, as it lies beside the weights.
// What was measured of it is added by others.

import type { Plan, Recipe } from './recipe.ts';

/**
 * JSON of the card of the network that a plan's `network` gives, in the file `NAME.safetensors`.
 * @param data what it was trained on.
 */
export function cardText(recipe: Recipe, { card }: Pick<Plan, 'card'>, data: string): string {
  return `${JSON.stringify({ name: recipe.name, ...card, data, file: `${recipe.name}.safetensors` }, null, 2)}\n`;
}
