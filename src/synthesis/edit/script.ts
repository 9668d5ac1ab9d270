// The script of an edit: what is to happen to which units of a generated image, as plain data, and its JSON.
// What an edit does to maps is in transforms.ts; which units ids stand for is in units.ts.

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { UserError } from '../../errors.ts';
import { parseJson } from '../../files/parse-json.ts';

/** [x, y], fractions of the image from its left upper corner. */
export type Point = readonly [number, number];
/** [x0, y0, x1, y1], fractions of the image, x0 < x1 and y0 < y1. */
export type Box = readonly [number, number, number, number];

/** Units by the ids of concepts and sets of a dictionary, and by full names: all that any of them stands for. */
export type UnitSelection =
  | 'all'
  | { readonly concepts?: readonly string[]; readonly sets?: readonly string[]; readonly units?: readonly string[] };

/** Default of `units`: all. */
interface OfUnits {
  readonly units?: UnitSelection;
}

/** An edit that changes the maps of units. Centres: default the middle. Boxes of strength: default everywhere. */
export type MapEdit = OfUnits &
  (
    | { readonly type: 'shift'; readonly dx: number; readonly dy: number }
    | { readonly type: 'zoom'; readonly factor: number; readonly centre?: Point }
    | { readonly type: 'rotate'; readonly degrees: number; readonly centre?: Point }
    | { readonly type: 'copy-paste'; readonly from: Box; readonly to: Box; readonly source?: string }
    | { readonly type: 'strengthen' | 'weaken'; readonly factor?: number; readonly box?: Box }
    | { readonly type: 'erase'; readonly box?: Box }
  );

export type Edit = MapEdit | { readonly type: 'class'; readonly class: number };

export interface EditScript {
  readonly version: 1;
  /** Applied one after the other: each meets what the ones before it left. */
  readonly edits: readonly Edit[];
  /** Weight of the units that no edit moves, against 1 for the others; default `defaultHold`. */
  readonly hold?: number;
  readonly $schema?: string;
}

export const defaultHold = 0.25;

const fraction = { type: 'number', minimum: 0, maximum: 1 } as const;
const centre = {
  type: 'array',
  items: fraction,
  minItems: 2,
  maxItems: 2,
  description: '[x, y], fractions of the image; default [0.5, 0.5]',
} as const;
const box = {
  type: 'array',
  items: fraction,
  minItems: 4,
  maxItems: 4,
  description: '[x0, y0, x1, y1], fractions of the image with x0 < x1 and y0 < y1',
} as const;
const ids = (description: string) => ({ type: 'array', items: { type: 'string' }, minItems: 1, description }) as const;
const units = {
  description: '"all" (the default), or an object that names some: {"concepts": [...], "sets": [...], "units": [...]}',
  type: ['string', 'object'],
  if: { type: 'string' },
  then: { const: 'all' },
  else: {
    type: 'object',
    properties: {
      concepts: ids('ids of concepts of the dictionary'),
      sets: ids('ids of Rosetta sets of the dictionary'),
      units: ids('full names of units of the generator, model/layer/index'),
    },
    minProperties: 1,
    additionalProperties: false,
  },
} as const;
const shift = (description: string) =>
  ({ type: 'number', exclusiveMinimum: -1, exclusiveMaximum: 1, description }) as const;
const factor = (description: string, range: object = {}) =>
  ({ type: 'number', exclusiveMinimum: 0, maximum: 10, description, ...range }) as const;

const edit = (type: Edit['type'], properties: object, required: readonly string[] = []) => ({
  type: 'object',
  properties: { type: { const: type }, ...properties },
  required: ['type', ...required],
  additionalProperties: false,
});

const kinds = [
  edit(
    'shift',
    {
      dx: shift('fraction of the width, positive to the right'),
      dy: shift('fraction of the height, positive downwards'),
      units,
    },
    ['dx', 'dy'],
  ),
  edit('zoom', { factor: factor('above 1 enlarges'), centre, units }, ['factor']),
  edit(
    'rotate',
    { degrees: { type: 'number', minimum: -360, maximum: 360, description: 'clockwise as seen' }, centre, units },
    ['degrees'],
  ),
  edit(
    'copy-paste',
    {
      from: box,
      to: box,
      source: {
        type: 'string',
        minLength: 1,
        description: 'where "from" is taken: "self" (the default), a file of latents, or seed:N',
      },
      units,
    },
    ['from', 'to'],
  ),
  edit('strengthen', { factor: factor('at least 1; default 2', { minimum: 1 }), box, units }),
  edit('weaken', { factor: factor('at most 1; default 0.5', { maximum: 1 }), box, units }),
  edit('erase', { box, units }),
  edit('class', { class: { type: 'integer', minimum: 0, description: 'number of the class' } }, ['class']),
];

