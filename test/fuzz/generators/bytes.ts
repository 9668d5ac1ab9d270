// Valid files made wrong: bits flipped, ends cut, blocks moved, lengths set to what no file has.
// It knows no format; fields of one are put wrong by the other generators.

import fc, { type Arbitrary } from 'fast-check';

type Change = (bytes: Uint8Array, other: Uint8Array) => Uint8Array;

export const joined = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** Places: often near the beginning, where headers are. */
const place = fc.oneof(fc.nat(32), fc.nat(512), fc.nat());
const within = (at: number, { length }: Uint8Array): number => at % (length + 1);
/** A run of bytes, mostly short. */
const block = fc.tuple(place, fc.oneof(fc.nat(16), fc.nat(4096)));
const cut = (bytes: Uint8Array, [at, length]: readonly [number, number]): Uint8Array => {
  const start = within(at, bytes);
  return bytes.slice(start, start + length);
};

/** Numbers at the edges of the types that lengths, offsets and counts are stored in. */
const extremes = [0n, 1n, 0x7fn, 0xffn, 0x7fffn, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn, 2n ** 32n, 2n ** 40n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n]; // prettier-ignore

const change: Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(place, fc.nat(255)).map(([at, value]) => overwrite(at, () => Uint8Array.of(value))),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(place, fc.nat(7))
      .map(([at, bit]) => overwrite(at, ([old = 0]) => Uint8Array.of(old ^ (1 << bit)))),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(place, fc.constantFrom(2, 4, 8), fc.boolean(), fc.constantFrom(...extremes))
      .map(([at, width, little, value]) => overwrite(at, () => number(value, width, little))),
  },
  {
    weight: 2,
    arbitrary: place.map(
      (at): Change =>
        (bytes) =>
          bytes.slice(0, within(at, bytes)),
    ),
  },
  {
    weight: 2,
    arbitrary: block.map(
      ([at, length]): Change =>
        (bytes) =>
          splice(bytes, at, length, new Uint8Array()),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(place, fc.uint8Array({ maxLength: 24 })).map(
      ([at, added]): Change =>
        (bytes) =>
          splice(bytes, at, 0, added),
    ),
  },
  { weight: 2, arbitrary: fc.tuple(place, block).map(([at, from]): Change => (bytes) => splice(bytes, at, 0, cut(bytes, from))) }, // prettier-ignore
  {
    weight: 1,
    arbitrary: fc.tuple(place, block).map(([at, from]): Change => (bytes, other) => splice(bytes, at, from[1], cut(other, from))), // prettier-ignore
  },
);

/** One of `seeds`, changed at up to `most` places. */
export function changed(seeds: readonly Uint8Array[], most = 3): Arbitrary<Uint8Array> {
  const seed = fc.constantFrom(...seeds);
  return fc
    .tuple(seed, seed, fc.array(change, { minLength: 1, maxLength: most, size: 'max' }))
    .map(([bytes, other, changes]) => changes.reduce((found, apply) => apply(found, other), bytes));
}

/** What `inputs` makes, and now and then the same with bytes changed. */
export const alsoChanged = (inputs: Arbitrary<Uint8Array>): Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 4, arbitrary: inputs },
    { weight: 1, arbitrary: fc.tuple(inputs, change).map(([bytes, apply]) => apply(bytes, bytes)) },
  );

export function number(value: bigint, width: number, little: boolean): Uint8Array {
  const bytes = new Uint8Array(width).map((_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
  return little ? bytes : bytes.reverse();
}

function overwrite(at: number, make: (old: Uint8Array) => Uint8Array): Change {
  return (bytes) => {
    const start = bytes.length ? at % bytes.length : 0;
    const value = make(bytes.subarray(start, start + 1));
    return splice(bytes, start, value.length, value);
  };
}

function splice(bytes: Uint8Array, at: number, remove: number, added: Uint8Array): Uint8Array {
  const start = within(at, bytes);
  return joined(bytes.subarray(0, start), added, bytes.subarray(start + remove));
}
