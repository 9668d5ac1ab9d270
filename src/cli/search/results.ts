// The folder of results of invert, translate and edit: what is in it already, what is written, what is printed.
// How a result comes about is the caller's.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
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
import type { Folder } from '../../files/folder.ts';
import { nodeFolder } from '../../files/node/folder.ts';
import { withFolderLock } from '../../files/node/lock.ts';
import type { Latents } from '../../synthesis/search/latents.ts';
import { exitCodes } from '../exit-codes.ts';
import { interruptible } from '../interruptible.ts';
import { ProgressPrinter } from '../progress.ts';
import { openSearchFile, searchFileName, type SearchFile } from './state-file.ts';
import type { SearchCommandOptions } from './options.ts';
import { complain, printJson, printLines } from '../terminal.ts';

const encoders: ImageEncoders = {
  image: encodePng,
  pixels: (rgb, width, height) => encodeImage(rgb, width, height, 'png'),
  animation: encodeAnimation,
};

/** Of a finished one of several results, until all are there: what the page needs of it. */
const partName = 'part.json';

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
  options: Pick<SearchCommandOptions, 'out' | 'quiet' | 'json'>,
  work: (printer: ProgressPrinter, signal: AbortSignal) => Promise<Made>,
): Promise<void> {
  const printer = new ProgressPrinter(process.stderr, options.quiet);
  const note = 'stopping after this step; rerun the same command to resume (press again to stop at once)';
  const making = async () => {
    const made = await interruptible((signal) => work(printer, signal), { onStop: () => printer.note(note) });
    print(made.parts, options);
  };
  return withFolderLock(options.out, making, { onWait: complain });
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

/** The folder of the results. @throws UserError when it holds finished ones that are not to be replaced. */
export async function claimFolder({ out, force }: Pick<SearchCommandOptions, 'out' | 'force'>): Promise<Folder> {
  const folder = nodeFolder(out);
  if (!force && (await folder.read('metrics.json')))
    throw new UserError(`${out} holds finished results; choose another folder, or replace them with --force`);
  return folder;
}

/** Removes finished results: not before all that is needed for new ones has been read. */
async function clear(folder: Folder, names: readonly string[]): Promise<void> {
  if (!(await folder.read('metrics.json'))) return;
  for (const prefix of ['', ...names]) for (const name of resultFiles) await folder.remove(`${prefix}${name}`);
}

const prefixes = (names: readonly string[]): string[] => (names.length > 1 ? names.map((name) => `${name}/`) : ['']);

/** Makes the results, one after the other, those that are there already left out; then the page over all. */
export async function makeResults(
  tasks: readonly Task[],
  page: { readonly title: string; readonly lead: string },
  options: SearchCommandOptions & { folder: Folder; printer: ProgressPrinter },
): Promise<Made> {
  const { folder, printer } = options;
  const names = prefixes(tasks.map(({ name }) => name));
  await clear(folder, names);
  const parts: Part[] = [];
  for (const [i, task] of tasks.entries()) {
    const prefix = names[i];
    const settings = settingsText(options, task.inputs);
    const known = prefix && (await readPart(folder, `${prefix}${partName}`, settings));
    if (known) {
      parts.push(known);
      continue;
    }
    const file = await openSearchFile(folder, prefix, settings, options.every, printer);
    const outcome = await task.make(file);
    const { metrics } = outcome;
    const result = await writeOutcome(folder, prefix, outcome, encoders);
    const part: Part = { settings, metrics, result };
    if (prefix) {
      await writeMetrics(folder, prefix, metrics);
      await folder.write(`${prefix}${partName}`, [JSON.stringify(part)]);
    }
    await folder.remove(`${prefix}${searchFileName}`);
    parts.push(part);
  }
  const all = parts.map(({ metrics }) => metrics);
  const results = parts.map(({ result }) => result);
  await writePage(folder, { ...page, results }, all.length > 1 ? all : all[0]);
  for (const prefix of names) if (prefix) await folder.remove(`${prefix}${partName}`);
  return {
    page: { ...page, results },
    parts: parts.map(({ metrics, result }, i) => ({ prefix: names[i], metrics, result })),
  };
}

async function readPart(folder: Folder, name: string, settings: string): Promise<Part | undefined> {
  const bytes = await folder.read(name);
  if (!bytes) return undefined;
  const part = JSON.parse(new TextDecoder().decode(bytes)) as Part;
  return part.settings === settings ? part : undefined;
}

/** Options that change how a search runs or is told, and not what it finds. */
const idle = new Set(['out', 'force', 'quiet', 'json', 'device', 'threads', 'cache', 'segments', 'folder', 'printer']);

/** All that determines a search, as text. */
const settingsText = (options: object, inputs: Readonly<Record<string, string>>): string =>
  JSON.stringify({ ...settingsOf(options), inputs });

/** The options that a result depends on, in the order of their names. */
export const settingsOf = (options: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(options)
      .filter(([name]) => !idle.has(name))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

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
