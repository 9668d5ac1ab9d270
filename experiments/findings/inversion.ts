// The stage of the findings that inverts photos: by pixels alone, by Rosetta pairs alone, by both. Steps, starts and
// everything else are the same for all; only the objective differs. The photos' classes, where a generator has classes, are
// given to all alike.

import { UserError } from 'rosetta-neurons';
import type { Float32Tensor } from 'rosetta-neurons/graph';
import type { Dictionary } from 'rosetta-neurons/mining';
import type { Engine } from 'rosetta-neurons/runtime';
import {
  optimise,
  photoTargets,
  featureDistance,
  agreementTerm,
  agreementAt,
  pixelTerm,
  generatorMaps,
  guidingPairs,
  imageMetrics,
  latentStatistics,
  sampleLatents,
  toSpace,
  type GuidingPair,
  type Latents,
  type Space,
  type TargetGroup,
  type Term,
} from 'rosetta-neurons/synthesis';
import type { Encoder, Generator, GeneratorOptions } from 'rosetta-neurons/zoo';
import type { StageOptions } from './edits.ts';
import { searchMethods, type InversionResult, type Nearness, type SearchMethod } from './results.ts';
import { classesOf, packed, takeRows, tell, type Photos } from './stages.ts';
import { mean } from './statistics.ts';

/** Weight of pixels beside pairs: a mean squared error of 0.05 weighs as much as a fall of the mean r by 0.5. */
export const pixelWeight = 10;
export const methods: Readonly<Record<SearchMethod, string>> = {
  pixels: 'pixels',
  pairs: 'pairs',
  both: 'pixels and pairs',
};
/** Photos that are searched side by side. */
const together = 10;
/** How many photos are shown: evenly spread, for they come class by class. */
const most = 12;
const isShown = (photo: number, n: number) => photo % Math.ceil(n / most) === 0;
/** Shakes the first steps in w, in standard deviations, as the program does by default. */
const shaking = 0.05;

/**
 * Adds the photos that are missing to `done`, a batch at a time, each time telling `keep`.
 * @returns the rows of all photos and how they were searched.
 */
export async function invertPhotos({
  engine,
  generator,
  encoders,
  judge,
  photos,
  options,
  dictionary,
  moments,
  done,
  keep,
}: StageOptions<InversionResult> & { readonly photos: Photos }): Promise<InversionResult> {
  const generatorOptions = { truncation: options.truncation };
  const pairs = guides(dictionary, generator.name);
  if (typeof pairs === 'string') return keep({ none: pairs, seconds: 0, rows: [] });
  const { classes } = generator.card.latent;
  const result: InversionResult = done ?? {
    space: generator.card.latent.sampling === 'truncated' ? 'z' : 'w',
    pairs: pairs.length,
    classes,
    seconds: 0,
    rows: [],
  };
  const { space = 'w' } = result;
  const noise = space === 'w' ? shaking * (await stdOf(engine, generator, generatorOptions)) : 0;
  const total = photos.labels.length;
  while (result.rows.length < total) {
    const begun = performance.now();
    const from = result.rows.length;
    const own = Array.from({ length: Math.min(together, total - from) }, (_, i) => from + i);
    const rows = own.flatMap((photo) => Array<number>(options.starts).fill(photo));
    const pictures = takeRows(photos.images, rows);
    const targets = await photoTargets({ engine, encoders, images: pictures, pairs, generator, moments });
    const start = await startsOf(engine, generator, {
      rows: rows.length,
      labels: rows.map((photo) => photos.labels[photo]),
      seed: 1000 + from,
      space,
      generatorOptions,
    });
    const agreement = agreementTerm(targets.groups);
    const objectives: Readonly<Record<SearchMethod, readonly Term[]>> = {
      pixels: [pixelTerm(pictures, pixelWeight)],
      pairs: [agreement],
      both: [agreement, pixelTerm(pictures, pixelWeight)],
    };
    const measure = (what: Pick<MeasureOptions, 'latents' | 'images' | 'best'>) =>
      measured({ engine, generator, generatorOptions, judge, photos, own, groups: targets.groups, ...what });
    const found: Partial<Record<SearchMethod | 'start', Nearness[]>> = {};
    for (const method of searchMethods) {
      const terms = objectives[method];
      const search = await optimise({
        engine,
        generator,
        generatorOptions,
        start,
        terms,
        steps: options.steps,
        noise,
        every: 10,
        onProgress: ({ done, total: steps }) =>
          tell(
            `${generator.name}: photos ${from + 1}-${from + own.length} of ${total}, ${method}: step ${done} of ${steps}`,
          ),
      });
      // The start that ended best by the method's own objective.
      const best = own.map((_, i) => {
        const all = Array.from({ length: options.starts }, (_, k) => i * options.starts + k);
        return all.reduce((least, row) => (search.loss[row] < search.loss[least] ? row : least));
      });
      found[method] = await measure({ latents: search.latents, images: search.images, best });
      if (method !== 'pixels') continue;
      // Where all begin: the first start of each photo, which nothing has chosen.
      const first = own.map((_, i) => i * options.starts);
      found.start = await measure({ latents: start, images: undefined, best: first });
    }
    result.rows.push(
      ...own.map((photo, i) => ({
        label: photos.labels[photo],
        ...(Object.fromEntries(Object.entries(found).map(([name, list]) => [name, list[i]])) as Record<
          SearchMethod | 'start',
          Nearness
        >),
        ...(isShown(photo, total) && { photo: packed(takeRows(photos.images, [photo]).data) }),
      })),
    );
    result.seconds += (performance.now() - begun) / 1000;
    keep(result);
  }
  return result;
}

