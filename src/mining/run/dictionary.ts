// The dictionary as plain data: the schema of `dictionary.json`, and the types that follow from it. It computes nothing.
// What a schema cannot say (that units and sets exist) read-run.ts checks.

import Type, { type Static, type TSchema } from 'typebox';
import type { Read } from '../../files/json.ts';
import type { ModelCard } from '../../zoo/card.ts';

const count = (description?: string) =>
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, ...(description ? { description } : {}) });
const side = Type.Integer({ minimum: 1, maximum: 65536 });
const text = Type.String();
const numberOrNull = (description?: string) =>
  Type.Union([Type.Number(), Type.Null()], description ? { description } : {});
/** All entries of an object are known. */
const exactly = <Properties extends Record<string, TSchema>>(properties: Properties, description?: string) =>
  Type.Object(properties, { additionalProperties: false, ...(description ? { description } : {}) });
/** Entries of any name. */
const named = <Value extends TSchema>(value: Value, description?: string) =>
  Type.Unsafe<Record<string, Static<Value>>>({
    type: 'object',
    additionalProperties: value,
    ...(description ? { description } : {}),
  });

const unit = Type.String({ pattern: '^[^/]+/[^]+/[0-9]{1,15}$', description: 'Name of a unit, model/layer/index.' });

const layerSchema = exactly(
  {
    layer: text,
    channels: Type.Integer({ minimum: 0, maximum: 2 ** 24 }),
    height: side,
    width: side,
    dead: count('Units that were zero on every image: set apart, in no pair.'),
    constant: count('Units that never changed, at a value other than zero: set apart too.'),
  },
  'A layer whose units were mined, with the size of its maps.',
);

/** The part of a card that reports read; model-card.schema.json has all of it. */
const minedCard = Type.Unsafe<ModelCard>(
  Type.Intersect(
    [
      Type.Object({
        name: text,
        architecture: text,
        task: text,
        supervision: text,
        data: text,
        licence: text,
        source: text,
        quality: Type.Optional(
          Type.Array(Type.Object({ measure: text, value: Type.Number(), untrained: Type.Optional(Type.Number()) })),
        ),
      }),
      Type.Union([
        Type.Object({ input: Type.Object({ height: side, width: side }) }),
        Type.Object({ latent: Type.Object({ z: count() }) }),
      ]),
    ],
    { description: 'See model-card.schema.json.' },
  ),
);

const modelSchema = exactly({
  name: Type.String({ pattern: '^[^/]+$' }),
  role: Type.Enum(['zoo', 'twin'], {
    description: 'zoo: a model that was asked for; twin: an untrained control of one of them.',
  }),
  twinOf: Type.Optional(
    Type.String({
      description:
        'Of a twin: the name of its model. Runs of older versions lack it; their twins are called NAME.untrained.',
    }),
  ),
  card: minedCard,
  units: count(),
  layers: Type.Array(layerSchema),
});

/** A pair of units of two models that are mutual k-nearest neighbours. */
export const pairSchema = exactly({
  a: unit,
  b: unit,
  r: Type.Number({ description: 'Pearson r over all images and positions.' }),
  rNull: numberOrNull("r of the same two units when each image's maps meet another image's; null without a null."),
  excess: numberOrNull('r - rNull.'),
  q: numberOrNull("Benjamini-Hochberg q-value, the larger of the two units'; null without a null."),
  rHeldOut: numberOrNull(
    'r on the half of the images that did not choose the pair (mean over the halves that chose it); null if neither half chose it.',
  ),
  replications: Type.Enum([0, 1, 2], {
    description: 'How many of the two halves of the images choose this pair by themselves.',
  }),
});

const histogramSchema = exactly({
  bins: Type.Integer({ minimum: 0, maximum: 65536 }),
  best: Type.Array(count(), {
    description: 'Best r of every unit of both models towards the other, in equal bins over [-1, 1].',
  }),
  nullBest: Type.Array(count(), { description: 'The same under the null; empty without one.' }),
});

const pairListOf = <Pairs extends TSchema>(pairs: Pairs) =>
  exactly({
    models: Type.Tuple([text, text], { description: 'Names of the two models; the second is the twin in a control.' }),
    pairs,
    counts: exactly({
      pairs: count(),
      significant: count('Pairs with q < 0.01.'),
      replicated: count('Pairs with q < 0.01 that both halves of the images choose.'),
      expectedOfNoise: count('Pairs that pure noise would give: n m / (n + m - 1).'),
    }),
    histogram: histogramSchema,
  });

const setSchema = exactly({
  id: Type.String({ description: 'Index in the list of sets, as text: s12.' }),
  anchor: Type.Union([text, Type.Null()], {
    description: 'Model whose unit chose the others; null when all units are pairwise mutual neighbours.',
  }),
  units: Type.Array(unit, {
    minItems: 2,
    description:
      'At most one of each model, in the order of the models: of those that the anchor is correlated with; of all without an anchor.',
  }),
  r: Type.Number({
    description: "Mean over its deciding pairs: the anchor's with each other unit, or all when there is no anchor.",
  }),
  excess: numberOrNull(),
  rHeldOut: numberOrNull(),
  q: numberOrNull('Largest over the deciding pairs.'),
  pairwise: Type.Array(numberOrNull(), {
    description:
      'r between its units, row by row above the diagonal (null for two generators), over the images that were looked at again; empty for sets beyond the first 4,000, or beyond what the memory held. Twins take no part in sets.',
  }),
});

const conceptSchema = exactly({
  id: Type.String({ description: 'Stable: a short hash of the unit names of the medoid set.' }),
  sets: Type.Array(text, { minItems: 1, description: 'Ids of its sets; the first is the medoid.' }),
  r: Type.Number({ description: "Mean r of the medoid set's units." }),
});

