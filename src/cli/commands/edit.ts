// `rosetta edit`: an image of a generator, changed as a script says by the maps of its units.

import { Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../../errors.ts';
import { reasonOf } from '../../files/node/system-error.ts';
import { editedMaps } from '../../report/synthesis/maps.ts';
import { editOutcome } from '../../report/synthesis/outcome.ts';
import type { Outcome } from '../../report/synthesis/output.ts';
import type { Engine } from '../../runtime/engine.ts';
import { nodeEngine } from '../../runtime/node.ts';
import { edit, type EditOptions } from '../../synthesis/edit/edit.ts';
import { classOf, parseEditScript, type EditScript } from '../../synthesis/edit/script.ts';
import { unitResolver } from '../../synthesis/edit/units.ts';
import type { Latents } from '../../synthesis/search/latents.ts';
import { imageMetrics } from '../../synthesis/metrics.ts';
import type { Generator, GeneratorOptions } from '../../zoo/model.ts';
import { wayOf } from '../search/inversions.ts';
import { aboutLatent, classesOf, latentOf, readLatent, type LatentFile } from '../search/latent-file.ts';
import type { ModelOption } from '../options.ts';
import type { ProgressPrinter } from '../progress.ts';
import type { SearchFile } from '../search/state-file.ts';
import { runSearch } from '../search/loop.ts';
import {
  oneModel,
  searchSettings,
  withSampleOptions,
  withSearchOptions,
  type SampleOptions,
  type SearchCommandOptions,
} from '../search/options.ts';
import { claimFolder, makeResults, latentDigest, makingResults, settingsOf, type Made } from '../search/results.ts';
import { generatorOptionsFor, openRun, openRunModels } from '../search/run.ts';

export interface EditCommandOptions extends SearchCommandOptions, SampleOptions {
  generator: ModelOption;
  edit: string;
}

export function editCommand(): Command {
  const command = new Command('edit')
    .description('edit a generated image through the maps of its units: shift, zoom, paste, strengthen, erase')
    .requiredOption('-g, --generator <name=file>', 'the generator, one of the run', oneModel)
    .requiredOption('-e, --edit <script>', 'the edits, as JSON (docs/edit.schema.json)');
  return withSearchOptions(withSampleOptions(command, 'the image'), { rosetta: 1, level: 1, start: 0 }).action(
    (options: EditCommandOptions) => makingResults(options, (printer, signal) => editImage(options, printer, signal)),
  );
}

/** The command's work; it prints nothing but progress. */
export async function editImage(
  options: EditCommandOptions,
  printer: ProgressPrinter,
  signal: AbortSignal,
): Promise<Made> {
  const { latent, row, edit: path } = options;
  const output = await claimFolder(options, ['']);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UserError(`${path} cannot be read: ${reasonOf(error)}`);
  });
  const script = parseEditScript(text, path);
  const files = await sourceFiles(script, path);
  const engine = nodeEngine({ device: options.device, threads: options.threads });
  const mined = await openRun(options.run);
  const file = latent === undefined ? undefined : await readLatent(latent, { row });
  const models = await openRunModels(mined, [options.generator], [], options, printer);
  const generator = models.generator(options.generator.name);
  const resolver = unitResolver(mined.dictionary, generator.name);
  try {
    resolver.wanted(script);
    classesOf(generator, classOf(script));
  } catch (error) {
    throw ofScript(path, error);
  }
  const generatorOptions = generatorOptionsFor(generator, options, [generator.name], file?.metadata);
  const latents = await latentOf(engine, generator, options, generatorOptions, file, latent);
  const sources = await sourcesOf(files, engine, generator, generatorOptions, options);
  const { told = (place) => place } = options;
  const where = latent === undefined ? `seed ${options.seed}` : told(latent);
  const name = `${generator.name}, ${where}`;
  const page = {
    title: `${name}, edited`,
    lead: `The image of ${generator.name} whose units have the maps that the edits ask for, and all others theirs: ${described(script)}.`,
  };
  const task = {
    name: '',
    inputs: {
      script: text,
      latents: latentDigest(latents),
      sources: [...sources.values()].map(latentDigest).join(),
      run: mined.dictionary.created,
    },
    make: (saved: SearchFile) =>
      edited(
        {
          ...searchSettings(options),
          engine,
          generator,
          generatorOptions,
          latents,
          dictionary: mined.dictionary,
          moments: mined.moments,
          script,
          sources,
          weights: options.loss,
          signal,
        },
        { name, file: saved, options, printer, signal, generatorOptions },
      ),
  };
  return makeResults([task], page, { ...options, output, printer });
}

interface Making {
  readonly name: string;
  readonly file: SearchFile;
  readonly options: EditCommandOptions;
  readonly printer: ProgressPrinter;
  readonly signal: AbortSignal;
  readonly generatorOptions: Pick<GeneratorOptions, 'truncation' | 'noise'>;
}

async function edited(plan: EditOptions, making: Making): Promise<Outcome> {
  const { generator, latents } = plan;
  const { name, file, options, signal, generatorOptions } = making;
  const { result, seconds } = await runSearch((way) => edit({ ...plan, ...way }), { ...making, label: '' }).catch(
    (error: Error) => {
      throw error.message.startsWith('edits[') ? ofScript(options.edit, error) : error;
    },
  );
  signal.throwIfAborted();
  const { height, width } = generator.card.latent;
  return editOutcome({
    ...wayOf(file, result, 0),
    name,
    generator: generator.name,
    shown: await editedMaps({ ...plan, latents, edited: result }),
    about: aboutLatent(generator, result.latents, generatorOptions, options.seed),
    settings: { ...settingsOf(options), ...generatorOptions, script: plan.script },
    seconds,
    edited: result,
    change: imageMetrics(result.image.data, result.original.data, height, width),
  });
}

/** Mistakes in a script are told with its path. */
const ofScript = (path: string, error: unknown): unknown =>
  error instanceof UserError ? new UserError(`${path}: ${error.message}`) : error;

/** The latent files that copy-pastes take from, by their names in the script, whose folder they are relative to; undefined for a seed. */
async function sourceFiles(script: EditScript, path: string): Promise<Map<string, LatentFile | undefined>> {
  const files = new Map<string, LatentFile | undefined>();
  for (const edit of script.edits) {
    const source = edit.type === 'copy-paste' ? (edit.source ?? 'self') : 'self';
    if (source === 'self' || files.has(source)) continue;
    files.set(source, seedOf(source) === undefined ? await readLatent(source, { folder: dirname(path) }) : undefined);
  }
  return files;
}

const seedOf = (source: string): string | undefined => /^seed:(\d+)$/.exec(source)?.[1];

/** The latents of these sources. */
async function sourcesOf(
  files: ReadonlyMap<string, LatentFile | undefined>,
  engine: Engine,
  generator: Generator,
  generatorOptions: Partial<GeneratorOptions>,
  options: EditCommandOptions,
): Promise<Map<string, Latents>> {
  const sources = new Map<string, Latents>();
  for (const [source, file] of files) {
    const drawn = { seed: Number(seedOf(source)), class: options.class };
    sources.set(source, await latentOf(engine, generator, drawn, generatorOptions, file, source));
  }
  return sources;
}

const described = ({ edits }: EditScript): string => edits.map(({ type }) => type).join(', then ');
