// JSON that is read back: parsed, held against its schema, and told place by place where it is not what it should be.
// It knows no schema and no file. Nothing is compiled, so that it runs under a Content Security Policy without eval.

import { closest, distance } from 'fastest-levenshtein';
import type { Static, TSchema } from 'typebox';
import { Settings } from 'typebox/system';
import { Check, Errors } from 'typebox/value';
import { messageOf } from '../errors.ts';
import { isRecord, parseJson } from './parse-json.ts';

type DeepReadonly<T> = unknown extends T ? T : { readonly [Key in keyof T]: DeepReadonly<T[Key]> };

/** The type that a schema describes; nothing in it is to be altered. */
export type Read<Schema extends TSchema> = DeepReadonly<Static<Schema>>;

/** What is read of a schema, as JSON Schema has it. */
interface Node {
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly type?: unknown;
  readonly anyOf?: readonly Node[];
  readonly properties?: Readonly<Record<string, Node | undefined>>;
  readonly additionalProperties?: Node | boolean;
  readonly pattern?: string | RegExp;
}
type Problem = ReturnType<typeof Errors>[number];

/** Problems that are looked for; a message has the first few. */
const [mostFound, mostTold] = [1000, 8];

/** What is read: the value, or what is wrong with it, in words that follow the name of a file. */
export type Result<Value> =
  | { readonly value: Value; readonly problem?: undefined; readonly syntax?: undefined }
  | {
      readonly value?: undefined;
      readonly problem: string;
      /** Set where the text is not even JSON: what is wrong with it. */
      readonly syntax?: string;
    };

/**
 * The value in a JSON text, if it is what the schema describes; else what is wrong with it.
 * @param root what messages call the whole value.
 */
export function readJson<Schema extends TSchema>(
  schema: Schema,
  json: Uint8Array | string,
  root?: string,
): Result<Read<Schema>> {
  let value: unknown;
  try {
    value = parseJson(typeof json === 'string' ? json : new TextDecoder().decode(json));
  } catch (error) {
    const message = messageOf(error);
    return { problem: `not valid JSON: ${message}`, syntax: message };
  }
  return readValue(schema, value, root);
}

/** The same of a value that was parsed before. */
export function readValue<Schema extends TSchema>(schema: Schema, value: unknown, root?: string): Result<Read<Schema>> {
  if (Check(schema, value)) return { value: value };
  return { problem: listed(problemsOf(schema, value, root)) };
}

/**
 * What is wrong with a value that is held against a schema, in a few words; undefined where nothing is.
 * @param place of the value in its file, before the places in it.
 */
export function problemIn(schema: TSchema, value: unknown, place = ''): string | undefined {
  if (Check(schema, value)) return undefined;
  return listed([...new Set(problemsAt(schema, value, place, 'the whole'))]);
}

/** The first problems, and how many more there are. */
export function listed(problems: readonly string[]): string {
  const more = problems.length - mostTold;
  return problems.slice(0, mostTold).join('; ') + (more > 0 ? `; and ${more} more` : '');
}

/**
 * Every place where a value is not what the schema describes, and what is expected there; empty where it is.
 * @param root what messages call the whole value.
 */
export function problemsOf(schema: TSchema, value: unknown, root = 'the whole'): string[] {
  return [...new Set(problemsAt(schema, value, '', root))];
}

function problemsAt(schema: Node, value: unknown, path: string, root: string): string[] {
  return errorsOf(schema, value).flatMap((error) => {
    // What alternatives say of themselves is told by the one that is nearest.
    if (/\/anyOf\/\d+/.test(error.schemaPath)) return [];
    const node = nodeAt(schema, error.schemaPath.slice(1));
    const found = at(value, error.instancePath);
    const place = path + placeOf(error.instancePath);
    if (error.keyword === 'anyOf') return ofAlternatives(node.anyOf ?? [], found, place, root);
    return problemOf(error, node, found, place.replace(/^\./, '') || root);
  });
}

/** As the library finds them, but all of them. */
function errorsOf(schema: Node, value: unknown): Problem[] {
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: mostFound });
  try {
    return Errors(schema, value);
  } finally {
    Settings.Set({ maxErrors });
  }
}

/** Of alternatives that all fail: what the nearest one says, or which there are. */
function ofAlternatives(all: readonly Node[], value: unknown, path: string, root: string): string[] {
  const chosen = chosenBy(all, value);
  if (chosen) {
    const { name, found, schema } = chosen;
    if (schema) return problemsAt(schema, value, path, root);
    const place = `${path}.${name}`.replace(/^\./, '');
    const known = [...new Set(all.map((one) => propertiesOf(one)[name]?.const))];
    const listed = known.map((one) => JSON.stringify(one)).join(' or ');
    return [
      found === undefined
        ? `${path.replace(/^\./, '') || root} lacks "${name}", ${listed}`
        : `${place} is ${shown(found)}, not ${listed}${meant(found, known)}`,
    ];
  }
  const near = all.filter(
    (schema) =>
      !errorsOf(schema, value).some(
        (error) => error.instancePath === '' && ['type', 'const', 'enum'].includes(error.keyword),
      ),
  );
  if (!near.length) {
    const place = path.replace(/^\./, '') || root;
    return [`${place} is ${shown(value)}, not ${[...new Set(all.map(expected))].join(' or ')}`];
  }
  const told = near.map((schema) => problemsAt(schema, value, path, root));
  return told.reduce((best, problems) => (problems.length < best.length ? problems : best));
}

