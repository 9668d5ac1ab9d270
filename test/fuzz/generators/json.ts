// JSON that is nearly what a reader expects: a few fields replaced by what nobody would write, removed, renamed, doubled.
// It knows no schema: it learns the fields from valid examples.

import fc, { type Arbitrary } from 'fast-check';
import { alsoChanged } from './bytes.ts';

/** JSON texts, since some of them are no values: 1e999, nesting that JSON.stringify would not survive. */
const hostile = [
  ...['null', 'true', 'false', '0', '-0', '1', '-1', '0.5', '1e-320', '1e308', '1e999', '-1e999', '255', '65536'],
  ...['2147483648', '4294967296', '9007199254740993', '1e15', '100000000'],
  ...['""', '"0"', '"a"', '"null"', '"__proto__"', '"constructor"', '"toString"', '"hasOwnProperty"', '"length"'],
  ...['"\\ud800"', '"\\u2028"', '"\\u0000"', '"a\\nb"', '"a/b/0"', '"../../etc/passwd"', '"/dev/zero"', '"\\u001b[2J"'],
  ...['"**"', '"{"', '"*.*"', '"%s"', '"NaN"', '"1e999"', '"é\\u0301"', '"\\ud83d\\ude00"'],
  ...['[]', '{}', '[[]]', '[null]', '[0,1]', '[-1]', '[{}]', '{"":0}', '{"__proto__":{"x":1}}', '{"constructor":0}'],
  ...['{"length":4294967295}', '{"toJSON":1}', '{"then":1}', '{"0":1}'],
  `"${'x'.repeat(70_000)}"`,
  // Deeper than the stack of whatever walks them by recursion.
  `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
  `${'{"a":'.repeat(50_000)}0${'}'.repeat(50_000)}`,
  `[${'0,'.repeat(20_000)}0]`,
];
const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', '\ud800', '\u2028', 'a.b', '0', '-1', 'x'.repeat(2000)]; // prettier-ignore

const value: Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...hostile) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.integer().map(String) },
  { weight: 1, arbitrary: fc.double().map((x) => JSON.stringify(x)) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)) },
);

type Change =
  | { readonly kind: 'replace' | 'add'; readonly at: number; readonly text: string; readonly name: string }
  | { readonly kind: 'remove' | 'double' | 'other'; readonly at: number }
  | { readonly kind: 'rename'; readonly at: number; readonly name: string };

const change: Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('replace' as const), at: fc.nat(), text: value, name: fc.constant('') }),
  fc.record({ kind: fc.constant('replace' as const), at: fc.nat(), text: value, name: fc.constant('') }),
  fc.record({ kind: fc.constant('add' as const), at: fc.nat(), text: value, name: fc.constantFrom(...names) }),
  fc.record({ kind: fc.constantFrom('remove' as const, 'double' as const, 'other' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('rename' as const), at: fc.nat(), name: fc.constantFrom(...names) }),
);

/** The text of one of `values`, with up to three places of it changed. */
export function changedJsonText(values: readonly unknown[]): Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...values), fc.array(change, { minLength: 1, maxLength: 3, size: 'max' }))
    .map(([seed, changes]) => render(seed, changes));
}

/** The same as bytes, which now and then are changed as well. */
export const changedJson = (values: readonly unknown[]): Arbitrary<Uint8Array> =>
  alsoChanged(changedJsonText(values).map((text) => new TextEncoder().encode(text)));

const sizes = [
  -1,
  0,
  1,
  2,
  3,
  7,
  0.5,
  1.5,
  -0.25,
  1e-9,
  255,
  256,
  257,
  4096,
  8193,
  65_537,
  1e5,
  1e6,
  2 ** 31,
  1e9,
  1e15,
  -1e9,
];
const number: Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...sizes) },
  { weight: 1, arbitrary: fc.integer({ min: -10, max: 10_000 }) },
  { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
);

/** The text of one of `values`, with up to three of its numbers replaced by large, negative and fractional ones. */
export function changedNumbers(values: readonly unknown[]): Arbitrary<Uint8Array> {
  const changes = fc.array(fc.tuple(fc.nat(), number), { minLength: 1, maxLength: 3, size: 'max' });
  return fc.tuple(fc.constantFrom(...values), changes).map(([seed, all]) => {
    let count = 0;
    JSON.stringify(seed, (_, node: unknown) => (typeof node === 'number' && count++, node));
    const at = new Map(all.map(([place, to]) => [place % Math.max(1, count), to]));
    let place = 0;
    const changed = (_: string, node: unknown) => (typeof node === 'number' ? (at.get(place++) ?? node) : node);
    return new TextEncoder().encode(JSON.stringify(seed, changed));
  });
}

/** Places are the values of `seed` in the order in which they are written, itself the first. */
function render(seed: unknown, changes: readonly Change[]): string {
  const count = countOf(seed);
  const at = new Map(changes.map((c) => [c.at % count, c]));
  let place = 0;

  const written = (node: unknown): { text: string; found: Change | undefined } => {
    const found = at.get(place++);
    const text = container(node);
    if (found?.kind === 'replace') return { text: found.text, found };
    if (found?.kind === 'other') return { text: JSON.stringify(seed), found };
    if (found?.kind !== 'add') return { text, found };
    if (typeof node !== 'object' || node === null) return { text: found.text, found };
    const added = Array.isArray(node) ? found.text : `${JSON.stringify(found.name)}:${found.text}`;
    return { text: `${text.slice(0, -1)}${text.length > 2 ? ',' : ''}${added}${text.slice(-1)}`, found };
  };
  const container = (node: unknown): string => {
    if (Array.isArray(node)) return `[${node.flatMap((item) => repeated(written(item))).join(',')}]`;
    if (typeof node !== 'object' || node === null) return JSON.stringify(node) ?? 'null';
    const fields = Object.entries(node).flatMap(([key, item]) => {
      const { text, found } = written(item);
      const name = found?.kind === 'rename' ? found.name : key;
      return repeated({ text: `${JSON.stringify(name)}:${text}`, found });
    });
    return `{${fields.join(',')}}`;
  };
  return written(seed).text;
}

const repeated = ({ text, found }: { text: string; found: Change | undefined }): string[] =>
  found?.kind === 'remove' ? [] : found?.kind === 'double' ? [text, text] : [text];

const countOf = (node: unknown): number =>
  typeof node === 'object' && node !== null ? Object.values(node).reduce((n: number, v) => n + countOf(v), 1) : 1;
