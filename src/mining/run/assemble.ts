// The dictionary from what the correlation found: pairs, their counts, and the Rosetta sets. Concepts come after it.

import { sha256 } from '../../files/hash.ts';
import { samplesOf } from '../../images/source.ts';
import type { Model } from '../../zoo/model.ts';
import type { Correlated } from '../correlation/correlate.ts';
import type { Dictionary, DictionaryModel, Pair, PairList, RosettaSet } from './dictionary.ts';
import type { Neighbours } from '../correlation/neighbours.ts';
import { bestHistogram, PairJudge, type IndexedPair } from '../matching/mutual-neighbours.ts';
import type { MinedModel } from '../correlation/plan.ts';
import type { Part } from '../correlation/run-pass.ts';
import { wilson } from '../screening/audit.ts';
import type { ScreeningReport } from '../screening/report.ts';
import { anchoredSets, mutualSets, ZooNeighbours, type IndexedSet } from '../matching/rosetta-sets.ts';
import { unitNames } from './units.ts';
import { program } from '../../program.ts';
import { significance } from '../defaults.ts';
import { required } from '../../lookup.ts';

export interface AssembleOptions {
  readonly seed: number;
  readonly k: number;
  readonly setK: number;
  readonly anchors: readonly string[];
  readonly conceptThreshold: number;
  /** How many of `all` are of the zoo; the others are twins. */
  readonly zoo: number;
  readonly all: readonly Model[];
  readonly mined: readonly MinedModel[];
  readonly pairs: readonly (readonly [number, number])[];
  readonly correlated: Correlated;
  readonly parts: readonly Part[];
  readonly controls: boolean;
  readonly reference: boolean;
  readonly created: Date;
}

/** A dictionary whose sets have no `pairwise` yet and that has no concepts. */
export async function assembleDictionary(options: AssembleOptions): Promise<Dictionary> {
  const { all, mined, zoo, k, setK, anchors, correlated } = options;
  const labels = mined.map(unitNames);
  const judges = options.pairs.map((_, i) => new PairJudge(correlated.neighbours[i], k));
  const zooPairs = options.pairs.flatMap(([a, b], i): [string, PairJudge][] =>
    a < zoo && b < zoo ? [[ZooNeighbours.key(a, b), judges[i]]] : [],
  );
  const neighbours = new ZooNeighbours(zoo, new Map(zooPairs));
  const mutual = mutualSets(neighbours, k);
  const anchored = new Map(all.slice(0, zoo).map(({ name }, m) => [name, anchoredSets(neighbours, m, setK)]));
  const chosen = anchors.length
    ? anchors.flatMap((anchor) => required(anchored, anchor, 'anchor').map((set) => describeSet(set, anchor, labels)))
    : mutual.map((set) => describeSet(set, null, labels));

  const unreadable = [...correlated.unreadable];
  const lost = new Set(unreadable.map(({ name }) => name));
  const sources = options.parts.map(({ source }) => {
    const used = samplesOf(source)
      .map((i) => source.names[i])
      .filter((name) => !lost.has(name));
    return { source, used };
  });
  const used = sources.flatMap((source) => source.used);
  return {
    schemaVersion: 3,
    program,
    created: options.created.toISOString(),
    score: options.reference ? 'reference' : 'pearson',
    ...(correlated.screening ? { screening: describeScreening(correlated.screening) } : {}),
    options: {
      k,
      setK,
      anchors,
      seed: options.seed,
      nullModel: options.controls,
      conceptThreshold: options.conceptThreshold,
    },
    images: {
      source: sources.map(({ source }) => source.source).join(', '),
      count: used.length,
      sources: sources.map(({ source, used: own }) => {
        const { height, width, generated } = source;
        return { source: source.source, count: own.length, height, width, generated: generated?.recipe ?? null };
      }),
      sha256: await sha256(used.join('\n')),
      unreadable,
    },
    models: all.map((model, m) =>
      describeModel(model, m < zoo ? undefined : all[m - zoo].name, mined[m], correlated, m),
    ),
    pairs: options.pairs.map(([a, b], i) =>
      pairList([all[a].name, all[b].name], judges[i].mutualPairs(), correlated.neighbours[i], labels[a], labels[b]),
    ),
    setCounts: {
      '': mutual.length,
      ...Object.fromEntries([...anchored].map(([name, { length }]) => [name, length])),
    },
    sets: chosen.sort((x, y) => y.r - x.r).map((set, i) => ({ ...set, id: `s${i}` })),
    concepts: [],
  };
}

