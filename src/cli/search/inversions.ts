// Inversions of images, photos or samples of another generator, as results in a folder: what invert and translate share.
// Whose images they are, and the options that only one of the two has, are theirs.

import type { Engine } from '../../runtime/engine.ts';
import { guidedMaps } from '../../report/synthesis/maps.ts';
import { inversionOutcome } from '../../report/synthesis/outcome.ts';
import type { Outcome } from '../../report/synthesis/output.ts';
import type { Curve } from '../../report/synthesis/page.ts';
import { generatorTargets } from '../../synthesis/bridge.ts';
import { ownAgreement, type OwnAgreement } from '../../synthesis/domain.ts';
import { photoTargets, type Targets } from '../../synthesis/guide.ts';
import { invert, type Inversion } from '../../synthesis/invert.ts';
import type { Latents } from '../../synthesis/search/latents.ts';
import { encoderMaps, generatorMaps, type Maps } from '../../synthesis/maps.ts';
import type { GuidingPair, GuidingPairs, PairOptions } from '../../synthesis/guiding-pairs.ts';
import type { Encoder, Generator, GeneratorOptions } from '../../zoo/model.ts';
import { aboutLatent } from './latent-file.ts';
import { fitted, guideSize, type Subject } from './photo-file.ts';
import type { ProgressPrinter } from '../progress.ts';
import type { SearchFile } from './state-file.ts';
import { runSearch } from './loop.ts';
import { searchSettings, type GuidedCommandOptions } from './options.ts';
import { settingsOf, sha256, type Task } from './results.ts';
import type { MinedRun } from './run.ts';
import { required, present } from '../../lookup.ts';

/** All that inversions of some images have in common. */
export interface InversionPlan {
  readonly engine: Engine;
  readonly run: MinedRun;
  readonly generator: Generator;
  readonly generatorOptions: Pick<GeneratorOptions, 'truncation' | 'noise'>;
  /** Of the candidates; default all. */
  readonly classes?: readonly number[];
  readonly pairs: GuidingPairs;
  readonly guide: Guide;
  readonly features?: Encoder;
  readonly judge?: Encoder;
  readonly own?: OwnAgreement;
  /** E.g. `photo`. */
  readonly guidedBy: string;
  readonly options: GuidedCommandOptions;
  readonly printer: ProgressPrinter;
  readonly signal: AbortSignal;
}

/** What has the maps that the generator's units are to have. */
export interface Guide {
  targets(subject: Subject): Promise<Targets>;
  /** Raw maps for the page, by model and layer. */
  maps(subject: Subject, units: GuideUnits): Promise<ReadonlyMap<string, Maps>>;
}

type GuideUnits = Parameters<Parameters<typeof guidedMaps>[0]['guideMaps']>[0];
type Common = Pick<InversionPlan, 'engine' | 'generator'> & { pairs: readonly GuidingPair[]; run: MinedRun };

/** Encoders look at the image. */
export function encoderGuide(encoders: readonly Encoder[], { engine, generator, pairs, run }: Common): Guide {
  const size = guideSize(generator, encoders);
  return {
    targets: async (subject) =>
      photoTargets({ engine, encoders, images: await fitted(subject, size), pairs, generator, moments: run.moments }),
    async maps(subject, units) {
      const images = await fitted(subject, size);
      const maps = new Map<string, Maps>();
      for (const [name, wanted] of units) {
        maps.set(
          name,
          await encoderMaps(
            engine,
            present(
              encoders.find((encoder) => encoder.name === name),
              'encoder',
            ),
            images,
            wanted,
          ),
        );
      }
      return maps;
    },
  };
}

