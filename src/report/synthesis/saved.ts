// What the page of results needs of one that is finished, as JSON that is read back: its schema.
// It reads and writes no files.

import Type from 'typebox';
import type { Read } from '../../files/json.ts';
import type { SynthesisPage, SynthesisResult } from './page.ts';

const text = Type.String();
const optional = Type.Optional(text);
const image = Type.String({ pattern: '^data:image/', description: 'a data: URI of an image' });
const side = Type.Integer({ minimum: 1, maximum: 65536 });
/** JSON has no other numbers: null stands for what is no finite one. */
const number = Type.Union([Type.Number(), Type.Null()]);

export const savedResultSchema = Type.Object({
  name: text,
  pictures: Type.Array(
    Type.Object({ caption: text, src: image, width: side, height: side, animation: Type.Optional(image) }),
  ),
  facts: Type.Array(Type.Object({ label: text, value: text })),
  warning: optional,
  curves: Type.Optional(
    Type.Array(Type.Object({ name: text, values: Type.Array(Type.Tuple([Type.Number(), number])) })),
  ),
  pairs: Type.Array(
    Type.Object({
      generatorUnit: text,
      guideUnit: text,
      r: Type.Object({ before: number, after: number, mined: Type.Optional(number) }),
      maps: Type.Array(Type.Object({ caption: text, src: image })),
    }),
  ),
});

export const savedPageSchema = Type.Object({
  title: text,
  lead: text,
  results: Type.Array(savedResultSchema),
  notes: Type.Optional(Type.Array(text)),
});

/** A result as it was before it was written. */
export function resultOf({ curves, pairs, ...rest }: Read<typeof savedResultSchema>): SynthesisResult {
  const numberOf = (value: number | null) => value ?? NaN;
  return {
    ...rest,
    ...(curves && {
      curves: curves.map(({ name, values }) => ({
        name,
        values: values.map(([step, value]) => [step, numberOf(value)] as const),
      })),
    }),
    pairs: pairs.map(({ r: { before, after, mined }, ...pair }) => ({
      ...pair,
      r: {
        before: numberOf(before),
        after: numberOf(after),
        ...(mined !== undefined && { mined: numberOf(mined) }),
      },
    })),
  };
}

/** A page as it was before it was written. */
export const pageOf = ({ results, ...rest }: Read<typeof savedPageSchema>): SynthesisPage => ({
  ...rest,
  results: results.map(resultOf),
});
