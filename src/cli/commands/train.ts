// `rosetta train`: a network from a recipe and photos, by our own gradients. It stops and goes on where it was.

import { Command, InvalidArgumentError } from 'commander';
import { machineMemory } from '../machine-memory.ts';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { loadTensors, writeSafetensorsFile } from '../../checkpoint/node.ts';
import { toHalf, type Tensor } from '../../graph/tensor.ts';
import { cachedPixels } from '../../images/node/pixel-cache.ts';
import { nodeFolder } from '../../files/node/folder.ts';
import { fileError } from '../../files/node/system-error.ts';
import { program } from '../../program.ts';
import { nodeEngine } from '../../runtime/node.ts';
import { cardText } from '../../training/recipe/card-text.ts';
import type { Recipe, PlanContext } from '../../training/recipe/recipe.ts';
import { parseRecipe } from '../../training/recipe/schema.ts';
import { recipeKinds } from '../../training/recipe/kinds.ts';
import { checkpointFile } from '../../training/loop/state.ts';
import { logFile, train, trainingDefaults } from '../../training/loop/train.ts';
import { cacheFolder } from '../../zoo/store/node/store.ts';
import { interruptible } from '../interruptible.ts';
import { shared, wholeNumber } from '../options.ts';
import type { Progress } from '../../progress.ts';
import { expectNoInput, expectReadable } from '../output/check.ts';
import { claimFiles, inFolder } from '../output/folder.ts';
import { beginsWith, kindOf } from '../output/list.ts';
import { ProgressPrinter } from '../progress.ts';
import { noteSkipped } from '../skipped.ts';
import { printJson, printLines } from '../terminal.ts';
import { present } from '../../lookup.ts';

interface TrainCommandOptions {
  data: string;
  out: string;
  minutes?: number;
  every: number;
  size: number;
  maxPixels?: number;
  cache?: string;
  threads?: number;
  quiet?: boolean;
  json?: boolean;
}

export function trainCommand(): Command {
  return new Command('train')
    .description('train a small network from a recipe; an interrupted training resumes')
    .argument('<recipe>', 'a .json file: architecture, objective, schedule, augmentation')
    .requiredOption('-d, --data <path>', 'photos: a folder or archive, with a folder for each class')
    .requiredOption('-o, --out <folder>', 'checkpoint, log, and the network with its card')
    .option(
      '--minutes <m>',
      'stop after this long; rerun the same command to resume (default: to the end of the recipe)',
      minutes,
    )
    .option('--every <n>', 'steps between two lines of the log', wholeNumber(1), trainingDefaults.every)
    .option('--size <n>', 'side that photos are resized to', wholeNumber(8), 32)
    .addOption(shared.maxPixels())
    .addOption(shared.cache())
    .addOption(shared.threads())
    .option('-q, --quiet', 'no progress')
    .addOption(shared.json())
    .action(run);
}

function minutes(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < Infinity))
    throw new InvalidArgumentError('expected a number of minutes.');
  return value;
}

async function run(file: string, options: TrainCommandOptions): Promise<void> {
  const printer = new ProgressPrinter(process.stderr, options.quiet);
  const recipe = parseRecipe(await textOf(file), file, recipeKinds);
  const note = 'stopping after this step; rerun the same command to resume (press again to stop at once)';
  const network = `${recipe.name}.safetensors`;
  const names = [checkpointFile, logFile, network, `${recipe.name}.json`];
  for (const name of names) await expectNoInput(join(options.out, name), [file]);
  await expectReadable(options.data);
  const work = async () => {
    await claimFiles(options.out, checkpointFile, names, await isTraining(options.out));
    return interruptible((signal) => trained(file, recipe, options, printer, signal), {
      onStop: () => printer.note(note),
    });
  };
  const summary = await inFolder(options.out, work);
  const { steps, of } = summary;
  const rest = steps < of ? '; rerun the same command to resume' : '';
  if (options.json) printJson(summary);
  else printLines(`${join(options.out, network)}: ${steps} of ${of} steps${rest}`);
}

/** Whether a folder has a training of this program, of a version perhaps that kept no list of its files. */
async function isTraining(out: string): Promise<boolean> {
  const file = join(out, checkpointFile);
  return !!(await kindOf(file))?.isFile() && beginsWith(file, `"${program.name} training"`);
}

/** Trains to the end, or as long as it may, and writes the network. @throws AbortError after saving, when interrupted. */
async function trained(
  file: string,
  recipe: Recipe,
  { data, out, minutes, every, size, maxPixels, cache, threads }: TrainCommandOptions,
  printer: ProgressPrinter,
  signal: AbortSignal,
) {
  const pixels = {
    size: { height: size, width: size },
    maxPixels,
    onProgress: (progress: Progress) => printer.update(progress),
    signal,
  };
  const photos = await cachedPixels(data, pixels, join(cacheFolder(cache), 'pixels'));
  noteSkipped(photos.unreadable, printer);
  const kind = present(
    recipeKinds.find((each) => each.kind === recipe.kind),
    'kind of recipe',
  );
  const plan = await kind.plan(recipe, photos, filesBeside(file));
  const engine = nodeEngine({ threads });
  const {
    state,
    step: steps,
    stopped,
  } = await train({
    ...plan,
    engine,
    folder: nodeFolder(out),
    recipe,
    seed: recipe.seed,
    every,
    seconds: minutes === undefined ? undefined : minutes * 60,
    signal,
    onNote: (note) => printer.note(note),
    onProgress: ({ metrics, ...progress }) =>
      printer.update({ ...progress, stage: `training ${recipe.name}`, note: shown(metrics) }),
  });
  if (steps < plan.steps) signal.throwIfAborted();
  const card = cardText(recipe, plan, `${photos.n.toLocaleString('en')} photos of ${basename(data)}`);
  await writeNetwork(out, recipe.name, await plan.network(state, engine), card);
  return { network: `${recipe.name}.safetensors`, steps, of: plan.steps, stopped };
}

/** The network as 16-bit floats, and its card. */
async function writeNetwork(out: string, name: string, tensors: Map<string, Tensor>, card: string): Promise<void> {
  const halves = new Map([...tensors].map(([key, tensor]) => [key, toHalf(tensor)]));
  await writeSafetensorsFile(join(out, `${name}.safetensors`), halves);
  await nodeFolder(out).write(`${name}.json`, [card]);
}

/** The metrics of a step in a line, the loss first. */
const shown = (metrics: Readonly<Record<string, number>>): string =>
  Object.entries(metrics)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`)
    .join(', ');

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw fileError('read', file, error);
  }
}

const filesBeside = (recipe: string): PlanContext => ({
  tensors: (name) => loadTensors(resolve(dirname(recipe), name)),
  memory: machineMemory(),
});
