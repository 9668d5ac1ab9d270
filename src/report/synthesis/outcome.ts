// What is told of an inversion, a translation or an edit: its numbers, facts and warnings, and its pictures.
// It measures nothing: all numbers are those of the search.

import type { Float32Tensor } from '../../graph/tensor.ts';
import type { DomainVerdict } from '../../synthesis/domain.ts';
import type { EditAgreement, Edited } from '../../synthesis/edit/edit.ts';
import type { Inversion } from '../../synthesis/invert.ts';
import type { ImageMetrics } from '../../synthesis/metrics.ts';
import type { GuidingPairs } from '../../synthesis/guiding-pairs.ts';
import { unitName } from '../../mining/run/units.ts';
import { short } from './curve.ts';
import type { ShownPair } from './maps.ts';
import type { Metrics, Outcome, Still } from './output.ts';
import { formatR } from './unit-pairs.ts';
import type { Curve } from './page.ts';

/** What both kinds of results bring along. */
export interface Told {
  readonly name: string;
  readonly generator: string;
  /** Planar frames of the way, and the loss and its terms by step, of the row that was best. */
  readonly way: readonly Float32Array[];
  readonly curves: readonly Curve[];
  /** Maps that are shown. */
  readonly shown: readonly ShownPair[];
  /** Of the latent's file: space, truncation, and so on. */
  readonly about: Readonly<Record<string, string>>;
  /** What was asked for, for the numbers. */
  readonly settings: object;
  readonly seconds: number;
}

export interface InversionTold extends Told {
  readonly inversion: Inversion;
  readonly pairs: GuidingPairs;
  /** What guided, e.g. `photo`, and its picture. */
  readonly guidedBy: string;
  readonly picture: Float32Tensor;
  readonly start: Float32Tensor;
  /** Encoder of the feature distance. */
  readonly judge?: string;
}

export function inversionOutcome(told: InversionTold): Outcome {
  const { inversion, pairs, guidedBy, picture, start, judge, generator } = told;
  const { before, after, metrics, domain } = inversion;
  const distance = metrics?.featureDistance;
  const stills: Still[] = [
    { file: 'picture', caption: guidedBy, image: picture },
    { file: 'start', caption: 'start', image: start },
    { file: 'image', caption: 'result', image: inversion.image },
  ];
  const outside =
    domain?.outside && `The ${guidedBy} lies outside of what ${generator} makes: ${domainSentence(domain)}.`;
  return {
    ...shared(told, inversion),
    stills,
    warnings: [outside, notFinite(inversion)].filter((text) => typeof text === 'string'),
    facts: [
      ...(before && after
        ? [{ label: 'mean r', value: `${rise(before.mean, after.mean)}, ${pairs.pairs.length} pairs` }]
        : []),
      ...(metrics ? likeness(metrics) : []),
      ...(distance === undefined ? [] : [{ label: `distance in ${judge}`, value: short(distance) }]),
      ...(domain
        ? [{ label: 'domain', value: `${domain.outside ? 'outside' : 'inside'}: ${domainSentence(domain)}` }]
        : []),
      ...searched(told, inversion),
    ],
    metrics: {
      ...described(told, inversion),
      losses: inversion.losses,
      ...metrics,
      ...(distance !== undefined && { featureDistance: { encoder: judge, distance } }),
      r: before && after && { before: before.mean, after: after.mean },
      domain,
      considered: pairs.considered,
      dropped: pairs.dropped,
      pairs: pairs.pairs.map(({ unit, guide, r, via, concept, weight }, i) => ({
        unit: unitName(generator, unit.layer, unit.index),
        guide: unitName(guide.model, guide.layer, guide.index),
        via,
        concept,
        weight,
        mined: r,
        before: before?.each[i],
        after: after?.each[i],
      })),
    },
  };
}

export interface EditTold extends Told {
  readonly edited: Edited;
  /** Of the result with the unedited image. */
  readonly change: ImageMetrics;
}

export function editOutcome(told: EditTold): Outcome {
  const { edited, change, generator } = told;
  const { before, after, targets, each, original, started } = edited;
  const moved = new Set(targets.edited);
  const same = started.data.every((value, i) => Math.abs(value - original.data[i]) < 1e-3);
  const stills: Still[] = [
    { file: 'original', caption: 'original', image: original },
    // Another class makes the search begin elsewhere.
    ...(same ? [] : [{ file: 'start', caption: 'start', image: started }]),
    { file: 'image', caption: 'edited', image: edited.image },
  ];
  const changed = (label: string, of: keyof EditAgreement) =>
    before[of] === undefined || after[of] === undefined ? [] : [{ label, value: rise(before[of], after[of]) }];
  return {
    ...shared(told, edited),
    stills,
    warnings: [notFinite(edited)].filter((text) => text !== undefined),
    facts: [
      ...changed('r of edited units', 'edited'),
      ...changed('r of other units', 'held'),
      ...changed('distance in strength', 'level'),
      ...likeness(change).map(({ label, value }) => ({ label: `${label} with original`, value })),
      ...searched(told, edited),
    ],
    metrics: {
      ...described(told, edited),
      change,
      r: { before, after },
      units: targets.agreement
        .flatMap(({ layer, units }) => units.map((unit) => ({ layer, unit })))
        .map(({ layer, unit }, i) => ({
          unit: unitName(generator, layer, unit),
          edited: moved.has(`${layer}/${unit}`),
          before: each.before[i],
          after: each.after[i],
        })),
    },
  };
}

/** What is told of every search. */
type Searched = Pick<Inversion, 'latents' | 'space' | 'loss' | 'terms' | 'steps' | 'stopped'>;

const shared = ({ name, way, curves, shown, about }: Told, { latents }: Searched) => ({
  name,
  way,
  curves,
  pairs: shown,
  latents,
  about,
});

const described = (
  { name, generator, settings, seconds }: Told,
  { space, loss, terms, steps, stopped }: Searched,
): Metrics => ({ name, generator, space, settings, seconds, steps, stopped, loss, terms });

const rise = (before: number, after: number): string => `${formatR(before)} → ${formatR(after)}`;

const likeness = ({ psnr, ssim }: ImageMetrics) => [
  { label: 'PSNR', value: `${psnr.toFixed(1)} dB` },
  { label: 'SSIM', value: ssim.toFixed(3) },
];

/** How the search ended, for people. */
const endings: Readonly<Record<Inversion['stopped'], string>> = {
  done: '',
  converged: ', no longer better',
  cancelled: ', stopped',
  'not-finite': ', then no number',
};

const searched = ({ seconds }: Told, { space, loss, steps, stopped }: Searched) => [
  { label: 'loss', value: short(loss) },
  { label: 'search', value: `${steps} steps in ${space}, ${Math.round(seconds)} s${endings[stopped]}` },
];

const domainSentence = ({ reached, ownLow, ownMean }: DomainVerdict): string =>
  `its pairs reach r ${formatR(reached)}; on the generator’s own samples they have ${formatR(ownMean)}, and nineteen of twenty above ${formatR(ownLow)}`;

const notFinite = ({ stopped, steps }: Searched): string | undefined =>
  stopped === 'not-finite'
    ? `The loss or its gradient was no number after ${steps} steps; this is the best before. A smaller --rate may help.`
    : undefined;
