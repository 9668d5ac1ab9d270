// Reading a recipe: JSON text to a checked recipe.
// What a recipe may hold is told by recipe.ts and the kinds.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import { readJson } from '../../files/json.ts';
import { recipeSchemaOf, type Recipe, type RecipeKind } from './recipe.ts';

/** Characters of a recipe: tens of times those of the longest that is shipped. */
const longest = 2 ** 16;

/** JSON Schema of a recipe of one of the kinds; docs/recipe.schema.json is a copy of it. */
export const recipeSchema = (kinds: readonly RecipeKind[]) =>
  Type.Union(kinds.map(recipeSchemaOf), { $id: 'rosetta-neurons/recipe', title: 'Recipe of a training' });

/**
 * The recipe in a JSON text.
 * @throws UserError that lists every place where the text is not one.
 */
export function parseRecipe(json: string, path: string, kinds: readonly RecipeKind[]): Recipe {
  if (json.length > longest)
    throw new UserError(`${path} has ${json.length} characters; a recipe of a training has at most ${longest}`);
  const { value, problem, syntax } = readJson(recipeSchema(kinds), json, 'the recipe');
  if (syntax !== undefined)
    throw new UserError(`${path} is not valid JSON (${syntax}); a recipe of a training is expected`);
  if (problem !== undefined)
    throw new UserError(`${path} is not a recipe: ${problem}. docs/recipe.schema.json has the form`);
  return value;
}