const propertiesOf = ({ properties = {} }: Node) => properties;

/** Of alternatives that an entry tells apart, such as `type`: that entry, what it is, and the alternative that it names. */
function chosenBy(all: readonly Node[], value: unknown) {
  if (!isRecord(value)) return undefined;
  const name = Object.keys(propertiesOf(all[0])).find((key) =>
    all.every((one) => propertiesOf(one)[key]?.const !== undefined),
  );
  if (name === undefined) return undefined;
  const found = Object.hasOwn(value, name) ? value[name] : undefined;
  return { name, found, schema: all.find((one) => propertiesOf(one)[name]?.const === found) };
}

/** The name that was meant, where one is near. */
function meant(found: unknown, known: readonly unknown[]): string {
  const names = known.filter((name) => typeof name === 'string');
  if (typeof found !== 'string' || found.length > 40 || names.length < 2) return '';
  const near = closest(found, names);
  return distance(found, near) <= Math.max(2, found.length / 3) ? `; did you mean "${near}"?` : '';
}

const kinds: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  null: 'null',
};

const expected = ({ const: only, enum: some, type }: Node): string => {
  if (only !== undefined) return JSON.stringify(only);
  if (some) return some.map((one) => JSON.stringify(one)).join(' or ');
  return kinds[String(type)] ?? 'something else';
};

function problemOf({ keyword, params, schemaPath }: Problem, node: Node, value: unknown, place: string): string[] {
  const named = (description: unknown) => (typeof description === 'string' ? ` (${description})` : '');
  const about = named(node.description);
  const is = (what: string) => [`${place} is ${shown(value)} and must be ${what}${about}`];
  const has = (what: string) => [`${place} must have ${what}${about}`];
  const properties = propertiesOf(node);
  switch (keyword) {
    case 'required':
      return params.requiredProperties.map((name) => `${place} lacks "${name}"${named(properties[name]?.description)}`);
    case 'additionalProperties':
      // Of entries of any name each tells its own.
      if (node.additionalProperties !== false) return [];
      return params.additionalProperties.map(
        (name) =>
          `${place} has the unknown entry ${shown(name)}; known are ${Object.keys(properties).join(', ')}${meant(name, Object.keys(properties))}`,
      );
    case 'type':
    case 'const':
    case 'enum':
      return [`${place} is ${shown(value)}, not ${expected(node)}${about}${meant(value, node.enum ?? [])}`];
    case 'minimum':
      return is(`at least ${params.limit}`);
    case 'maximum':
      return is(`at most ${params.limit}`);
    case 'exclusiveMinimum':
      return is(`above ${params.limit}`);
    case 'exclusiveMaximum':
      return is(`below ${params.limit}`);
    case 'multipleOf':
      return is(`a multiple of ${params.multipleOf}`);
    case 'pattern':
      return [`${place} is ${shown(value)} and must match ${String(node.pattern)}${about}`];
    case 'minLength':
      return params.limit === 1 ? [`${place} is empty${about}`] : has(`at least ${params.limit} characters`);
    case 'minItems':
    case 'minProperties':
      return params.limit === 1 ? [`${place} is empty${about}`] : has(`at least ${params.limit} entries`);
    case 'maxItems':
      return has(`at most ${params.limit} entries`);
    case 'maxLength':
      return has(`at most ${params.limit} characters`);
    case 'uniqueItems':
      return [`${place} has an entry twice${about}`];
    case 'boolean':
      // Of an unknown entry the object that has it tells.
      if (schemaPath.endsWith('/additionalProperties')) return [];
      return [`${place} is one too many`];
    default:
      return [`${place} is ${shown(value)}: it does not meet "${keyword}"${about}`];
  }
}

/** A value in a message: short. */
function shown(value: unknown): string {
  if (Array.isArray(value) && value.length > 20) return `a list of ${value.length}`;
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'missing');
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

const partsOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

const at = (value: unknown, pointer: string): unknown =>
  partsOf(pointer).reduce<unknown>(
    (inside, part) => (typeof inside === 'object' && inside !== null ? Reflect.get(inside, part) : undefined),
    value,
  );

const isNode = (value: unknown): value is Node => isRecord(value);

/** The part of a schema that a problem is with; of one that is `false` there is nothing to tell. */
function nodeAt(schema: Node, pointer: string): Node {
  const found = at(schema, pointer);
  return isNode(found) ? found : {};
}

/** `/edits/1/dx` as `.edits[1].dx`. */
const placeOf = (pointer: string): string =>
  partsOf(pointer)
    .map((part) =>
      /^\d+$/.test(part) ? `[${part}]` : /^[\w-]+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`,
    )
    .join('');
