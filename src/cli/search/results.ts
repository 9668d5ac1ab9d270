// The folder of results of invert, translate and edit: what is in it already, what is written, what is printed.
// How a result comes about is the caller's.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import Type from 'typebox';
import { readJson } from '../../files/json.ts';
import { toBytes } from '../../graph/tensor.ts';
import { encodeAnimation, encodeImage, encodePng } from '../../images/node.ts';
import {
  resultFiles,
  writeMetrics,
  writeOutcome,
  writePage,
  type ImageEncoders,
  type Metrics,
  type Outcome,
} from '../../report/synthesis/output.ts';
import type { SynthesisPage, SynthesisResult } from '../../report/synthesis/page.ts';
import { resultOf, savedResultSchema } from '../../report/synthesis/saved.ts';
import type { Folder } from '../../files/folder.ts';
import { nodeFolder } from '../../files/node/folder.ts';
import type { Latents } from '../../synthesis/search/latents.ts';
import { exitCodes } from '../exit-codes.ts';
import { interruptible } from '../interruptible.ts';
import { inFolder, openOutput, putReady, type OutputFolder } from '../output/folder.ts';
import { kindOf } from '../output/list.ts';
import { ProgressPrinter } from '../progress.ts';
import { openSearchFile, searchFileName, type SearchFile } from './state-file.ts';
import type { SearchCommandOptions } from './options.ts';
import { complain, printJson, printLines } from '../terminal.ts';

const encoders: ImageEncoders = {
  image: encodePng,
  pixels: (rgb, width, height) => encodeImage(rgb, width, height, 'png'),
  animation: encodeAnimation,
};

/** Of a finished result, until all are there: what the page needs of it. */
const partName = 'part.json';

/** Results of searches: `metrics.json` says that all are there. */
const kind = {
  last: 'metrics.json',
  held: 'holds finished results; choose another folder, or replace them with --force',
};

const partSchema = Type.Object({
  settings: Type.String(),
  metrics: Type.Unsafe<Metrics>(
    Type.Object({ name: Type.String(), stopped: Type.Enum(['done', 'converged', 'cancelled', 'not-finite']) }),
  ),
  result: savedResultSchema,
});

interface Part {
  readonly settings: string;
  readonly metrics: Metrics;
  readonly result: SynthesisResult;
}

/** What was made in a folder of results. */
export interface Made {
  readonly page: SynthesisPage;
  /** Of each result, with the prefix of its files. */
  readonly parts: readonly { readonly prefix: string; readonly metrics: Metrics; readonly result: SynthesisResult }[];
}

/**
 * Runs what writes a folder of results: alone in it, with progress, until Ctrl-C; and prints them.
 */
export function makingResults(
  options: Pick<SearchCommandOptions, 'out' | 'force' | 'quiet' | 'json'>,
  work: (printer: ProgressPrinter, signal: AbortSignal) => Promise<Made>,
): Promise<void> {
  const printer = new ProgressPrinter(process.stderr, options.quiet);
  const note = 'stopping after this step; rerun the same command to resume (press again to stop at once)';
  const making = async () => {
    if ((await putReady(options.out, kind)) && !options.force) {
      printer.note(`${options.out} held results that were ready; they are in place now`);
      return printFinished(options);
    }
    const made = await interruptible((signal) => work(printer, signal), { onStop: () => printer.note(note) });
    print(made.parts, options);
  };
  return inFolder(options.out, making);
}

/** One of the results that a command makes. */
export interface Task {
  /** Folder of its files, where there are several. */
  readonly name: string;
  /** All that determines the search, beside the options: contents of files, versions. */
  readonly inputs: Readonly<Record<string, string>>;
  make(file: SearchFile): Promise<Outcome>;
}

export const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');

/** Tells latents apart. */
export const latentDigest = (latents: Latents): string =>
  sha256(Buffer.concat(Object.values(latents).map((tensor) => toBytes(tensor))));

/**
 * The folder of the results.
 * @param names of the results; folders of their files, where there are several.
 * @throws UserError when it holds finished results that are not to be replaced, or files that this program did not make.
 */
export async function claimFolder(
  { out, force }: Pick<SearchCommandOptions, 'out' | 'force'>,
  names: readonly string[],
): Promise<OutputFolder> {
  const output = await openOutput(out, kind, force);
  await output.expect(filesOf(names));
  return output;
}

const prefixes = (names: readonly string[]): string[] => (names.length > 1 ? names.map((name) => `${name}/`) : ['']);

