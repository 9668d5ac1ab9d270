// What a training reports: means of its numbers over some steps, as lines of JSON.
// It writes no file by itself; a saved training keeps the sums of a line that is not full yet.

import Type from 'typebox';

/** Per number: sum and count since the last line. Plain data, so that it can be saved. */
export type Sums = Record<string, readonly [sum: number, count: number]>;

export function addTo(sums: Sums, numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    const [sum, count] = sums[name] ?? [0, 0];
    sums[name] = [sum + value, count + 1];
  }
}

export const meansOf = (sums: Sums): Record<string, number> =>
  Object.fromEntries(Object.entries(sums).map(([name, [sum, count]]) => [name, sum / count]));

/** Such sums as JSON, where a sum that is not finite is null. */
export const sumsSchema = Type.Unsafe<Sums>({
  type: 'object',
  additionalProperties: Type.Tuple([Type.Union([Type.Number(), Type.Null()]), Type.Number()]),
});

/** Lines of an earlier part of a training up to a step; later ones will be made again. */
export function linesUntil(text: string, step: number): string[] {
  return text.split('\n').filter((line) => {
    const at = /^\{"step":(\d+)[,}]/.exec(line);
    return at !== null && Number(at[1]) <= step;
  });
}