/** The types of edits. */
const editTypes = kinds.map(({ properties }) => properties.type.const);

/** JSON Schema of a script; docs/edit.schema.json is a copy of it. */
export const editSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'rosetta-neurons/edit',
  title: 'Edit script',
  description: 'Edits of a generated image by the maps of its units, applied in order.',
  type: 'object',
  properties: {
    $schema: { type: 'string' },
    version: { const: 1 },
    edits: {
      type: 'array',
      minItems: 1,
      description: 'at least one edit',
      items: { type: 'object', discriminator: { propertyName: 'type' }, oneOf: kinds },
    },
    hold: {
      type: 'number',
      minimum: 0,
      maximum: 100,
      description: `weight of the units that no edit moves, against 1 for the others; default ${defaultHold}`,
    },
  },
  required: ['version', 'edits'],
  additionalProperties: false,
} as const;

const ajv = new Ajv({ allErrors: true, discriminator: true, allowUnionTypes: true, verbose: true });
const validate: ValidateFunction<EditScript> = ajv.compile<EditScript>(editSchema);

/**
 * A script from its JSON, as text or as a value. Nothing is filled in: defaults are taken where they are used.
 * @param name what messages call it, e.g. its path.
 * @throws UserError that names every place where it is no script, and what is expected there.
 */
export function parseEditScript(json: unknown, name = 'the edit script'): EditScript {
  const value = typeof json === 'string' ? valueIn(json, name) : json;
  const problems = validate(value)
    ? value.edits.flatMap((edit, i) => contradictions(edit, `edits[${i}]`))
    : validate.errors!.flatMap(problemOf);
  if (problems.length) {
    throw new UserError(`${name} is no edit script: ${problems.join('; ')}. docs/edit.schema.json has the form`);
  }
  return value as EditScript;
}

/** The class that the image is to have at the end; undefined when the script leaves it. */
export const classOf = ({ edits }: EditScript): number | undefined =>
  edits.reduce<number | undefined>((found, edit) => (edit.type === 'class' ? edit.class : found), undefined);

function valueIn(json: string, name: string): unknown {
  try {
    return parseJson(json);
  } catch (error) {
    throw new UserError(
      `${name} is not valid JSON (${(error as Error).message}); {"version": 1, "edits": [...]} is expected`,
    );
  }
}

/** What a schema cannot say. */
function contradictions(edit: Edit, place: string): string[] {
  const boxes = (['box', 'from', 'to'] as const).flatMap((key) => {
    const [x0, y0, x1, y1] = (edit as Partial<Record<typeof key, Box>>)[key] ?? [0, 0, 1, 1];
    if (x0 < x1 && y0 < y1) return [];
    return [`${place}.${key} is [${[x0, y0, x1, y1].join(', ')}], which is empty: ${box.description} is expected`];
  });
  const seed = edit.type === 'copy-paste' && edit.source?.startsWith('seed:') && !/^seed:\d+$/.test(edit.source);
  return seed ? [...boxes, `${place}.source is "${edit.source}": seed:N with a whole number N is expected`] : boxes;
}

function problemOf({ instancePath, keyword, params, message, data, parentSchema }: ErrorObject): string[] {
  const place =
    instancePath
      .slice(1)
      .replaceAll(/\/(\d+)/g, '[$1]')
      .replaceAll('/', '.') || 'the script';
  const properties = (parentSchema?.properties ?? {}) as Record<string, { description?: string }>;
  const named = (description?: string) => (description ? ` (${description})` : '');
  const { missingProperty: missing, additionalProperty: unknown, tagValue } = params as Record<string, string>;
  switch (keyword) {
    case 'if':
      // Says only that `then` or `else` has said something.
      return [];
    case 'required':
      return [`${place} lacks "${missing}"${named(properties[missing].description)}`];
    case 'additionalProperties':
      return [`${place} has the unknown entry "${unknown}"; known are ${Object.keys(properties).join(', ')}`];
    case 'discriminator': {
      const found = tagValue === undefined ? `${place} lacks "type"` : `${place}.type is ${JSON.stringify(tagValue)}`;
      return [`${found}; one of ${editTypes.join(', ')} is expected`];
    }
    case 'const': {
      const wanted = JSON.stringify((params as { allowedValue: unknown }).allowedValue);
      const otherwise = place.endsWith('.units') ? ` or an object that names some` : '';
      return [`${place} is ${JSON.stringify(data)}; ${wanted}${otherwise} is expected`];
    }
    default: {
      const found = data === undefined || typeof data === 'function' ? String(data) : JSON.stringify(data);
      const short = found.length > 60 ? `${found.slice(0, 57)}...` : found;
      return [`${place} is ${short} and ${message}${named(parentSchema?.description as string | undefined)}`];
    }
  }
}
