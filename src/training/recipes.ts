// The kinds of recipes that there are.
// Each is in a file of its own.

import { classRecipe } from './class-recipe.ts';
import type { RecipeKind } from './recipe.ts';

export const recipeKinds: readonly RecipeKind[] = [classRecipe];
