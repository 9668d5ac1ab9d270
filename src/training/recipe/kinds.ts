// The kinds of recipes that there are.
// Each is in a file of its own.

import { classRecipe } from '../class/recipe.ts';
import { clipRecipe } from '../clip/recipe.ts';
import { dinoRecipe } from '../dino/recipe.ts';
import { ganRecipe } from '../gan/recipe.ts';
import { maeRecipe } from '../mae/recipe.ts';
import type { RecipeKind } from './recipe.ts';

export const recipeKinds: readonly RecipeKind[] = [classRecipe, dinoRecipe, maeRecipe, clipRecipe, ganRecipe];
