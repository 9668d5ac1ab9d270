// Options of invert, translate and edit: those of every search, and those of searches that encoders guide.
// Wrong texts are errors of usage, told by the parser; what they mean to a model is looked at later.

import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Device } from '../../runtime/engine.ts';
import { spaces, type Space } from '../../synthesis/search/latents.ts';
import { fraction, parseModel, shared, wholeNumber, type ModelOption } from '../options.ts';
import { pairDefaults, searchDefaults } from '../../synthesis/defaults.ts';

/** Options of every search. */
export interface SearchCommandOptions {
  run: string;
  out: string;
  seed: number;
  space?: Space;
  loss: Record<string, number>;
  steps: number;
  rate?: number;
  patience?: number;
  truncation?: string[];
  noise: 'const' | 'none';
  segments?: number;
  every: number;
  force?: boolean;
  taps?: string[];
  config?: string[];
  cache?: string;
  device: Device;
  threads?: number;
  quiet?: boolean;
  json?: boolean;
  /** How results name the paths of their settings, where they are put elsewhere afterwards; default: as they are. */
  told?: (path: string) => string;
}

/** Options of searches that pairs with encoders guide. */
export interface GuidedCommandOptions extends SearchCommandOptions {
  guide?: ModelOption[];
  all?: boolean;
  features?: ModelOption;
  judge?: ModelOption;
  concepts?: string[];
  pairs: number;
  minR?: number;
  maxQ?: number;
  unreplicated?: boolean;
  starts?: number;
  candidates: number;
  freeClass?: boolean;
  domainSamples: number;
}

/** Where the latent of an image comes from. */
export interface SampleOptions {
  seed: number;
  class?: number | 'auto';
  latent?: string;
  row?: number;
}

/** `NAME=FILE`, or the name of a model of the store; the last one counts. */
export const oneModel = (text: string): ModelOption => parseModel(text)[0];

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value < Infinity))
    throw new InvalidArgumentError('expected a number above 0.');
  return value;
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('expected a number from 0 to 1.');
  return value;
}

function list(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.includes('')) throw new InvalidArgumentError('expected names with commas between them.');
  return parts;
}

export const parseClass = (text: string): number | 'auto' => (text === 'auto' ? text : wholeNumber(0)(text));

/** `rosetta=1,pixel=100`; terms that are not named keep their default. */
function weights(defaults: Readonly<Record<string, number>>) {
  return (text: string): Record<string, number> => {
    const known = Object.keys(defaults);
    const given = text.split(',').map((part): [string, number] => {
      const match = /^\s*(\w+)\s*=\s*(\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+)\s*$/i.exec(part);
      if (!match || !known.includes(match[1]))
        throw new InvalidArgumentError(
          `expected weights of at least 0, such as ${known[0]}=1; terms are ${known.join(', ')}.`,
        );
      return [match[1], Number(match[2])];
    });
    return { ...defaults, ...Object.fromEntries(given) };
  };
}

const inWords = (defaults: Readonly<Record<string, number>>): string =>
  Object.entries(defaults)
    .map((term) => term.join('='))
    .join(',');

/** What the options say to a search; it yields after every step, so that it can be stopped after any. */
export const searchSettings = (options: SearchCommandOptions) => ({
  space: options.space,
  steps: options.steps,
  rate: options.rate,
  patience: options.patience,
  segments: options.segments,
  seed: options.seed,
  every: 1,
});

/** Adds the options of every search. @param terms of its objective, with their weights by default. */
export function withSearchOptions(command: Command, terms: Readonly<Record<string, number>>): Command {
  return command
    .requiredOption('-r, --run <folder>', 'a finished run of "rosetta mine" with these models')
    .requiredOption('-o, --out <folder>', 'folder of the results; an interrupted search resumes')
    .addOption(
      new Option('--loss <weights>', `weights of the terms, e.g. ${inWords(terms)}`)
        .argParser(weights(terms))
        .default(terms, inWords(terms)),
    )
    .addOption(
      new Option('--space <space>', 'latents that are searched (default: the best for the generator)').choices(spaces),
    )
    .option('--steps <n>', 'steps of the search', wholeNumber(1), searchDefaults.steps)
    .option(
      '--rate <r>',
      `learning rate (default: ${searchDefaults.rate.z} in z, ${searchDefaults.rate.w} elsewhere)`,
      positive,
    )
    .option('--patience <n>', 'stop after this many steps without improvement (default: never)', wholeNumber(1))
    .addOption(shared.truncation())
    .addOption(new Option('--noise <kind>', 'noise of StyleGAN2').choices(['const', 'none']).default('const'))
    .option(
      '--segments <n>',
      'more segments take less memory and more time (default: as the size asks for)',
      wholeNumber(1),
    )
    .option('--every <n>', 'steps between two frames of the animation', wholeNumber(1), searchDefaults.every)
    .option('--force', 'replace finished results in the folder')
    .addOption(shared.taps())
    .addOption(shared.config())
    .addOption(shared.cache())
    .addOption(shared.device())
    .addOption(shared.threads())
    .option('-q, --quiet', 'no progress')
    .addOption(shared.json());
}

/** Terms of a guided search, and their weights by default. */
export const guidedTerms = { rosetta: 1, pixel: 0, feature: 0, start: 0, mean: 0, norm: 0 } as const;

/** Adds the options of a search that encoders guide. */
export function withGuideOptions(command: Command): Command {
  return command
    .option(
      '--guide <name=file>',
      'an encoder of the run whose units guide; NAME alone takes it from the model store',
      parseModel,
    )
    .option('--all', 'all encoders of the run guide (the default without --guide)')
    .addOption(
      new Option('--features <name>', 'encoder of the feature term (default: the first guide)').argParser(oneModel),
    )
    .addOption(
      new Option('--judge <name>', 'encoder that measures the result (default: the first guide)').argParser(oneModel),
    )
    .option('--concepts <list>', 'only units of these concepts or Rosetta sets of the run, e.g. 3f2a,s12', list)
    .option('--pairs <n>', 'use at most this many pairs, those with the largest r', wholeNumber(1), pairDefaults.limit)
    .option('--min-r <r>', 'ignore pairs with a smaller r', fraction)
    .option('--max-q <q>', `ignore pairs with a larger q (default: ${pairDefaults.maxQ})`, share)
    .option('--unreplicated', 'also use pairs that only one half of the images chose')
    .option(
      '--starts <n>',
      'searches side by side; the best is taken (default: 4; 1 of the largest generators)',
      wholeNumber(1),
    )
    .option('--candidates <n>', 'samples of which the best are the starts', wholeNumber(1), searchDefaults.candidates)
    .option('--free-class', 'move the class too, as a mixture of classes')
    .option(
      '--domain-samples <n>',
      'samples that tell what the generator can make; 0: no verdict',
      wholeNumber(0),
      searchDefaults.domainSamples,
    );
}

/** Adds the options that tell of which latent an image is. @param image what it is for. */
export function withSampleOptions(command: Command, image: string): Command {
  return command
    .option('-s, --seed <n>', `${image}: the sample of this seed`, wholeNumber(0), searchDefaults.seed)
    .option('--class <k>', `class of ${image} (default: drawn by the seed)`, wholeNumber(0))
    .option(
      '--latent <file>',
      `${image} from a .safetensors file with "z" (and "c"), "w" or "ws"; FILE#ROW for one row`,
    )
    .option('--row <n>', 'row of the latent file (default: 0)', wholeNumber(0));
}