/** All that may be written. */
const filesOf = (names: readonly string[]): string[] => [
  ...new Set([...prefixes(names).flatMap((prefix) => resultFiles.map((name) => `${prefix}${name}`)), 'index.html', 'metrics.json']), // prettier-ignore
];

/** Makes the results, one after the other, those that are there already left out; then the page over all. */
export async function makeResults(
  tasks: readonly Task[],
  page: { readonly title: string; readonly lead: string },
  options: SearchCommandOptions & { output: OutputFolder; printer: ProgressPrinter },
): Promise<Made> {
  const { output, printer } = options;
  const { folder } = output;
  const taskNames = tasks.map(({ name }) => name);
  const names = prefixes(taskNames);
  const parts: Part[] = [];
  for (const [i, task] of tasks.entries()) {
    const prefix = names[i];
    const settings = settingsText(options, task.inputs);
    const known = await readPart(folder, `${prefix}${partName}`, settings, printer);
    if (known) {
      parts.push(known);
      continue;
    }
    // What another command had begun here.
    for (const name of [partName, ...resultFiles]) await folder.remove(`${prefix}${name}`);
    const file = await openSearchFile(folder, prefix, settings, options.every, printer);
    const outcome = await task.make(file);
    const { metrics } = outcome;
    const result = await writeOutcome(folder, prefix, outcome, encoders);
    const part: Part = { settings, metrics, result };
    if (prefix) await writeMetrics(folder, prefix, metrics);
    await folder.write(`${prefix}${partName}`, [JSON.stringify(part)]);
    await folder.remove(`${prefix}${searchFileName}`);
    parts.push(part);
  }
  const all = parts.map(({ metrics }) => metrics);
  const results = parts.map(({ result }) => result);
  await writePage(folder, { ...page, results }, all.length > 1 ? all : all[0]);
  const made: string[] = [];
  for (const name of filesOf(taskNames)) if (await kindOf(join(output.path, name))) made.push(name);
  await output.finish(made);
  return {
    page: { ...page, results },
    parts: parts.map(({ metrics, result }, i) => ({ prefix: names[i], metrics, result })),
  };
}

async function readPart(
  folder: Folder,
  name: string,
  settings: string,
  printer: ProgressPrinter,
): Promise<Part | undefined> {
  const bytes = await folder.read(name);
  if (!bytes) return undefined;
  const { problem, value } = readJson(partSchema, bytes);
  if (problem !== undefined) {
    printer.note(`${name} of the unfinished results is damaged; its search begins anew`);
    return undefined;
  }
  return value.settings === settings ? { ...value, result: resultOf(value.result) } : undefined;
}

/** Options that change how a search runs or is told, and not what it finds. */
const idle = new Set([
  'out',
  'force',
  'quiet',
  'json',
  'device',
  'threads',
  'cache',
  'segments',
  'output',
  'printer',
  'told',
]);

/** All that determines a search, as text. */
const settingsText = (options: Pick<SearchCommandOptions, 'told'>, inputs: Readonly<Record<string, string>>): string =>
  JSON.stringify({ ...settingsOf(options), inputs });

/** The options that a result depends on, in the order of their names. */
export const settingsOf = (options: Pick<SearchCommandOptions, 'told'>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(options)
      .filter(([name]) => !idle.has(name))
      .map(([name, value]) => [name, options.told && typeof value === 'string' ? options.told(value) : value] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

/** Of results that another process had made. */
async function printFinished({ out, json }: Pick<SearchCommandOptions, 'out' | 'json'>): Promise<void> {
  const metrics = await nodeFolder(out).read(kind.last);
  if (json && metrics) printLines(new TextDecoder().decode(metrics).trimEnd());
  else printLines(join(out, 'index.html'));
}

function print(parts: Made['parts'], { out, json }: Pick<SearchCommandOptions, 'out' | 'json'>): void {
  for (const { result } of parts) {
    if (result.warning) complain(`${result.name}: ${result.warning}`);
  }
  if (parts.some(({ metrics }) => metrics.stopped === 'not-finite')) process.exitCode = exitCodes.userError;
  if (json) {
    const all = parts.map(({ metrics }) => metrics);
    printJson(all.length > 1 ? all : all[0], 2);
    return;
  }
  const lines = parts.flatMap(({ prefix, result: { name, facts } }) => {
    const width = Math.max(...facts.map(({ label }) => label.length));
    return [
      name,
      ...facts.map(({ label, value }) => `  ${label.padEnd(width)}  ${value}`),
      `  ${join(out, prefix, 'image.png')}, latent.safetensors, metrics.json`,
    ];
  });
  printLines(...lines, join(out, 'index.html'));
}
