// Protocol buffers whose fields are wrong: other wire types, numbers at the edges, parts doubled, moved and removed.
// It knows the wire format, no message: what looks like a message inside one is taken for it.

import fc, { type Arbitrary } from 'fast-check';
import { joined } from './bytes.ts';

interface Field {
  readonly number: number;
  readonly wire: number;
  /** The value with its length where it has one. */
  readonly body: Uint8Array;
  /** Of a field that holds a message. */
  readonly fields?: readonly Field[];
}

const varint = (value: bigint): Uint8Array => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest);
  return Uint8Array.from(bytes);
};

function readVarint(bytes: Uint8Array, at: number): [value: bigint, next: number] | undefined {
  let value = 0n;
  for (let i = 0; i < 10 && at + i < bytes.length; i++) {
    value |= BigInt(bytes[at + i] & 0x7f) << BigInt(7 * i);
    if (bytes[at + i] < 0x80) return [value, at + i + 1];
  }
  return undefined;
}

/** The fields of a message; undefined when the bytes are none. */
function parse(bytes: Uint8Array, depth = 0): Field[] | undefined {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length;) {
    const key = readVarint(bytes, at);
    if (!key) return undefined;
    const [tag, start] = key;
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)];
    if (number === 0 || number > 100) return undefined;
    const read = wire === 0 || wire === 2 ? readVarint(bytes, start) : undefined;
    let end = wire === 5 ? start + 4 : wire === 1 ? start + 8 : (read?.[1] ?? NaN);
    if (wire === 2) end += Number(read?.[0]);
    if (!(end <= bytes.length)) return undefined;
    const inner = wire === 2 && depth < 8 ? parse(bytes.subarray(read![1], end), depth + 1) : undefined;
    fields.push({ number, wire, body: bytes.subarray(start, end), ...(inner?.length && { fields: inner }) });
    at = end;
  }
  return fields;
}

const edges = [0n, 1n, 2n, 3n, 7n, 11n, 16n, 127n, 224n, 65536n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n, 2n ** 40n, 2n ** 53n, 2n ** 63n - 1n, -1n, -2n, -(2n ** 63n)]; // prettier-ignore
const texts = ['', 'x', '__proto__', 'constructor', 'Conv', 'If', 'Loop', 'Constant', 'Reshape', 'Resize', 'ai.onnx', '../x', '\u2028', '\ud800', 'Einsum', 'Gather', 'Transpose', 'Slice', 'Split', 'Expand', 'Range', 'Tile', 'Pad', 'ConstantOfShape', 'OneHot', 'Concat', 'axis', 'axes', 'to', 'perm', 'pads', 'strides']; // prettier-ignore

type Change = (field: Field, all: readonly Field[]) => Uint8Array[];

const written = ({ number, wire, body }: Field): Uint8Array => joined(varint(BigInt((number << 3) | wire)), body);
const delimited = (bytes: Uint8Array): Uint8Array => joined(varint(BigInt(bytes.length)), bytes);

/** A change of one field into any number of fields, as bytes. */
const change: Arbitrary<Change> = fc.oneof(
  fc.constant<Change>(() => []),
  fc.constant<Change>((field) => [written(field), written(field)]),
  { weight: 3, arbitrary: fc.constantFrom(...edges).map((value): Change => ({ number }) => [written({ number, wire: 0, body: varint(value) })]) }, // prettier-ignore
  { weight: 3, arbitrary: fc.constantFrom(...texts).map((text): Change => ({ number }) => [written({ number, wire: 2, body: delimited(new TextEncoder().encode(text)) })]) }, // prettier-ignore
  fc.array(fc.constantFrom(...edges), { maxLength: 5 }).map((values): Change => ({ number }) => [written({ number, wire: 2, body: delimited(joined(...values.map(varint))) })]), // prettier-ignore
  fc.uint8Array({ maxLength: 16 }).map((bytes): Change => ({ number }) => [written({ number, wire: 2, body: delimited(bytes) })]), // prettier-ignore
  fc.integer({ min: 1, max: 30 }).map((number): Change => (field) => [written({ ...field, number })]),
  fc.nat(7).map((wire): Change => (field) => [written({ ...field, wire })]),
  { weight: 3, arbitrary: fc.nat().map((at): Change => (_, all) => [written(all[at % all.length])]) },
  fc.nat().map((at): Change => (field, all) => [written(field), written(all[at % all.length])]),
);

/** One of `seeds` with a few of its fields changed, at any depth. */
export function changedProtobuf(seeds: readonly Uint8Array[]): Arbitrary<Uint8Array> {
  const messages = seeds.map((bytes) => {
    const fields = parse(bytes)!;
    return { fields, all: flat(fields) };
  });
  return fc
    .tuple(
      fc.constantFrom(...messages),
      fc.array(fc.tuple(fc.nat(), change), { minLength: 1, maxLength: 3, size: 'max' }),
    ) // prettier-ignore
    .map(([{ fields, all }, changes]) => {
      const by = new Map(changes.map(([at, apply]) => [all[at % all.length], apply]));
      const render = (field: Field): Uint8Array[] => {
        const apply = by.get(field);
        if (apply) return apply(field, all);
        if (!field.fields) return [written(field)];
        return [written({ ...field, body: delimited(joined(...field.fields.flatMap(render))) })];
      };
      return joined(...fields.flatMap(render));
    });
}

const flat = (fields: readonly Field[]): Field[] => fields.flatMap((field) => [field, ...flat(field.fields ?? [])]);
