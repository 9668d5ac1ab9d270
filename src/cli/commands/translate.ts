// `rosetta translate`: a sample of one generator as an image of another, guided like a photo or by the units themselves.

import { Command } from 'commander';
import { UserError } from '../../errors.ts';
import { encodePng } from '../../images/node.ts';
import { nodeEngine } from '../../runtime/node.ts';
import { bridgedPairs } from '../../synthesis/bridge.ts';
import { generatorMaps } from '../../synthesis/maps.ts';
import { guidingPairs } from '../../synthesis/guiding-pairs.ts';
import { encoderGuide, generatorGuide, inversionTasks, ownSamples, pairOptions } from '../search/inversions.ts';
import { classesOf, latentOf, readLatent, type LatentFile } from '../search/latent-file.ts';
import type { ModelOption } from '../options.ts';
import type { ProgressPrinter } from '../progress.ts';
import {
  guidedTerms,
  oneModel,
  parseClass,
  withGuideOptions,
  withSampleOptions,
  withSearchOptions,
  type GuidedCommandOptions,
  type SampleOptions,
} from '../search/options.ts';
import { claimFolder, makeResults, makingResults, latentDigest, type Made } from '../search/results.ts';
import { generatorOptionsFor, namedGuides, openRun, openRunModels } from '../search/run.ts';
import { present } from '../../lookup.ts';

export interface TranslateCommandOptions extends GuidedCommandOptions, SampleOptions {
  from?: ModelOption;
  to: ModelOption;
  toClass?: number | 'auto';
  direct?: boolean;
}

export function translateCommand(): Command {
  const command = new Command('translate')
    .description("find the image of a generator that is like another generator's sample")
    .option('--from <name=file>', "the generator of the sample (default: that of the latent's file)", oneModel)
    .requiredOption('--to <name=file>', 'the generator whose image is searched', oneModel);
  return withGuideOptions(withSearchOptions(withSampleOptions(command, 'the sample'), guidedTerms))
    .option('--to-class <k>', 'class of the image that is searched; "auto" (default): the best of all', parseClass)
    .option(
      '--direct',
      "guided by the other generator's own units, bridged by encoders of the run; no encoder is needed",
    )
    .action((options: TranslateCommandOptions, self: Command) => {
      if (!options.from && !options.latent) self.error('error: name the generator of the sample, with --from');
      return makingResults(options, (printer, signal) => translateSample(options, printer, signal));
    });
}

/** The command's work; it prints nothing but progress. */
export async function translateSample(
  options: TranslateCommandOptions,
  printer: ProgressPrinter,
  signal: AbortSignal,
): Promise<Made> {
  const { latent, row, direct, to } = options;
  const output = await claimFolder(options, ['']);
  const engine = nodeEngine({ device: options.device, threads: options.threads });
  const mined = await openRun(options.run);
  const file = latent === undefined ? undefined : await readLatent(latent, { row });
  const from = options.from ?? generatorOf(present(file, 'latent'), present(latent, 'latent'));

  // A direct translation needs no encoder: names of guides are those that may bridge.
  const named = direct ? [] : await namedGuides(mined, options);
  const guides = direct ? options.guide?.map(({ name }) => name) : named.map(({ name }) => name);
  const choice = pairOptions(options, guides);
  const pairs = direct
    ? bridgedPairs(mined.dictionary, from.name, to.name, choice)
    : guidingPairs(mined.dictionary, to.name, choice);
  const [features, judge] = [options.features ?? named.at(0), options.judge ?? named.at(0)];
  const others = [features, judge].filter((model) => model !== undefined);
  const models = await openRunModels(mined, [from, to], [...named, ...others], options, printer);
  const names = [from.name, to.name];
  const [source, generator] = [models.generator(from.name), models.generator(to.name)];
  const sourceOptions = generatorOptionsFor(source, options, names, file?.metadata);

  const latents = await latentOf(engine, source, options, sourceOptions, file, latent);
  const { images } = await generatorMaps(engine, source, latents, new Map(), sourceOptions);
  const { height, width } = source.card.latent;
  const where = latent ?? `seed ${options.seed}`;
  const subject = {
    label: `${from.name}, ${where}`,
    name: 'sample',
    bytes: await encodePng(images.data, height, width),
  };

  const common = { engine, generator, pairs: pairs.pairs, run: mined };
  const encoders = named.map(({ name }) => models.encoder(name));
  const plan = {
    ...common,
    generatorOptions: generatorOptionsFor(generator, options, names),
    classes: classesOf(generator, options.toClass),
    pairs,
    guidedBy: `sample of ${from.name}`,
    guide: direct
      ? generatorGuide({ generator: source, latents, options: sourceOptions }, common)
      : encoderGuide(encoders, common),
    features: features && models.encoder(features.name),
    judge: judge && models.encoder(judge.name),
    options,
    printer,
    signal,
  };
  printer.note(`${pairs.pairs.length} of ${pairs.considered} pairs guide`);
  const own = direct ? undefined : await ownSamples(plan, encoders);
  const page = {
    title: `${from.name}, ${where}, translated into ${to.name}`,
    lead: direct
      ? `The image of ${to.name} whose units light up where units of ${from.name} do, paired through the encoders.`
      : `The image of ${to.name} whose units light up where their paired units of ${named.map(({ name }) => name).join(', ')} light up on the sample.`,
  };
  const tasks = inversionTasks({ ...plan, own }, [subject]).map((task) => ({
    ...task,
    inputs: {
      ...task.inputs,
      latents: latentDigest(latents),
    },
  }));
  return makeResults(tasks, page, { ...options, output, printer });
}

/** The generator that a latent's file tells, to be found in the model store. */
function generatorOf({ metadata }: LatentFile, path: string): ModelOption {
  const name = metadata.generator;
  if (!name) throw new UserError(`${path} does not tell its generator; name it with --from NAME=FILE`);
  return { name, file: name };
}
