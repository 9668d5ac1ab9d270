// Reading a recipe: JSON text to a checked recipe. The checking itself is a library's.

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { UserError } from '../../errors.ts';
import { parseJson } from '../../files/parse-json.ts';
import type { Recipe, RecipeKind } from './recipe.ts';

const share = { type: 'number', minimum: 0, maximum: 1 } as const;
const decay = { type: 'number', minimum: 0, exclusiveMaximum: 1 } as const;
const weight = { type: 'number', minimum: 0 } as const;
const text = { type: 'string', minLength: 1 } as const;

const optimiser = {
  description: 'How weights move by their gradients.',
  type: 'object',
  properties: { kind: { enum: ['sgd', 'adam'] } },
  required: ['kind'],
  discriminator: { propertyName: 'kind' },
  oneOf: [
    {
      type: 'object',
      properties: {
        kind: { const: 'sgd' },
        momentum: { ...decay, description: 'Default 0: no memory.' },
        nesterov: { type: 'boolean', description: 'Step as if the momentum had been followed already.' },
        weightDecay: { ...weight, description: 'Multiple of the weight that is added to its gradient.' },
      },
      required: ['kind'],
      additionalProperties: false,
    },
    {
      type: 'object',
      properties: {
        kind: { const: 'adam' },
        beta1: { ...decay, description: 'Default 0.9.' },
        beta2: { ...decay, description: 'Default 0.999.' },
        epsilon: { type: 'number', exclusiveMinimum: 0, description: 'Default 1e-8.' },
        weightDecay: { ...weight, description: 'Share of the weight, times the rate, lost in each step.' },
      },
      required: ['kind'],
      additionalProperties: false,
    },
  ],
} as const;

/** JSON Schema of a recipe of one of the kinds; docs/recipe.schema.json is a copy of it. */
export function recipeSchema(kinds: readonly RecipeKind[]) {
  return {
    $id: 'rosetta-neurons/recipe',
    title: 'Recipe of a training',
    type: 'object',
    properties: {
      name: { type: 'string', pattern: '^[A-Za-z0-9_.+-]+$', description: 'Of the network that is trained.' },
      kind: { enum: kinds.map(({ kind }) => kind), description: 'What is trained, and by which objective.' },
      architecture: { type: 'object' },
      objective: { type: 'object' },
      augmentation: {
        type: 'array',
        items: { type: 'object', properties: { type: text }, required: ['type'] },
        description: 'How photos are changed before they are shown; default not at all.',
      },
      schedule: {
        type: 'object',
        properties: {
          batch: { type: 'integer', minimum: 1, description: 'Photos of one step.' },
          epochs: { type: 'number', exclusiveMinimum: 0, description: 'Times that every photo is shown.' },
          optimiser,
          rate: {
            type: 'object',
            properties: {
              kind: { enum: ['oneCycle', 'cosine', 'constant'] },
              peak: { type: 'number', exclusiveMinimum: 0, description: 'The largest learning rate.' },
              warmUp: { ...share, description: 'Share of the steps in which it rises; default 0, of oneCycle 0.3.' },
              coolDown: {
                ...share,
                description: 'Share of the steps at the end in which a constant one falls; default 0.',
              },
              last: { ...share, description: 'At the end, as a share of the peak; default 0.' },
            },
            required: ['kind', 'peak'],
            additionalProperties: false,
          },
          ema: { ...decay, description: 'Decay of the moving average of the weights, which is shipped; default none.' },
          clip: { type: 'number', exclusiveMinimum: 0, description: 'Longer gradients are shortened to this.' },
        },
        required: ['batch', 'epochs', 'optimiser', 'rate'],
        additionalProperties: false,
      },
      seed: { type: 'integer', minimum: 0, description: 'Of fresh weights and everything that is drawn.' },
    },
    required: ['name', 'kind', 'architecture', 'objective', 'schedule', 'seed'],
    additionalProperties: false,
    allOf: kinds.map(({ kind, schema }) => ({
      if: { type: 'object', properties: { kind: { const: kind } } },
      then: { type: 'object', properties: { ...schema } },
    })),
  } as const;
}

/**
 * The recipe in a JSON text.
 * @throws UserError that lists every place where the text is not one.
 */
export function parseRecipe(json: string, path: string, kinds: readonly RecipeKind[]): Recipe {
  let value: unknown;
  try {
    value = parseJson(json);
  } catch (error) {
    throw new UserError(`${path} is not valid JSON (${(error as Error).message}); a recipe of a training is expected`);
  }
  const validate = validatorOf(kinds);
  if (validate(value)) return value;
  const problems = new Set(nearest(validate.errors ?? []).map(problemOf));
  throw new UserError(`${path} is not a recipe: ${[...problems].join('; ')}. docs/recipe.schema.json has the form`);
}

const validators = new WeakMap<readonly RecipeKind[], ValidateFunction<Recipe>>();

/** Compiling takes much longer than any check. */
function validatorOf(kinds: readonly RecipeKind[]): ValidateFunction<Recipe> {
  const known = validators.get(kinds);
  if (known) return known;
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, discriminator: true });
  const validate = ajv.compile<Recipe>(recipeSchema(kinds));
  validators.set(kinds, validate);
  return validate;
}

/** The errors that count: of alternatives those that are nearest to what is there. */
function nearest(errors: readonly ErrorObject[]): ErrorObject[] {
  const alternatives = errors.filter(({ keyword }) => keyword === 'oneOf' || keyword === 'anyOf');
  const told = alternatives.reduce<readonly ErrorObject[]>((left, { schemaPath }) => {
    const branchOf = (error: ErrorObject) =>
      error.schemaPath.startsWith(`${schemaPath}/`) ? error.schemaPath.slice(schemaPath.length + 1).split('/')[0] : '';
    const counts = new Map<string, number>();
    for (const error of left) counts.set(branchOf(error), (counts.get(branchOf(error)) ?? 0) + 1);
    counts.delete('');
    const least = Math.min(...counts.values());
    return left.filter((error) => (counts.get(branchOf(error)) ?? least) === least);
  }, errors);
  return told.filter((error) => !['if', 'oneOf', 'anyOf', 'discriminator'].includes(error.keyword));
}

function problemOf({ instancePath, message, params }: ErrorObject): string {
  const place = instancePath.slice(1).replaceAll('/', '.') || 'the recipe';
  const allowed = 'allowedValues' in params ? `: ${(params.allowedValues as string[]).join(', ')}` : '';
  const extra = 'additionalProperty' in params ? ` ("${params.additionalProperty}")` : '';
  return `${place} ${message}${allowed}${extra}`;
}
