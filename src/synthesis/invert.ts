// Inversion: latents of a generator whose units agree with target maps, those of a photo or of another generator's sample.
// With another class than the picture's it is cross-class alignment; there is one way to do all of these.

import { UserError } from '../errors.ts';
import type { Float32Tensor } from '../graph/tensor.ts';
import type { Encoder, Generator } from '../zoo/model.ts';
import { agreementTerm } from './terms/agreement.ts';
import { agreementAt, judgeDomain, weightedMean, type DomainVerdict, type OwnAgreement } from './domain.ts';
import type { Targets } from './guide.ts';
import { featureTargets, featureTerm, pixelTerm } from './terms/image.ts';
import { featureDistance, imageMetrics, type ImageMetrics } from './metrics.ts';
import type { GuidingPair } from './guiding-pairs.ts';
import { rowOf, search, type FoundRow, type PriorWeights, type SearchOptions } from './search/search.ts';
import type { Space } from './search/latents.ts';
import type { Term } from './terms/terms.ts';

/** Weights of the terms; those left out are 0. */
export interface LossWeights extends PriorWeights {
  /** One minus the mean r of the pairs. */
  readonly rosetta?: number;
  /** Mean squared difference of pixels in [0, 1]. */
  readonly pixel?: number;
  /** Distance of an encoder's features. */
  readonly feature?: number;
}

export const defaultWeights: LossWeights = { rosetta: 1 };

export interface InvertOptions extends Omit<SearchOptions, 'terms' | 'priors'> {
  /** The guides' maps, and the pairs that they are of; may be left out when `weights.rosetta` is 0. */
  readonly targets?: Targets;
  readonly pairs?: readonly GuidingPair[];
  /** `[1, 3, height, width]` of the generator's size, RGB in [0, 1]: for the pixel and feature terms, and for metrics. */
  readonly picture?: Float32Tensor;
  /** Default: the pairs alone. */
  readonly weights?: LossWeights;
  /** For the feature term. */
  readonly features?: Encoder;
  /** For the feature distance among the metrics. */
  readonly judge?: Encoder;
  /** Agreement of the generator's own samples, from `ownAgreement`. */
  readonly own?: OwnAgreement;
}

/** r of the guiding pairs, in the order of `pairs`. */
export interface PairAgreement {
  readonly mean: number;
  readonly each: readonly number[];
}

export interface Inversion extends Pick<FoundRow, 'latents' | 'start' | 'image' | 'loss' | 'terms'> {
  readonly space: Space;
  /** Of the row that was best, at its start and at its end; absent without pairs. */
  readonly before?: PairAgreement;
  readonly after?: PairAgreement;
  /** Of the result with the picture. */
  readonly metrics?: ImageMetrics & { readonly featureDistance?: number };
  readonly domain?: DomainVerdict;
  /** Loss that each start ended with. */
  readonly losses: readonly number[];
  readonly steps: number;
  readonly stopped: 'done' | 'converged' | 'cancelled' | 'not-finite';
}

/** The terms of an inversion. @throws UserError when a term has a weight but lacks what it needs. */
export async function inversionTerms({
  engine,
  generator,
  targets,
  picture,
  features,
  weights = defaultWeights,
}: Pick<InvertOptions, 'engine' | 'generator' | 'targets' | 'picture' | 'features' | 'weights'>): Promise<Term[]> {
  const terms: Term[] = [];
  if (weights.rosetta) {
    if (!targets?.groups.length) throw new UserError('the rosetta term needs pairs that guide; there are none');
    terms.push(agreementTerm(targets.groups, weights.rosetta));
  }
  if (weights.pixel || weights.feature) {
    if (!picture) throw new UserError('the pixel and feature terms need a picture to compare with');
    checkPicture(generator, picture);
    if (weights.pixel) terms.push(pixelTerm(picture, weights.pixel));
    if (weights.feature) {
      if (!features) throw new UserError('the feature term needs an encoder: name one');
      terms.push(featureTerm(features, await featureTargets(engine, features, picture), weights.feature));
    }
  }
  if (!terms.length) throw new UserError('the objective has no term: give rosetta, pixel or feature a weight');
  return terms;
}

function checkPicture({ name, card }: Generator, { shape }: Float32Tensor): void {
  const { height, width } = card.latent;
  if (shape.join() === [1, 3, height, width].join()) return;
  throw new UserError(`the picture is [${shape.join(', ')}], but ${name} makes [1, 3, ${height}, ${width}]; resize it`);
}

/** The best row with its measures. */
export async function invert(options: InvertOptions): Promise<Inversion> {
  const { engine, generator, generatorOptions, targets, pairs, picture, judge, own } = options;
  const weights = options.weights ?? defaultWeights;
  const terms = await inversionTerms(options);
  const found = await search({ ...options, terms, priors: weights });
  const row = rowOf(found, found.leader);
  const agreement = async (latents: typeof row.latents) => {
    if (!targets?.groups.length) return undefined;
    const r = await agreementAt({ engine, generator, generatorOptions, latents, groups: targets.groups });
    return pairAgreement(r, targets, pairs?.length ?? r.length);
  };
  const after = await agreement(row.latents);
  const { height, width } = generator.card.latent;
  const metrics = picture && {
    ...imageMetrics(row.image.data, picture.data, height, width),
    ...(judge && { featureDistance: (await featureDistance(engine, judge, row.image, picture))[0] }),
  };
  return {
    latents: row.latents,
    start: row.start,
    image: row.image,
    loss: row.loss,
    terms: row.terms,
    space: found.space,
    before: await agreement(row.start),
    after,
    metrics,
    domain: after && own && judgeDomain(after.mean, own),
    losses: Array.from(found.loss),
    steps: found.steps,
    stopped: found.stopped,
  };
}

/** r by unit of the groups, brought to the order of the pairs. */
export function pairAgreement(r: Float32Array, { groups, order }: Targets, count: number): PairAgreement {
  const each = Array<number>(count).fill(0);
  order.forEach((pair, i) => (each[pair] = r[i]));
  return {
    mean: weightedMean(
      r,
      groups.flatMap((group) => Array.from(group.weights)),
    ),
    each,
  };
}