/** Another generator shows the maps that it makes the image of. */
export function generatorGuide(
  from: { readonly generator: Generator; readonly latents: Latents; readonly options: Partial<GeneratorOptions> },
  { engine, generator, pairs, run }: Common,
): Guide {
  const { latents, options } = from;
  const shared = { engine, latents, options, pairs, moments: run.moments };
  return {
    targets: () => generatorTargets({ ...shared, from: from.generator, to: generator }),
    async maps(_, units) {
      const wanted = required(units, from.generator.name, 'generator');
      const { maps } = await generatorMaps(engine, from.generator, latents, wanted, options);
      return new Map([[from.generator.name, maps]]);
    },
  };
}

/** Which pairs the options choose. */
export const pairOptions = (options: GuidedCommandOptions, guides?: readonly string[]): PairOptions => ({
  guides,
  least: options.minR,
  maxQ: options.maxQ,
  concepts: options.concepts,
  limit: options.pairs,
  ...(options.unreplicated && { replicatedOnly: false }),
});

/** How the guides agree with the generator's own samples; undefined when nobody asks. */
export async function ownSamples(
  plan: Omit<InversionPlan, 'guide' | 'guidedBy'>,
  encoders: readonly Encoder[],
): Promise<OwnAgreement | undefined> {
  const { options, printer, pairs, run } = plan;
  if (!options.domainSamples) return undefined;
  return ownAgreement({
    ...plan,
    encoders,
    pairs: pairs.pairs,
    moments: run.moments,
    samples: options.domainSamples,
    seed: options.seed,
    onProgress: (progress) => printer.update(progress),
  });
}

/** A task for each of the images. */
export const inversionTasks = (plan: InversionPlan, subjects: readonly Subject[]): Task[] =>
  subjects.map((subject) => ({
    name: subject.name,
    inputs: { image: sha256(subject.bytes), run: plan.run.dictionary.created },
    make: (file) => inverted(plan, subject, file, subjects.length > 1 ? `${subject.label}, ` : ''),
  }));

async function inverted(plan: InversionPlan, subject: Subject, file: SearchFile, label: string): Promise<Outcome> {
  const { engine, generator, generatorOptions, options, pairs, run, guide, signal, judge } = plan;
  const { height, width } = generator.card.latent;
  const picture = await fitted(subject, { height, width });
  const targets = await guide.targets(subject);
  const { result: inversion, seconds } = await runSearch(
    (way) =>
      invert({
        ...searchSettings(options),
        engine,
        generator,
        generatorOptions,
        classes: plan.classes,
        starts: options.starts,
        candidates: options.candidates,
        freeClass: options.freeClass,
        pairs: pairs.pairs,
        targets,
        picture,
        weights: options.loss,
        features: plan.features,
        judge,
        own: plan.own,
        ...way,
        signal,
      }),
    { ...plan, file, label },
  );
  signal.throwIfAborted();
  const { images: start } = await generatorMaps(engine, generator, inversion.start, new Map(), generatorOptions);
  const shown = await guidedMaps({
    engine,
    generator,
    generatorOptions,
    inversion,
    pairs: pairs.pairs,
    moments: run.moments,
    guideMaps: (units) => guide.maps(subject, units),
  });
  return inversionOutcome({
    ...wayOf(file, inversion, best(inversion)),
    name: subject.label,
    generator: generator.name,
    shown,
    about: aboutLatent(generator, inversion.latents, generatorOptions, options.seed),
    settings: { ...settingsOf(options), ...generatorOptions, image: sha256(subject.bytes) },
    seconds,
    inversion,
    pairs,
    guidedBy: plan.guidedBy,
    picture,
    start,
    judge: judge?.name,
  });
}

/** The row that was taken, as the search chooses it. */
const best = ({ losses }: Inversion): number =>
  losses.reduce((row, loss, i) => (loss < losses[row] || Number.isNaN(losses[row]) ? i : row), 0);

/** Frames and curves of a row; the result itself is the last frame. */
export const wayOf = (
  { track }: SearchFile,
  { image }: Pick<Inversion, 'image'>,
  row: number,
): { way: Float32Array[]; curves: Curve[] } => ({
  way: [...track.frames(row), image.data],
  curves: track.curves(row),
});