/** How the images of a source can be made again. */
const sampleRecipe = exactly({
  generator: text,
  seed: count(),
  truncation: Type.Number(),
  classes: Type.Union([Type.Array(count()), Type.Null()], {
    description: 'Classes that samples are drawn from; null where the generator has none.',
  }),
  noise: Type.Enum(['const', 'none']),
});

const sharedOptions = {
  k: count(),
  setK: count(),
  seed: count(),
  nullModel: Type.Boolean(),
  conceptThreshold: Type.Number(),
};
const anchorsOption = {
  anchors: Type.Array(text, {
    uniqueItems: true,
    description: 'Models that have sets of their own; empty when sets are made without an anchor.',
  }),
};

const fraction = Type.Number({ minimum: 0, maximum: 1 });
const screeningSchema = exactly(
  {
    width: Type.Number({ minimum: 0, description: "Values of a unit's sketch." }),
    margin: Type.Number({ minimum: 0, description: 'Standard deviations that estimates were allowed to be off.' }),
    candidates: count('Pairs of units whose scores were computed.'),
    unsure: count(
      'Units, towards one other model each, whose list of candidates was too short to be sure of all their nearest.',
    ),
    audit: exactly(
      {
        units: count(
          'Units drawn at random, towards one other model each, whose scores with all its units were computed.',
        ),
        found: count('Of these, units whose nearest is the one that the run has.'),
        recall: fraction,
        interval: Type.Tuple([fraction, fraction], { description: '95 % confidence interval of the recall (Wilson).' }),
        largestError: Type.Number({
          minimum: 0,
          description: 'Largest error of an estimate, in its standard deviations.',
        }),
      },
      'What whole rows of exact scores say of the screen.',
    ),
  },
  'How the scores were screened: pairs of units that may be neighbours by estimates were computed exactly. Absent when all pairs of units were.',
);

function dictionaryOf<Version extends number, Options extends Record<string, TSchema>, Pairs extends TSchema>(
  version: Version,
  options: Options,
  pairs: Pairs,
) {
  return exactly({
    schemaVersion: Type.Literal(version),
    program: exactly({ name: text, version: text }),
    created: Type.String({ description: 'ISO 8601 time.' }),
    score: Type.Enum(['pearson', 'reference'], {
      description:
        'pearson: r over all images and positions. reference: cosines over batches of 10, averaged, as the published code.',
    }),
    screening: Type.Optional(screeningSchema),
    options: exactly({ ...sharedOptions, ...options }),
    images: exactly({
      source: Type.String({ description: 'Names of the sources.' }),
      count: count('Images that could be read, of all sources together.'),
      sources: Type.Array(
        exactly({
          source: text,
          count: count(),
          height: side,
          width: side,
          generated: Type.Union([sampleRecipe, Type.Null()], {
            description: 'How the images can be made again; null for photos.',
          }),
        }),
        { description: 'In the order of the images.' },
      ),
      sha256: Type.String({
        pattern: '^[0-9a-f]{64}$',
        description: 'Over the names of the images, in order, joined by line feeds.',
      }),
      unreadable: Type.Array(exactly({ name: text, reason: text })),
    }),
    models: Type.Array(modelSchema, { minItems: 2 }),
    pairs: Type.Array(pairListOf(pairs), {
      description: 'One entry for each two models, and for each model and its untrained twin.',
    }),
    setCounts: named(count(), "Number of Rosetta sets by anchor; the key '' is 'no anchor'."),
    sets: Type.Array(setSchema, { description: 'Units of several models that stand for one concept.' }),
    concepts: Type.Array(conceptSchema, { description: 'Rosetta sets whose units correlate: one visual concept.' }),
  });
}

/** JSON Schema of `dictionary.json`; docs/dictionary.schema.json is a copy of it. */
export const dictionarySchema = Type.Unsafe<Static<ReturnType<typeof wholeDictionary>>>({
  $id: 'rosetta-neurons/dictionary',
  title: 'Dictionary of Rosetta neurons',
  description: 'dictionary.json of a run. Units are named model/layer/index.',
  ...wholeDictionary(),
});
function wholeDictionary() {
  return dictionaryOf(3, anchorsOption, Type.Array(pairSchema));
}

/** By version: the schema, but that lists of pairs are lists of anything; `isPair` checks these fast. */
export const outlineSchemas = {
  2: dictionaryOf(2, { anchor: Type.Union([text, Type.Null()]) }, Type.Array(Type.Unknown())),
  3: dictionaryOf(3, anchorsOption, Type.Array(Type.Unknown())),
} as const;

export type Dictionary = Read<typeof dictionarySchema>;
export type DictionaryModel = Dictionary['models'][number];
export type DictionaryLayer = DictionaryModel['layers'][number];
/** The pairs of two models, with the counts that the controls give. */
export type PairList = Dictionary['pairs'][number];
export type Pair = PairList['pairs'][number];
export type Histogram = PairList['histogram'];
/** Units of several models, at most one of each, that stand for one concept. */
export type RosettaSet = Dictionary['sets'][number];
/** Rosetta sets whose units correlate: one visual concept. */
export type Concept = Dictionary['concepts'][number];

const ids = Type.Array(text);
/** JSON Schema of `exemplars/exemplars.json`: which images and maps the report shows. */
export const exemplarsSchema = Type.Object({
  /** Images by their id: the file below `exemplars/`, and the name in the image set. */
  images: named(
    Type.Object({
      file: Type.String({ pattern: '^\\w[\\w.+-]*(/\\w[\\w.+-]*)*$' }),
      name: Type.String(),
      width: side,
      height: side,
    }),
  ),
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
