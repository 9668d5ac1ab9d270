// The dictionary as plain data: what `dictionary.json` holds. It computes nothing.
// Change `schemaVersion` and docs/dictionary.schema.json together with these types.

import Type, { type Static, type TSchema } from 'typebox';
import type { Read } from '../../files/json.ts';
import type { SampleRecipe } from '../../images/source.ts';
import type { ModelCard } from '../../zoo/card.ts';

/** A layer whose units were mined, with the size of its maps. */
export interface DictionaryLayer {
  readonly layer: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Units that were zero on every image: set apart, in no pair. */
  readonly dead: number;
  /** Units that never changed, at a value other than zero: set apart too. */
  readonly constant: number;
}

export interface DictionaryModel {
  readonly name: string;
  /** 'zoo' for the models that were asked for; 'twin' for an untrained control of one of them. */
  readonly role: 'zoo' | 'twin';
  /** Of a twin: the name of its model. */
  readonly twinOf?: string;
  readonly card: ModelCard;
  readonly units: number;
  readonly layers: readonly DictionaryLayer[];
}

/** A pair of units of two models that are mutual k-nearest neighbours. Units are `model/layer/index`. */
export interface Pair {
  readonly a: string;
  readonly b: string;
  /** Pearson r over all images and positions. */
  readonly r: number;
  /** r of the same two units when each image's maps meet another image's; null without a null. */
  readonly rNull: number | null;
  /** r - rNull. */
  readonly excess: number | null;
  /** Benjamini-Hochberg q-value, the larger of the two units'; null without a null. */
  readonly q: number | null;
  /** r on the half of the images that did not choose the pair (mean over the halves that chose it); null if neither half chose it. */
  readonly rHeldOut: number | null;
  /** How many of the two halves of the images choose this pair by themselves. */
  readonly replications: 0 | 1 | 2;
}

/** The pairs of two models, with the counts that the controls give. */
export interface PairList {
  /** Names of the two models; the second is the twin in a control. */
  readonly models: readonly [string, string];
  readonly pairs: readonly Pair[];
  readonly counts: {
    readonly pairs: number;
    /** Pairs with q < 0.01. */
    readonly significant: number;
    /** Pairs with q < 0.01 that both halves of the images choose. */
    readonly replicated: number;
    /** Pairs that pure noise would give: n m / (n + m - 1). */
    readonly expectedOfNoise: number;
  };
  readonly histogram: Histogram;
}

/** Best r of every unit of both models towards the other, and the same under the null. Bins are equal, over [-1, 1]. */
export interface Histogram {
  readonly bins: number;
  readonly best: readonly number[];
  /** Empty without a null. */
  readonly nullBest: readonly number[];
}

/** Units of several models, at most one of each, that stand for one concept. */
export interface RosettaSet {
  /** Index in `sets`, kept as text: `s12`. */
  readonly id: string;
  /** Model whose unit chose the others; null when all units are pairwise mutual neighbours. */
  readonly anchor: string | null;
  /** In the order of the models; of those that the anchor is correlated with, and of all when there is none. */
  readonly units: readonly string[];
  /** Mean over its deciding pairs: those of the anchor with every other unit, or all pairs when there is no anchor. */
  readonly r: number;
  readonly excess: number | null;
  readonly rHeldOut: number | null;
  /** Largest over the deciding pairs. */
  readonly q: number | null;
  /** r between the units, in the order of `units`: row by row above the diagonal; null for two generators. Twins take no part in sets. */
  readonly pairwise: readonly (number | null)[];
}

/** Rosetta sets whose units correlate: one visual concept. */
export interface Concept {
  /** Stable: a short hash of the unit names of its medoid set. */
  readonly id: string;
  /** Ids of its sets; the first is the medoid. */
  readonly sets: readonly string[];
  /** Mean r of the medoid set's units. */
  readonly r: number;
}

export interface Dictionary {
  readonly schemaVersion: 3;
  readonly program: { readonly name: string; readonly version: string };
  readonly created: string;
  readonly score: 'pearson' | 'reference';
  readonly options: {
    readonly k: number;
    readonly setK: number;
    /** Models that have sets of their own; empty when sets are made without an anchor. */
    readonly anchors: readonly string[];
    readonly seed: number;
    readonly nullModel: boolean;
    readonly conceptThreshold: number;
  };
  readonly images: {
    /** Names of the sources, and the number of images that could be read, together. */
    readonly source: string;
    readonly count: number;
    /** In the order of the images. */
    readonly sources: readonly {
      readonly source: string;
      readonly count: number;
      readonly height: number;
      readonly width: number;
      /** How the images can be made again; null for photos. */
      readonly generated: SampleRecipe | null;
    }[];
    /** SHA-256 over the names of the images, in order. */
    readonly sha256: string;
    readonly unreadable: readonly { readonly name: string; readonly reason: string }[];
  };
  readonly models: readonly DictionaryModel[];
  readonly pairs: readonly PairList[];
  /** Number of Rosetta sets for each choice of anchor; the key '' is 'no anchor'. */
  readonly setCounts: Readonly<Record<string, number>>;
  readonly sets: readonly RosettaSet[];
  readonly concepts: readonly Concept[];
}

const ids = Type.Array(Type.String());
const side = Type.Integer({ minimum: 1, maximum: 65536 });
/** Entries of any name. */
const named = <Value extends TSchema>(value: Value) =>
  Type.Unsafe<Record<string, Static<Value>>>({ type: 'object', additionalProperties: value });

/** JSON Schema of `exemplars/exemplars.json`: which images and maps the report shows. */
export const exemplarsSchema = Type.Object({
  /** Images by their id: the file below `exemplars/`, and the name in the image set. */
  images: named(Type.Object({ file: Type.String({ minLength: 1 }), name: Type.String(), width: side, height: side })),
  /** By set id: ids of its best images, best first. */
  sets: named(ids),
  /**
   * By unit: where its maps lie in `exemplars/maps.bin`. Map i is `height * width` bytes at `offset + i * height * width`
   * for image `images[i]`; 0 stands for the unit's mean or less, 255 for `scale` standard deviations above it.
   */
  units: named(
    Type.Object({
      offset: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
      height: side,
      width: side,
      images: ids,
      scale: Type.Number({ exclusiveMinimum: 0 }),
    }),
  ),
});

/** `exemplars/exemplars.json`: which images and maps the report shows. */
export type Exemplars = Read<typeof exemplarsSchema>;

/** A unit's full name. Model names have no slashes; layer names may. */
export const unitName = (model: string, layer: string, index: number): string => `${model}/${layer}/${index}`;

/** The parts of a unit's full name. @throws RangeError when the text is not `model/layer/index`. */
export function parseUnit(name: string): { model: string; layer: string; index: number } {
  const match = /^(.*?)\/(.*)\/(\d+)$/s.exec(name);
  if (!match) throw new RangeError(`"${name}" is not a unit name of the form model/layer/index`);
  return { model: match[1], layer: match[2], index: Number(match[3]) };
}
