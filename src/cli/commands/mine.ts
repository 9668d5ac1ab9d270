// `rosetta mine`: reads its options, runs the mining, prints what was found.

import { Command, Option } from 'commander';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { generatedSource } from '../../images/generated.ts';
import { openPhotos } from '../../images/node/source.ts';
import type { ImageSource } from '../../images/source.ts';
import { thumbnail } from '../../images/node/thumbnail.ts';
import type { Dictionary } from '../../mining/run/dictionary.ts';
import { readDictionary } from '../../mining/run/read-run.ts';
import { checkMining, type MineOptions } from '../../mining/mine.ts';
import type { Device } from '../../runtime/engine.ts';
import { nodeEngine, nodeFolder } from '../../runtime/node.ts';
import type { Encoder, Generator, Model } from '../../zoo/model.ts';
import { classesFor, truncationFor } from '../generator-options.ts';
import { interruptible } from '../interruptible.ts';
import { openModels } from '../models.ts';
import {
  collect,
  collectNames,
  defaultMemory,
  fraction,
  parseImageSize,
  parseModel,
  photoShare,
  shared,
  wholeNumber,
  type ModelOption,
} from '../options.ts';
import { ProgressPrinter } from '../progress.ts';
import { expectReadable } from '../output/check.ts';
import { inFolder, putReady } from '../output/folder.ts';
import { makePage, mineInto, openRunFolder, runKind } from '../run-folder.ts';
import { noteSkipped } from '../skipped.ts';
import { summary } from '../summary.ts';
import { printJson, printLines } from '../terminal.ts';
import { miningDefaults } from '../../mining/defaults.ts';

interface MineCommandOptions {
  model?: ModelOption[];
  generator?: ModelOption[];
  classes?: string[];
  truncation?: string[];
  noise: 'const' | 'none';
  imagesFrom?: string[];
  images?: string;
  out: string;
  samples: number;
  seed: number;
  taps?: string[];
  config?: string[];
  cache?: string;
  k: number;
  setK: number;
  anchor?: string[];
  twins?: boolean;
  null: boolean;
  reference?: boolean;
  conceptThreshold: number;
  scores: 'auto' | 'exact' | 'screened';
  saveScores?: boolean;
  memory?: number;
  maxPixels?: number;
  batch?: number;
  imageSize?: { height: number; width: number };
  device: Device;
  threads?: number;
  strict?: boolean;
  force?: boolean;
  quiet?: boolean;
  json?: boolean;
  saveEvery: number;
}

export function mineCommand(): Command {
  return new Command('mine')
    .description('find the units that several networks have in common')
    .addOption(shared.model())
    .option(
      '-g, --generator <name=file>',
      'a generator: its units take part, and its samples are the images',
      parseModel,
    )
    .option('-i, --images <path>', 'photos: a folder, a .tar, .tar.gz or .zip archive')
    .requiredOption('-o, --out <folder>', 'folder of the run; an interrupted run resumes')
    .option('-n, --samples <n>', 'images from each source; all photos if there are no more', wholeNumber(1), 2000)
    .option(
      '-s, --seed <n>',
      'which images, how they are split and paired, the weights of twins',
      wholeNumber(0),
      miningDefaults.seed,
    )
    .option('--classes <list>', 'classes of the samples: 0,207 or "all" (default); GENERATOR:0,207 for one', collect)
    .addOption(shared.truncation())
    .addOption(new Option('--noise <kind>', 'noise of StyleGAN2').choices(['const', 'none']).default('const'))
    .option('--images-from <generator>', 'which of several generators supply the images (default: all)', collect)
    .addOption(shared.taps())
    .addOption(shared.config())
    .addOption(shared.cache())
    .option('-k, --k <n>', 'pairs are mutual neighbours among the k nearest', wholeNumber(1), miningDefaults.k)
    .option(
      '--set-k <n>',
      'the anchor must be among this many first choices of each unit it chose',
      wholeNumber(1),
      miningDefaults.setK,
    )
    .option(
      '--anchor <models>',
      'models whose units choose the sets; "none": all choose each other (default: all generators, else the first encoder)',
      collectNames,
    )
    .option('--twins', 'also correlate each model with an untrained twin')
    .option('--no-null', 'without the null of permuted images, held-out replication and q-values (half the work)')
    .option('--reference', "the published code's score instead of Pearson r: cosines over batches of 10, averaged")
    .option(
      '--concept-threshold <r>',
      'sets that correlate at least this much form one concept',
      fraction,
      miningDefaults.conceptThreshold,
    )
    .addOption(
      new Option(
        '--scores <way>',
        'exact: all pairs of units; screened: those that may be neighbours; auto: by predicted cost',
      )
        .choices(['auto', 'exact', 'screened'])
        .default('auto'),
    )
    .option('--save-scores', 'write all scores of every pair of units to scores.safetensors')
    .addOption(shared.memory())
    .addOption(shared.maxPixels())
    .addOption(shared.batch())
    .option(
      '--image-size <size>',
      'size that photos are decoded to (default: their own if all have one, else the largest input)',
      parseImageSize,
    )
    .addOption(shared.device())
    .addOption(shared.threads())
    .addOption(shared.strict())
    .option('--force', 'replace a finished run in the folder')
    .option('-q, --quiet', 'no progress')
    .addOption(shared.json())
    .addOption(
      new Option('--save-every <seconds>', 'how often an unfinished run is saved')
        .argParser(wholeNumber(0))
        .default(miningDefaults.saveEvery),
    )
    .action((options: MineCommandOptions, command: Command) => {
      if (!options.model && !options.generator) command.error('error: name the models, with --model and --generator');
      if (!options.images && !options.generator)
        command.error('error: give images: photos with --images, or a --generator');
      return inFolder(options.out, () => run(options));
    });
}

