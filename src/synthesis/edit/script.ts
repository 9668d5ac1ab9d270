// The script of an edit: what is to happen to which units of a generated image, as plain data, and its JSON.
// What an edit does to maps is in transforms.ts; which units ids stand for is in units.ts.

import Type, { type Static } from 'typebox';
import { messageOf, UserError } from '../../errors.ts';
import { listed, readValue, type Read } from '../../files/json.ts';
import { parseJson } from '../../files/parse-json.ts';

export const defaultHold = 0.25;

const closed = { additionalProperties: false } as const;
const fraction = Type.Number({ minimum: 0, maximum: 1 });
const centre = Type.Optional(
  Type.Tuple([fraction, fraction], { description: '[x, y], fractions of the image; default [0.5, 0.5]' }),
);
const corners = '[x0, y0, x1, y1], fractions of the image with x0 < x1 and y0 < y1';
const box = Type.Tuple([fraction, fraction, fraction, fraction], { description: corners });
const ids = (description: string) =>
  Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 1e5, description }));
const some = Type.Object(
  {
    concepts: ids('ids of concepts of the dictionary'),
    sets: ids('ids of Rosetta sets of the dictionary'),
    units: ids('full names of units of the generator, model/layer/index'),
  },
  { ...closed, minProperties: 1 },
);
const units = Type.Optional(
  Type.Union([Type.Literal('all'), some], {
    description:
      '"all" (the default), or an object that names some: {"concepts": [...], "sets": [...], "units": [...]}',
  }),
);
const shift = (description: string) => Type.Number({ exclusiveMinimum: -1, exclusiveMaximum: 1, description });

/** Applied one after the other: each meets what the ones before it left. Boxes of strength: default everywhere. */
const edits = [
  Type.Object(
    {
      type: Type.Literal('shift'),
      dx: shift('fraction of the width, positive to the right'),
      dy: shift('fraction of the height, positive downwards'),
      units,
    },
    closed,
  ),
  Type.Object(
    {
      type: Type.Literal('zoom'),
      factor: Type.Number({ exclusiveMinimum: 0, maximum: 10, description: 'above 1 enlarges' }),
      centre,
      units,
    },
    closed,
  ),
  Type.Object(
    {
      type: Type.Literal('rotate'),
      degrees: Type.Number({ minimum: -360, maximum: 360, description: 'clockwise as seen' }),
      centre,
      units,
    },
    closed,
  ),
  Type.Object(
    {
      type: Type.Literal('copy-paste'),
      from: box,
      to: box,
      source: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 4096,
          description: 'where "from" is taken: "self" (the default), a file of latents, or seed:N',
        }),
      ),
      units,
    },
    closed,
  ),
  Type.Object(
    {
      type: Type.Literal('strengthen'),
      factor: Type.Optional(Type.Number({ minimum: 1, maximum: 10, description: 'at least 1; default 2' })),
      box: Type.Optional(box),
      units,
    },
    closed,
  ),
  Type.Object(
    {
      type: Type.Literal('weaken'),
      factor: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1, description: 'at most 1; default 0.5' })),
      box: Type.Optional(box),
      units,
    },
    closed,
  ),
  Type.Object({ type: Type.Literal('erase'), box: Type.Optional(box), units }, closed),
  Type.Object(
    {
      type: Type.Literal('class'),
      class: Type.Integer({ minimum: 0, maximum: 2 ** 18, description: 'number of the class' }),
    },
    closed,
  ),
] as const;

/** A script: the schema by which it is read, its type, and what docs/edit.schema.json publishes. */
export const editSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    version: Type.Literal(1),
    edits: Type.Array(Type.Union([...edits]), { minItems: 1, maxItems: 1000, description: 'at least one edit' }),
    hold: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 100,
        description: `weight of the units that no edit moves, against 1 for the others; default ${defaultHold}`,
      }),
    ),
  },
  {
    ...closed,
    $id: 'rosetta-neurons/edit',
    title: 'Edit script',
    description: 'Edits of a generated image by the maps of its units, applied in order.',
  },
);

export type EditScript = Read<typeof editSchema>;
export type Edit = EditScript['edits'][number];
/** An edit that changes the maps of units. */
export type MapEdit = Exclude<Edit, { readonly type: 'class' }>;
/** Units by the ids of concepts and sets of a dictionary, and by full names: all that any of them stands for. */
export type UnitSelection = 'all' | Read<typeof some>;
/** [x, y], fractions of the image from its left upper corner. */
export type Point = Readonly<Static<typeof centre>>;
/** [x0, y0, x1, y1], fractions of the image, x0 < x1 and y0 < y1. */
export type Box = Readonly<Static<typeof box>>;

/** Seeds beyond this are no whole numbers that the generator of random numbers takes. */
const largestSeed = 2 ** 32 - 1;

/**
 * A script from its JSON, as text or as a value. Nothing is filled in: defaults are taken where they are used.
 * @param name what messages call it, e.g. its path.
 * @throws UserError that names every place where it is no script, and what is expected there.
 */
export function parseEditScript(json: unknown, name = 'the edit script'): EditScript {
  const value = typeof json === 'string' ? valueIn(json, name) : json;
  const refused = (problem: string) =>
    new UserError(`${name} is no edit script: ${problem}. docs/edit.schema.json has the form`);
  const { value: script, problem } = readValue(editSchema, value, 'the script');
  if (problem !== undefined) throw refused(problem);
  const problems = script.edits.flatMap((edit, i) => contradictions(edit, `edits[${i}]`));
  if (problems.length) throw refused(listed(problems));
  return script;
}

/** The class that the image is to have at the end; undefined when the script leaves it. */
export const classOf = ({ edits }: EditScript): number | undefined =>
  edits.reduce<number | undefined>((found, edit) => (edit.type === 'class' ? edit.class : found), undefined);

function valueIn(json: string, name: string): unknown {
  try {
    return parseJson(json);
  } catch (error) {
    throw new UserError(`${name} is not valid JSON (${messageOf(error)}); {"version": 1, "edits": [...]} is expected`);
  }
}

/** What a schema cannot say. */
function contradictions(edit: Edit, place: string): string[] {
  const given: Pick<Edit, 'type'> & Partial<Record<'box' | 'from' | 'to', Box>> = edit;
  const boxes = (['box', 'from', 'to'] as const).flatMap((key) => {
    const [x0, y0, x1, y1] = given[key] ?? [0, 0, 1, 1];
    if (x0 < x1 && y0 < y1) return [];
    return [`${place}.${key} is [${[x0, y0, x1, y1].join(', ')}], which is empty: ${corners} is expected`];
  });
  if (edit.type !== 'copy-paste' || !edit.source?.startsWith('seed:')) return boxes;
  const seed = /^seed:(\d+)$/.exec(edit.source);
  if (seed && Number(seed[1]) <= largestSeed) return boxes;
  return [
    ...boxes,
    `${place}.source is "${edit.source}": seed:N with a whole number N of at most ${largestSeed} is expected`,
  ];
}
