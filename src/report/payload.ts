// The data inside a report, as plain types: what pack.ts writes and page/data.ts reads.
// It is not the dictionary's own format: units are numbers here, and long lists lie in blocks of bytes.

import type { Dictionary } from '../mining/run/dictionary.ts';

/**
 * A unit as a number: the units of all models in order, then of all layers, then by index.
 * It is 4 bytes where a name is 30, and makes "units of this layer" a range.
 */
export type UnitNumber = number;

export interface PackedModel {
  readonly name: string;
  readonly role: 'zoo' | 'twin';
  /** Rows of the table of models, from the card: already text. */
  readonly facts: Readonly<Record<'architecture' | 'task' | 'supervision' | 'data' | 'licence' | 'source', string>>;
  /** From the card, a line each. */
  readonly quality: readonly string[];
  readonly input: string;
  /** Of a twin: the model whose untrained copy it is. */
  readonly twinOf: string | null;
  readonly units: number;
  readonly layers: readonly {
    readonly layer: string;
    readonly channels: number;
    readonly height: number;
    readonly width: number;
    readonly dead: number;
    readonly constant: number;
  }[];
}

export interface PackedSet {
  readonly id: string;
  readonly anchor: string | null;
  readonly units: readonly UnitNumber[];
  readonly r: number;
  readonly excess: number | null;
  readonly heldOut: number | null;
  readonly q: number | null;
  readonly pairwise: readonly (number | null)[];
  /** Indices in `images`, best first. */
  readonly images: readonly number[];
}

export interface PackedConcept {
  readonly id: string;
  /** Indices in `sets`; the first is the medoid. */
  readonly sets: readonly number[];
  readonly r: number;
}

/**
 * The pairs of two models. Block `pairs-<index>` holds the columns one after the other, little-endian:
 * uint32 a, uint32 b; float32 r, rNull, heldOut, q (NaN for null); uint8 replications.
 */
export interface PackedPairs {
  /** Indices in `models`. */
  readonly models: readonly [number, number];
  readonly rows: number;
  readonly counts: {
    readonly pairs: number;
    readonly significant: number;
    readonly replicated: number;
    readonly expectedOfNoise: number;
  };
  readonly histogram: { readonly bins: number; readonly best: readonly number[]; readonly nullBest: readonly number[] };
}

export interface PackedImage {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** Where the encoded file lies in the stream `images`; a length of 0 means that it is not in the report. */
  readonly offset: number;
  readonly length: number;
}

export interface PackedMaps {
  readonly unit: UnitNumber;
  /** Where the first map lies in the stream `maps`; the others follow. */
  readonly offset: number;
  readonly height: number;
  readonly width: number;
  readonly scale: number;
  /** Indices in `images`, one a map. */
  readonly images: readonly number[];
}

/** A stream of bytes, cut into blocks `<name>-0`, `<name>-1`, ... of `block` bytes each (the last may be shorter). */
export interface PackedStream {
  readonly length: number;
  readonly block: number;
  /** Whether each block is zlib-compressed. */
  readonly deflated: boolean;
}

export interface Packed {
  readonly program: { readonly name: string; readonly version: string };
  readonly created: string;
  readonly score: 'pearson' | 'reference';
  readonly options: {
    readonly k: number;
    readonly setK: number;
    readonly anchors: readonly string[];
    readonly seed: number;
    readonly nullModel: boolean;
    readonly conceptThreshold: number;
  };
  readonly imageSet: {
    readonly source: string;
    readonly count: number;
    readonly sources: Dictionary['images']['sources'];
    readonly sha256: string;
    readonly unreadable: readonly { readonly name: string; readonly reason: string }[];
  };
  readonly models: readonly PackedModel[];
  readonly pairs: readonly PackedPairs[];
  readonly setCounts: readonly (readonly [anchor: string, count: number])[];
  readonly sets: readonly PackedSet[];
  readonly concepts: readonly PackedConcept[];
  /** Whether exemplars were given at all. */
  readonly hasExemplars: boolean;
  readonly images: readonly PackedImage[];
  readonly maps: readonly PackedMaps[];
  readonly streams: { readonly images: PackedStream; readonly maps: PackedStream };
  /** The colour map: 256 times red, green, blue, in base64. */
  readonly colours: string;
}
