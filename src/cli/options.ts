// Options that several commands share, and how their texts are read.
// Wrong texts are errors of usage, told by the parser with the option's name.

import { InvalidArgumentError, Option } from 'commander';
import { totalmem } from 'node:os';
import { basename } from 'node:path';
import { devices } from '../runtime/engine.ts';
import { imageDefaults } from '../images/limits.ts';
import { parseSize } from '../zoo/settings.ts';

/** `NAME=FILE`, or a file whose name without extension names the model. */
export interface ModelOption {
  readonly name: string;
  readonly file: string;
}

export function parseModel(text: string, previous: readonly ModelOption[] = []): ModelOption[] {
  const match = /^([\w.+-]+)=(.+)$/s.exec(text);
  const file = match ? match[2] : text;
  const name = match
    ? match[1]
    : basename(file)
        .replace(/\.[^.]*$/, '')
        .replace(/[^\w.+-]+/g, '-');
  if (!file || !name) throw new InvalidArgumentError('expected NAME=FILE or FILE.');
  return [...previous, { name, file }];
}

export const collect = (text: string, previous: readonly string[] = []): string[] => [...previous, text];

/** Names with commas between them, or one at a time. */
export function collectNames(text: string, previous: readonly string[] = []): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('expected NAME or NAME,NAME.');
  return [...previous, ...names];
}

export function parseSetting(text: string, previous: readonly string[] = []): string[] {
  if (!/^[^=]+=./.test(text)) throw new InvalidArgumentError('expected KEY=VALUE or MODEL:KEY=VALUE.');
  return collect(text, previous);
}

/**
 * What texts `[MODEL:]TEXT` say of a model: those for it after those for all. Only a model's name makes a scope, since
 * layers of .onnx files have colons too.
 */
export function scoped(texts: readonly string[] | undefined, model: string, models: readonly string[]) {
  const all: string[] = [];
  const own: string[] = [];
  for (const text of texts ?? []) {
    const scope = models.find((name) => text.startsWith(`${name}:`));
    if (scope === undefined) all.push(text);
    else if (scope === model) own.push(text.slice(scope.length + 1));
  }
  return { all, own };
}

/** Globs of the layers of a model: those that name it, else those for all; undefined for the card's. */
export function tapsFor(texts: readonly string[] | undefined, model: string, models: readonly string[]) {
  const { all, own } = scoped(texts, model, models);
  const chosen = own.length ? own : all;
  return chosen.length ? chosen : undefined;
}

/** Settings of a model; what is said of the model itself comes before what is said of all. */
export function settingsFor(
  texts: readonly string[] | undefined,
  model: string,
  models: readonly string[],
): Record<string, string> {
  const { all, own } = scoped(texts, model, models);
  return Object.fromEntries(
    [...all, ...own].map((text): [string, string] => {
      const [name, value] = text.split(/=(.*)/s);
      return [name, value];
    }),
  );
}

export function wholeNumber(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`expected a whole number of at least ${least}.`);
    }
    return value;
  };
}

export function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= -1 && value <= 1))
    throw new InvalidArgumentError('expected a number from -1 to 1.');
  return value;
}

const units: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** `512M`, `2G`, `1.5GiB`: bytes. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  const bytes = match ? Math.floor(Number(match[1]) * units[match[2].toLowerCase()]) : 0;
  if (bytes < 2 ** 20) throw new InvalidArgumentError('expected a size of at least 1M, such as 512M or 2G.');
  return bytes;
}

const thousands: Record<string, number> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

/** `64M`, `100000000`: a number of pixels. */
export function parsePixels(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)$/i.exec(text.trim());
  const pixels = match ? Math.floor(Number(match[1]) * thousands[match[2].toLowerCase()]) : 0;
  // Within what the decoder counts in 32 bits.
  if (pixels < 1 || pixels > 4e9) throw new InvalidArgumentError('expected a number of pixels up to 4G, such as 100M.');
  return pixels;
}

export function parseImageSize(text: string) {
  const size = parseSize(text);
  if (!size) throw new InvalidArgumentError('expected a size such as 224 or 224x160 (height x width).');
  return size;
}

/**
 * A quarter of the machine's memory, between 256 MiB and 4 GiB. Not of what is free: an interrupted run is taken up
 * with the same budget only.
 */
export const defaultMemory = (): number => Math.min(2 ** 32, Math.max(2 ** 28, totalmem() / 4));

/** Of the memory of a run, what photos that are read and decoded may take. */
export const photoShare = (memory: number): number => memory / 4;

export const formatBytes = (bytes: number): string =>
  bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${(bytes / 2 ** 20).toFixed(0)} MiB`;

export const shared = {
  model: () =>
    new Option('-m, --model <name=file>', 'a model: a checkpoint, a model card, or an .onnx file').argParser(
      parseModel,
    ),
  taps: () => new Option('--taps <glob>', 'layers to mine, e.g. "layer*.*" or "vit:blocks.*"').argParser(collect),
  config: () =>
    new Option(
      '--config <key=value>',
      'a setting that the file cannot tell, e.g. size=64 or vit:mean=0.5,0.5,0.5',
    ).argParser(parseSetting),
  cache: () =>
    new Option('--cache <folder>', "where models are kept (default: ROSETTA_CACHE, else the platform's cache)"),
  truncation: () =>
    new Option('--truncation <psi>', 'truncation of generators, e.g. 0.7 or biggan:0.4 (default: their own)').argParser(
      collect,
    ),
  device: () => new Option('--device <device>', 'where to compute').choices(devices).default('cpu'),
  threads: () => new Option('--threads <n>', 'threads (default: one per core)').argParser(wholeNumber(1)),
  batch: () =>
    new Option('--batch <n>', 'images computed at once (default: as memory allows)').argParser(wholeNumber(1)),
  memory: () =>
    new Option(
      '--memory <size>',
      'memory for images, weights, maps and sums, e.g. 2G (default: a quarter of the machine)',
    ).argParser(parseBytes),
  maxPixels: () =>
    new Option(
      '--max-pixels <n>',
      `most pixels of a photo; larger ones count as unreadable (default: ${imageDefaults.maxPixels / 1e6}M)`,
    ).argParser(parsePixels),
  strict: () => new Option('--strict', 'stop at the first image that cannot be read, instead of skipping it'),
  json: () => new Option('--json', 'print the result as JSON'),
};
