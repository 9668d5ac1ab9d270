// The run that a search uses, and its models: opened as they were mined.
// Which pairs guide is chosen elsewhere.

import { UserError } from '../../errors.ts';
import type { Dictionary } from '../../mining/run/dictionary.ts';
import { readDictionary, readMoments, type RunMoments } from '../../mining/run/read-run.ts';
import { nodeFolder } from '../../files/node/folder.ts';
import { checkGenerator, guidesIn } from '../../synthesis/guiding-pairs.ts';
import type { Encoder, Generator, GeneratorOptions, Model } from '../../zoo/model.ts';
import { cacheFolder, ModelStore } from '../../zoo/store/node/store.ts';
import { truncationFor } from '../generator-options.ts';
import { openModels } from '../models.ts';
import type { ModelOption } from '../options.ts';
import type { ProgressPrinter } from '../progress.ts';
import type { GuidedCommandOptions, SearchCommandOptions } from './options.ts';
import { required, present } from '../../lookup.ts';

export interface MinedRun {
  readonly path: string;
  readonly dictionary: Dictionary;
  readonly moments: RunMoments;
}

export async function openRun(path: string): Promise<MinedRun> {
  const folder = nodeFolder(path);
  const dictionary = await readDictionary(folder, path);
  return { path, dictionary, moments: await readMoments(folder, path) };
}

type GuideOptions = Pick<GuidedCommandOptions, 'guide' | 'all' | 'cache' | 'features' | 'judge'>;

/** The encoders that guide, as the options name them: with their files, or to be found in the store. */
export async function namedGuides({ dictionary }: MinedRun, options: GuideOptions): Promise<ModelOption[]> {
  const given = options.guide ?? [];
  guidesIn(
    dictionary,
    given.map(({ name }) => name),
  );
  if (given.length && !options.all) return given;
  const store = new ModelStore(cacheFolder(options.cache));
  const guides = [...given];
  for (const name of guidesIn(dictionary)) {
    if (given.some((guide) => guide.name === name)) continue;
    try {
      guides.push({ name, file: (await store.resolve(name)).file });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(
        `the run's encoder ${name} is not in the model store (${error.message}); give its file with --guide ${name}=FILE, or only the guides that you have`,
      );
    }
  }
  return guides;
}

/** Models by name, of the kinds that they are used as. */
export interface OpenedModels {
  generator(name: string): Generator;
  encoder(name: string): Encoder;
}

const isOf = <Kind extends Model['kind']>(kind: Kind, model: Model): model is Extract<Model, { kind: Kind }> =>
  model.kind === kind;

/**
 * Opens models, each name once.
 * @param generators must be those of the run. @param encoders of the run or not.
 */
export async function openRunModels(
  { dictionary }: MinedRun,
  generators: readonly ModelOption[],
  encoders: readonly ModelOption[],
  options: Pick<SearchCommandOptions, 'taps' | 'config' | 'cache'>,
  printer: ProgressPrinter,
): Promise<OpenedModels> {
  for (const { name } of generators) checkGenerator(dictionary, name);
  const named = new Map<string, ModelOption>();
  for (const model of [...generators, ...encoders]) if (!named.has(model.name)) named.set(model.name, model);
  const mined = new Map(dictionary.models.map((model) => [model.name, model]));
  const models = await openModels([...named.values()], { ...options, mined }, printer);
  const of = <Kind extends Model['kind']>(name: string, kind: Kind): Extract<Model, { kind: Kind }> => {
    const model = present(
      models.find((one) => one.name === name),
      'model',
    );
    if (!isOf(kind, model))
      throw new UserError(`${required(named, name, 'model').file} is no ${kind}, which ${name} is to be`);
    return model;
  };
  return { generator: (name) => of(name, 'generator'), encoder: (name) => of(name, 'encoder') };
}

/** How a generator is run: what the options say, else what the latent's file says, else its default. */
export function generatorOptionsFor(
  { name, card }: Generator,
  options: Pick<SearchCommandOptions, 'truncation' | 'noise'>,
  names: readonly string[],
  metadata: Readonly<Record<string, string>> = {},
): Pick<GeneratorOptions, 'truncation' | 'noise'> {
  const own = metadata.generator === name && metadata.truncation ? Number(metadata.truncation) : undefined;
  return {
    truncation: truncationFor(options.truncation, name, names) ?? own ?? card.latent.truncation.default,
    noise: options.noise,
  };
}
