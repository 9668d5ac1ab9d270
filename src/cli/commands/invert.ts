// `rosetta invert`: photos as images of a generator, found by the units that both have in common.

import { Command } from 'commander';
import { nodeEngine } from '../../runtime/node.ts';
import { guidingPairs } from '../../synthesis/guiding-pairs.ts';
import { encoderGuide, inversionTasks, ownSamples, pairOptions } from '../search/inversions.ts';
import { classesOf } from '../search/latent-file.ts';
import type { ModelOption } from '../options.ts';
import { shared, wholeNumber } from '../options.ts';
import { readPhotos } from '../search/photo-file.ts';
import type { ProgressPrinter } from '../progress.ts';
import {
  guidedTerms,
  oneModel,
  parseClass,
  withGuideOptions,
  withSearchOptions,
  type GuidedCommandOptions,
} from '../search/options.ts';
import { claimFolder, makeResults, makingResults, type Made } from '../search/results.ts';
import { generatorOptionsFor, namedGuides, openRun, openRunModels } from '../search/run.ts';
import { searchDefaults } from '../../synthesis/defaults.ts';

export interface InvertCommandOptions extends GuidedCommandOptions {
  maxPixels?: number;
  generator: ModelOption;
  class?: number | 'auto';
}

export function invertCommand(): Command {
  const command = new Command('invert')
    .description("find the generated image whose units light up where encoders' units light up on a photo")
    .argument('<photo...>', 'photos: files, folders or archives of them')
    .requiredOption('-g, --generator <name=file>', 'the generator, one of the run', oneModel);
  return withGuideOptions(withSearchOptions(command, guidedTerms))
    .option('--class <k>', 'class of the image; "auto" (default): the best of all', parseClass)
    .option('-s, --seed <n>', 'of the candidates', wholeNumber(0), searchDefaults.seed)
    .addOption(shared.maxPixels())
    .action((photos: string[], options: InvertCommandOptions) =>
      makingResults(options, (printer, signal) => invertPhotos(photos, options, printer, signal)),
    );
}

/** The command's work; it prints nothing but progress. */
export async function invertPhotos(
  paths: readonly string[],
  options: InvertCommandOptions,
  printer: ProgressPrinter,
  signal: AbortSignal,
): Promise<Made> {
  const subjects = await readPhotos(paths, options.maxPixels);
  const output = await claimFolder(
    options,
    subjects.map(({ name }) => name),
  );
  const engine = nodeEngine({ device: options.device, threads: options.threads });
  const mined = await openRun(options.run);
  const named = await namedGuides(mined, options);
  const guides = named.map(({ name }) => name);
  const pairs = guidingPairs(mined.dictionary, options.generator.name, pairOptions(options, guides));
  const [features = named[0], judge = named[0]] = [options.features, options.judge];
  const models = await openRunModels(mined, [options.generator], [...named, features, judge], options, printer);
  const generator = models.generator(options.generator.name);
  const encoders = guides.map((name) => models.encoder(name));
  const classes = classesOf(generator, options.class);
  const plan = {
    engine,
    run: mined,
    generator,
    generatorOptions: generatorOptionsFor(generator, options, [generator.name]),
    classes,
    pairs,
    guidedBy: 'photo',
    guide: encoderGuide(encoders, { engine, generator, pairs: pairs.pairs, run: mined }),
    features: models.encoder(features.name),
    judge: models.encoder(judge.name),
    options,
    printer,
    signal,
  };
  printer.note(`${pairs.pairs.length} of ${pairs.considered} pairs with ${guides.join(', ')} guide`);
  const own = await ownSamples(plan, encoders);
  const [first] = subjects;
  const page = {
    title: `${subjects.length > 1 ? `${subjects.length} photos` : first.label} inverted into ${generator.name}`,
    lead: `Found by search, with no training: the image of ${generator.name} whose units light up where their paired units of ${guides.join(', ')} light up on the photo.`,
  };
  return makeResults(inversionTasks({ ...plan, own }, subjects), page, { ...options, output, printer });
}
