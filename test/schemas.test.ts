// The published schemas: docs/*.schema.json are written from the definitions that readers use, by `npm run schemas`.
// What the readers do with them is tested beside each reader.

import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { expect, it } from 'vitest';
import { dictionarySchema } from '../src/mining/run/dictionary.ts';
import { editSchema } from '../src/synthesis/edit/script.ts';
import { recipeKinds } from '../src/training/recipe/kinds.ts';
import { recipeSchema } from '../src/training/recipe/schema.ts';
import { cardSchema } from '../src/zoo/card.ts';

const schemas: Readonly<Record<string, object>> = {
  'model-card': cardSchema,
  recipe: recipeSchema(recipeKinds),
  dictionary: dictionarySchema,
  edit: editSchema,
};

it.each(Object.entries(schemas))('docs/%s.schema.json is that of the program', async (name, schema) => {
  const path = fileURLToPath(new URL(`../docs/${name}.schema.json`, import.meta.url));
  const text = JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...schema });
  await expect(await format(text, { ...(await resolveConfig(path)), filepath: path })).toMatchFileSnapshot(path);
});