async function run(options: MineCommandOptions): Promise<void> {
  const printer = new ProgressPrinter(process.stderr, options.quiet);
  if ((await putReady(options.out, runKind)) && !options.force) {
    printer.note(`${options.out} held a run that was ready; it is in place now, and nothing is mined`);
    return print(await readDictionary(nodeFolder(options.out), options.out), options, printer);
  }
  const page = join(options.out, 'index.html');
  if (!options.force && existsSync(join(options.out, runKind.last)) && !existsSync(page)) {
    const dictionary = await readDictionary(nodeFolder(options.out), options.out);
    printer.note(`${options.out} holds a finished run without its page; nothing is mined, the page is made`);
    await makePage(options.out);
    return print(dictionary, options, printer);
  }
  const output = await openRunFolder(options.out, options.force);
  if (options.images) await expectReadable(options.images);
  const engine = nodeEngine({ device: options.device, threads: options.threads });
  const named = [...(options.model ?? []), ...(options.generator ?? [])];
  const models = await openModels(named, options, printer);
  const { sources, close } = await openSources(models, options);
  for (const { source, names, samples, height, width } of sources) {
    const count = samples ? `${samples.length} of ${names.length} images` : `${names.length} samples`;
    printer.note(`${count} of ${source}, ${height}x${width}`);
  }
  const shown = models.filter(
    (model) => model.kind === 'encoder' || sources.some(({ generated }) => generated?.generator === model),
  );
  try {
    const mining: MineOptions = {
      ...options,
      engine,
      models: shown,
      images: sources,
      anchors: anchorsOf(options, shown),
      nullModel: options.null,
      memory: options.memory ?? defaultMemory(),
      thumbnails: thumbnail,
      restart: options.force,
      onProgress: (progress) => printer.update(progress),
      onNote: (note) => printer.note(note),
    };
    checkMining(mining);
    const note = 'stopping after this batch; rerun the same command to resume (press again to stop at once)';
    const dictionary = await interruptible((signal) => mineInto(output, { ...mining, signal }, options.force), {
      onStop: () => printer.note(note),
    });
    print(dictionary, options, printer);
  } finally {
    await close();
  }
}

/** Where the images come from: photos, and the samples of generators. */
async function openSources(
  models: readonly Model[],
  options: MineCommandOptions,
): Promise<{ sources: ImageSource[]; close: () => Promise<void> }> {
  const { samples, seed, noise, images, imagesFrom } = options;
  const all = models.filter((model): model is Generator => model.kind === 'generator');
  const names = all.map(({ name }) => name);
  for (const name of imagesFrom ?? []) {
    if (!names.includes(name))
      throw new UserError(`--images-from ${name}: no generator of that name; there are ${names.join(', ') || 'none'}`);
  }
  for (const { name } of options.generator ?? []) {
    if (!names.includes(name)) throw new UserError(`--generator ${name} is not a generator; give it with --model`);
  }
  const generators = imagesFrom ? all.filter(({ name }) => imagesFrom.includes(name)) : all;
  const sources: ImageSource[] = generators.map((generator) => {
    const { name } = generator;
    const classes = classesFor(options.classes, generator, names);
    return generatedSource(generator, {
      samples,
      seed,
      noise,
      classes,
      truncation: truncationFor(options.truncation, name, names),
    });
  });
  if (!images) return { sources, close: async () => {} };
  const inputs = models.filter((model): model is Encoder => model.kind === 'encoder').map(({ card }) => card.input);
  const fallback = inputs.sort((a, b) => b.height * b.width - a.height * a.width)[0] ?? { height: 224, width: 224 };
  const photos = await openPhotos(images, {
    samples,
    seed,
    size: options.imageSize,
    fallback,
    strict: options.strict,
    maxPixels: options.maxPixels,
    memory: photoShare(options.memory ?? defaultMemory()),
  });
  return { sources: [...sources, photos], close: () => photos.close() };
}

/** @throws UserError for `none` beside others. */
function anchorsOf({ anchor }: MineCommandOptions, models: readonly Model[]): string[] {
  const anchors = anchor ?? defaultAnchors(models);
  if (anchors.includes('none') && anchors.length > 1)
    throw new UserError('--anchor none stands alone; leave out either it or the others');
  return anchors.filter((name) => name !== 'none');
}

/** The generators, as in the paper; else the first encoder. */
function defaultAnchors(models: readonly Model[]): string[] {
  const generators = models.filter(({ kind }) => kind === 'generator');
  return (generators.length ? generators : models.slice(0, 1)).map(({ name }) => name);
}

function print(dictionary: Dictionary, options: MineCommandOptions, printer: ProgressPrinter): void {
  const { unreadable } = dictionary.images;
  noteSkipped(unreadable, printer, 'dictionary.json');
  if (!options.json) {
    printLines(...summary(dictionary), join(options.out, 'index.html'));
    return;
  }
  const { pairs, sets, concepts, ...rest } = dictionary;
  const result = {
    run: options.out,
    ...rest,
    pairs: pairs.map(({ models, counts }) => ({ models, ...counts })),
    sets: sets.length,
    concepts: concepts.length,
  };
  printJson(result, 2);
}
