// Pairs of a dictionary by which units of encoders guide units of a generator, and which pairs were left out, and why.
// Maps are not looked at here: targets are made of pairs in guide.ts; pairs of two generators are composed in bridge.ts.

import { UserError } from '../errors.ts';
import type { Dictionary, DictionaryModel, Pair, PairList } from '../mining/run/dictionary.ts';
import { parseUnit } from '../mining/run/units.ts';
import { isGeneratorCard } from '../zoo/card.ts';
import { nearest } from '../zoo/store/model-names.ts';
import { pairDefaults } from './defaults.ts';
import { required } from '../lookup.ts';

export interface GuidingPair {
  /** Of the generator that is guided. */
  readonly unit: { readonly layer: string; readonly index: number };
  /** Whose map the unit is to have. */
  readonly guide: { readonly model: string; readonly layer: string; readonly index: number };
  /** Pearson r of the two over the run; of a bridged pair, the product of its two. */
  readonly r: number;
  readonly weight: number;
  /** Id of the best concept of which the generator's unit is part. */
  readonly concept?: string;
  /** Name of the encoder's unit by which two generators' units are bridged. */
  readonly via?: string;
}

export interface PairOptions {
  /** Names of encoders; default: all of the run but twins. */
  readonly guides?: readonly string[];
  /** Least r; default none. Pairs whose r is not above 0 never guide: their maps are no likeness. */
  readonly least?: number;
  /** Largest q, where there is one; default 0.01. */
  readonly maxQ?: number;
  /** Only pairs that both halves of the images choose; by default where the run has controls. */
  readonly replicatedOnly?: boolean;
  /** Ids of concepts or of Rosetta sets: only pairs whose generator unit belongs to one of their sets. */
  readonly concepts?: readonly string[];
  /** At most so many, the best by r; default 1000. */
  readonly limit?: number;
  /** All pairs alike, or by r; default 'equal'. */
  readonly weights?: 'equal' | 'r';
}

/** Pairs that each rule dropped; a pair counts for the first that drops it, in this order. */
export interface Dropped {
  readonly concepts: number;
  readonly q: number;
  readonly replication: number;
  readonly r: number;
  /** Of bridges: another one leads to the same unit, with a larger r. */
  readonly better: number;
  readonly limit: number;
}

export interface GuidingPairs {
  /** Best r first. */
  readonly pairs: readonly GuidingPair[];
  readonly considered: number;
  readonly dropped: Dropped;
}

/** A pair of unit names that may guide, with the pairs of the dictionary that it stands on. */
export interface Candidate {
  readonly unit: string;
  readonly guide: string;
  readonly r: number;
  readonly grounds: readonly Pair[];
  readonly via?: string;
}

/**
 * The pairs of a generator's units with units of encoders.
 * @throws UserError for a generator, a guide or a concept that the run does not have, and when no pair is left.
 */
export function guidingPairs(dictionary: Dictionary, generator: string, options: PairOptions = {}): GuidingPairs {
  checkGenerator(dictionary, generator);
  const guides = guidesIn(dictionary, options.guides);
  const candidates = guides.flatMap((guide) =>
    pairsOf(dictionary, generator, guide).map(([unit, other, pair]): Candidate => ({
      unit,
      guide: other,
      r: pair.r,
      grounds: [pair],
    })),
  );
  return choosePairs(dictionary, candidates, options, `${generator} with ${guides.join(', ')}`);
}

/** Pairs of two models with their units in this order. */
export function pairsOf({ pairs }: Dictionary, first: string, second: string): [string, string, Pair][] {
  const between = ({ models: [a, b] }: PairList) => (a === first && b === second) || (a === second && b === first);
  return pairs
    .filter(between)
    .flatMap(({ models: [a], pairs: list }) =>
      list.map((pair): [string, string, Pair] => (a === first ? [pair.a, pair.b, pair] : [pair.b, pair.a, pair])),
    );
}

/**
 * Applies the options to candidates.
 * @param models for messages.
 * @param best keeps the best candidate of each unit only.
 * @throws UserError when none is left, telling what dropped them.
 */