function describeScreening({
  width,
  margin,
  candidates,
  unsure,
  audit: { units, found, largestError },
}: ScreeningReport): NonNullable<Dictionary['screening']> {
  const [low, high] = wilson(found, units);
  const audit = {
    units,
    found,
    recall: units ? digits(found / units) : 1,
    interval: [digits(low), digits(high)] satisfies [number, number],
    largestError: digits(largestError),
  };
  return { width, margin, candidates, unsure, audit };
}

function describeModel(
  model: Model,
  twinOf: string | undefined,
  mined: MinedModel,
  { moments }: Correlated,
  m: number,
): DictionaryModel {
  const layers = mined.layers.map(({ layer, units, grid }, l) => {
    const { state } = moments[m].statistics(l);
    const count = (which: string) => state.filter((s) => s === which).length;
    return { layer, channels: units, ...grid, dead: count('dead'), constant: count('constant') };
  });
  const { name, card } = model;
  const identity = twinOf === undefined ? { name, role: 'zoo' as const } : { name, role: 'twin' as const, twinOf };
  return { ...identity, card, units: mined.units, layers };
}

function pairList(
  models: [string, string],
  pairs: readonly IndexedPair[],
  neighbours: Neighbours,
  a: readonly string[],
  b: readonly string[],
): PairList {
  const significant = pairs.filter(({ q }) => q !== null && q < significance);
  const live = (units: number, r: Float32Array, k: number) =>
    Array.from({ length: units }, (_, u) => r[u * k]).filter(Number.isFinite).length;
  const n = live(neighbours.unitsA, neighbours.forward.all.r, neighbours.forward.all.k);
  const m = live(neighbours.unitsB, neighbours.backward.all.r, neighbours.backward.all.k);
  return {
    models,
    pairs: pairs.map((pair): Pair => ({ ...rounded(pair), a: a[pair.a], b: b[pair.b] })),
    counts: {
      pairs: pairs.length,
      significant: significant.length,
      replicated: significant.filter(({ replications }) => replications === 2).length,
      expectedOfNoise: n && m ? Math.round((n * m) / (n + m - 1)) : 0,
    },
    histogram: bestHistogram(neighbours),
  };
}

const digits = (value: number): number => Number(value.toFixed(6));
const digitsOrNull = (value: number | null): number | null => (value === null ? null : digits(value));

const rounded = (pair: IndexedPair) => ({
  r: digits(pair.r),
  rNull: digitsOrNull(pair.rNull),
  excess: digitsOrNull(pair.excess),
  q: digitsOrNull(pair.q),
  rHeldOut: digitsOrNull(pair.rHeldOut),
  replications: pair.replications,
});

function describeSet(set: IndexedSet, anchor: string | null, labels: readonly (readonly string[])[]): RosettaSet {
  const known = (value: (pair: IndexedPair) => number | null): number[] =>
    set.pairs.map(value).filter((v) => v !== null);
  const mean = (values: number[]): number => digits(values.reduce((sum, v) => sum + v, 0) / values.length);
  const meanOrNull = (values: number[]): number | null => (values.length ? mean(values) : null);
  const q = known((pair) => pair.q);
  return {
    id: '',
    anchor,
    units: set.units.flatMap((unit, m) => (unit === undefined ? [] : [labels[m][unit]])),
    r: mean(set.pairs.map((pair) => pair.r)),
    excess: meanOrNull(known((pair) => pair.excess)),
    rHeldOut: meanOrNull(known((pair) => pair.rHeldOut)),
    q: q.length ? digits(Math.max(...q)) : null,
    pairwise: [],
  };
}
