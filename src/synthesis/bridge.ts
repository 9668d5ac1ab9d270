// One generator guides another: pairs of their units that encoders bridge, and targets from the first one's maps.
// The two make different images and have no r of their own; what is known comes over the encoders.

import { UserError } from '../errors.ts';
import type { Dictionary } from '../mining/run/dictionary.ts';
import type { RunMoments } from '../mining/run/read-run.ts';
import type { Engine } from '../runtime/engine.ts';
import type { Generator, GeneratorOptions } from '../zoo/model.ts';
import { checkLayers, guideUnits, targetsFrom, type Targets } from './guide.ts';
import { checkLatents, type Latents } from './search/latents.ts';
import { generatorMaps } from './maps.ts';
import { checkGenerator, choosePairs, guidesIn, pairsOf } from './guiding-pairs.ts';
import type { Candidate, GuidingPair, GuidingPairs, PairOptions } from './guiding-pairs.ts';

/**
 * Pairs of units of two generators that are both paired with one unit of an encoder. r is the product of the two r; of
 * several ways to a unit of `to`, the one with the largest r is kept. q and replication are asked of both pairs, `least` and
 * `limit` of the product; the `guides` are the encoders that may bridge, the `concepts` those of the units of `to`.
 * @throws UserError for a generator, an encoder or a concept that the run does not have, and when no pair is left.
 */
export function bridgedPairs(
  dictionary: Dictionary,
  from: string,
  to: string,
  options: PairOptions = {},
): GuidingPairs {
  for (const name of [from, to]) checkGenerator(dictionary, name);
  if (from === to) throw new UserError(`${from} cannot be bridged to itself; name two generators`);
  const bridges = guidesIn(dictionary, options.guides);
  const candidates = bridges.flatMap((bridge) => {
    const ways = new Map<string, Candidate[]>();
    for (const [via, guide, pair] of pairsOf(dictionary, bridge, from)) {
      const way = { unit: '', guide, r: pair.r, grounds: [pair], via };
      ways.set(via, [...(ways.get(via) ?? []), way]);
    }
    return pairsOf(dictionary, bridge, to).flatMap(([via, unit, pair]) =>
      (ways.get(via) ?? []).map((way) => ({ ...way, unit, r: way.r * pair.r, grounds: [...way.grounds, pair] })),
    );
  });
  return choosePairs(dictionary, candidates, options, `${from} and ${to} over ${bridges.join(', ')}`, true);
}

/**
 * The maps of one generator, at given latents, as targets of another's units.
 * @param latents of `from`; the targets have as many rows. @param options of `from`, e.g. its truncation.
 * @param moments of the run that the pairs are of.
 * @throws UserError when the latents are not those of `from`, or a model has other layers than in the run.
 */
export async function generatorTargets(options: {
  readonly engine: Engine;
  readonly from: Generator;
  readonly latents: Latents;
  readonly options?: Partial<GeneratorOptions>;
  readonly pairs: readonly GuidingPair[];
  readonly to: Generator;
  readonly moments: RunMoments;
}): Promise<Targets> {
  const { engine, from, latents, pairs, to, moments } = options;
  const guides = guideUnits(pairs);
  const other = [...guides.keys()].find((name) => name !== from.name);
  if (other !== undefined)
    throw new UserError(`the pairs are guided by ${other}, not by ${from.name}; give that model`);
  checkLatents(from.card, latents);
  checkLayers([from, to], pairs, to, moments);
  const { maps } = await generatorMaps(engine, from, latents, guides.get(from.name) ?? new Map(), options.options);
  return targetsFrom({ pairs, guides, maps: new Map([[from.name, maps]]), generator: to, moments });
}