export function choosePairs(
  dictionary: Dictionary,
  candidates: readonly Candidate[],
  options: PairOptions,
  models: string,
  best = false,
): GuidingPairs {
  const {
    least = -Infinity,
    maxQ = pairDefaults.maxQ,
    limit = pairDefaults.limit,
    weights = 'equal',
    concepts,
  } = options;
  const { replicatedOnly = dictionary.options.nullModel } = options;
  if (!Number.isInteger(limit) || limit < 1) {
    throw new UserError(`the number of pairs must be a whole number of at least 1, not ${limit}`);
  }
  const homes = homesOf(dictionary, concepts);
  const dropped = { concepts: 0, q: 0, replication: 0, r: 0, better: 0, limit: 0 };
  const taken = new Set<string>();
  let count = 0;
  const reason = ({ unit, r, grounds }: Candidate): keyof Dropped | undefined => {
    if (concepts && !homes.has(unit)) return 'concepts';
    if (grounds.some(({ q }) => q !== null && q > maxQ)) return 'q';
    if (replicatedOnly && grounds.some(({ replications }) => replications < 2)) return 'replication';
    if (r < least || grounds.some((pair) => pair.r <= 0)) return 'r';
    if (best && taken.has(unit)) return 'better';
    return count === limit ? 'limit' : undefined;
  };
  const kept = [...candidates]
    .sort((a, b) => b.r - a.r)
    .filter((candidate) => {
      const why = reason(candidate);
      if (why) {
        dropped[why]++;
        return false;
      }
      taken.add(candidate.unit);
      count++;
      return true;
    });
  if (!kept.length) throw new UserError(noneLeft(models, candidates.length, dropped, { least, maxQ }));
  const pairs = kept.map(({ unit, guide, r, via }): GuidingPair => {
    const { layer, index } = parseUnit(unit);
    const concept = homes.get(unit);
    const weight = weights === 'r' ? r : 1;
    return {
      unit: { layer, index },
      guide: parseUnit(guide),
      r,
      weight,
      ...(concept && { concept }),
      ...(via && { via }),
    };
  });
  return { pairs, considered: candidates.length, dropped };
}

function noneLeft(
  models: string,
  considered: number,
  dropped: Dropped,
  { least, maxQ }: { least: number; maxQ: number },
): string {
  if (!considered) return `the run has no pairs of ${models}; mine over more images, or with a larger --k`;
  const rules: [number, string][] = [
    [dropped.concepts, 'are of other concepts: name more of them'],
    [dropped.q, `have a q above ${maxQ}: allow a larger one, or mine over more images`],
    [dropped.replication, 'are not chosen by both halves of the images: allow those too, or mine over more images'],
    [dropped.r, `have an r ${least > 0 ? `below ${least}: allow a smaller one` : 'that is not above 0'}`],
  ];
  const reasons = rules.filter(([count]) => count).map(([count, text]) => `${count} ${text}`);
  return `none of the ${considered} pairs of ${models} is left; ${reasons.join('; ')}`;
}

const zooOf = ({ models }: Dictionary): DictionaryModel[] => models.filter(({ role }) => role === 'zoo');
const isGenerator = ({ card }: DictionaryModel): boolean => isGeneratorCard(card);
const listed = (models: readonly DictionaryModel[]): string => models.map(({ name }) => name).join(', ');

/** @throws UserError when the run has no such generator. */
export function checkGenerator(dictionary: Dictionary, name: string): void {
  const zoo = zooOf(dictionary);
  const found = zoo.find((model) => model.name === name);
  if (found && isGenerator(found)) return;
  const generators = listed(zoo.filter(isGenerator));
  throw new UserError(
    found
      ? `${name} is an encoder; name a generator of the run (${generators || 'it has none: mine with one'})`
      : `the run has no generator ${name}, its models are ${listed(zoo)}; ${generators ? 'name one of its generators, or mine' : 'mine'} with ${name}`,
  );
}

/**
 * The encoders that were asked for, or all of the run.
 * @throws UserError for one that the run does not have.
 */
export function guidesIn(dictionary: Dictionary, asked?: readonly string[]): string[] {
  const encoders = zooOf(dictionary).filter((model) => !isGenerator(model));
  const names = encoders.map(({ name }) => name);
  const unknown = asked?.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UserError(`the run has no encoder ${unknown}; name some of ${names.join(', ')}, or mine with ${unknown}`);
  }
  return asked ? [...new Set(asked)] : names;
}

/**
 * By unit, the id of its best concept; undefined for a unit of sets that were not clustered.
 * @param asked ids of concepts or sets: only the units of these.
 */
function homesOf({ sets, concepts }: Dictionary, asked?: readonly string[]): ReadonlyMap<string, string | undefined> {
  const members = new Map(sets.map(({ id, units }) => [id, units]));
  const groups = new Map(concepts.map(({ id, sets: own }) => [id, own]));
  const conceptOf = new Map(concepts.flatMap(({ id, sets: own }) => own.map((set) => [set, id])));
  const chosen = (asked ?? [...groups.keys()]).flatMap((id) => {
    const found = groups.get(id) ?? (members.has(id) ? [id] : undefined);
    if (found) return found;
    const near = nearest(id, [...groups.keys(), ...members.keys()]);
    const remedy = near.length ? `did you mean ${near.join(', ')}?` : 'it has no Rosetta sets at all; name no concept';
    throw new UserError(`the run has no concept or set ${id}; ${remedy}`);
  });
  const homes = new Map<string, string | undefined>();
  for (const set of chosen) {
    for (const unit of required(members, set, 'set')) if (!homes.has(unit)) homes.set(unit, conceptOf.get(set));
  }
  return homes;
}