/** The pairs that guide, or why there are none: also that is a finding. */
function guides(dictionary: Dictionary, name: string): readonly GuidingPair[] | string {
  try {
    return guidingPairs(dictionary, name).pairs;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message;
  }
}

async function stdOf(engine: Engine, generator: Generator, { truncation }: Partial<GeneratorOptions>) {
  const { w } = await sampleLatents(engine, generator, { samples: 1000, seed: 1, space: 'w', truncation });
  return w ? latentStatistics(w).std : 0;
}

/** Random latents, with the classes of the photos where there are classes. */
async function startsOf(
  engine: Engine,
  generator: Generator,
  {
    rows,
    labels,
    seed,
    space,
    generatorOptions,
  }: {
    readonly rows: number;
    readonly labels: readonly number[];
    readonly seed: number;
    readonly space: Space;
    readonly generatorOptions: Partial<GeneratorOptions>;
  },
): Promise<Latents> {
  const { truncation } = generatorOptions;
  const { z, c } = await sampleLatents(engine, generator, { samples: rows, seed, truncation });
  if (c) {
    c.data.fill(0);
    labels.forEach((label, row) => (c.data[row * c.shape[1] + label] = 1));
  }
  return toSpace(engine, generator, c ? { z, c } : { z }, space, generatorOptions);
}

interface MeasureOptions {
  readonly engine: Engine;
  readonly generator: Generator;
  readonly generatorOptions: Partial<GeneratorOptions>;
  readonly judge: Encoder;
  readonly photos: Photos;
  /** Numbers of the photos. */
  readonly own: readonly number[];
  readonly groups: readonly TargetGroup[];
  readonly latents: Latents;
  /** Default: made from the latents. */
  readonly images: Float32Tensor | undefined;
  /** Row of the latents for each photo. */
  readonly best: readonly number[];
}

/** Of the best row of each photo: how near it is to the photo, by measures of which only `r` (and of pixels PSNR) is searched for. */
async function measured({
  engine,
  generator,
  generatorOptions,
  judge,
  photos,
  own,
  groups,
  latents,
  images,
  best,
}: MeasureOptions): Promise<Nearness[]> {
  const { height, width } = generator.card.latent;
  const all = images ?? (await imagesAt(engine, generator, latents, generatorOptions));
  const r = await agreementAt({ engine, generator, generatorOptions, latents, groups });
  const units = r.length / all.shape[0];
  const results = takeRows(all, best);
  const pictures = takeRows(photos.images, own);
  const distances = await featureDistance(engine, judge, results, pictures);
  const named = await classesOf(engine, judge, results);
  return own.map((photo, i) => {
    const [image, picture] = [results, pictures].map((tensor) => takeRows(tensor, [i]).data);
    const { psnr, ssim } = imageMetrics(image, picture, height, width);
    return {
      psnr,
      ssim,
      distance: distances[i],
      r: mean([...r.subarray(best[i] * units, (best[i] + 1) * units)]),
      sameClass: named[i] === photos.labels[photo],
      ...(isShown(photo, photos.labels.length) && { image: packed(image) }),
    };
  });
}

async function imagesAt(
  engine: Engine,
  generator: Generator,
  latents: Latents,
  generatorOptions: Partial<GeneratorOptions>,
): Promise<Float32Tensor> {
  return (await generatorMaps(engine, generator, latents, new Map(), generatorOptions)).images;
}
