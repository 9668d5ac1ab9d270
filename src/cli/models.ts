// Opens the models that the options name, and tells what had to be assumed about them.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DictionaryModel } from '../mining/run/dictionary.ts';
import type { Model } from '../zoo/model.ts';
import { fileKind, loadModel, type LoadOptions } from '../zoo/node.ts';
import { cacheFolder, ModelStore } from '../zoo/store/node/store.ts';
import { settingsFor, tapsFor, type ModelOption } from './options.ts';
import type { ProgressPrinter } from './progress.ts';

export interface OpenOptions {
  readonly taps?: readonly string[];
  readonly config?: readonly string[];
  readonly cache?: string;
  /** Models as a run had them, by name: the same layers and settings are taken unless others are asked for. */
  readonly mined?: ReadonlyMap<string, DictionaryModel>;
}

/** Checkpoints from this size on are compiled once; smaller ones are built in no time. */
const compiledFrom = 32 * 2 ** 20;

export async function openModels(
  named: readonly ModelOption[],
  options: OpenOptions,
  printer: ProgressPrinter,
): Promise<Model[]> {
  const models: Model[] = [];
  const names = named.map(({ name }) => name);
  for (const { name, file } of named) {
    const { path, card } = await locate(file, options.cache);
    const mined = options.mined?.get(name);
    const { model, assumed } = await loadModel(path, {
      name,
      // A card's file says all by itself.
      card: mined && (await fileKind(path)) !== 'card' ? mined.card : card,
      taps: tapsFor(options.taps, name, names) ?? mined?.layers.map(({ layer }) => layer),
      settings: settingsFor(options.config, name, names),
      compiled: compiledFolder(options.cache, (error) =>
        printer.note(`${name}: no compiled copy is kept (${error.message}); the next start takes as long`),
      ),
    });
    const units = model.taps.reduce((sum, { channels }) => sum + channels, 0);
    printer.note(`${name}: ${model.card.architecture}, ${model.taps.length} layers, ${units} units`);
    if (assumed.length) printer.note(`${name}: assumed ${assumed.join(' ')} (change with --config)`);
    models.push(model);
  }
  return models;
}

/** A file, or else a model of the store by its name. */
export async function locate(
  text: string,
  cache: string | undefined,
): Promise<{ path: string; card?: LoadOptions['card'] }> {
  if (existsSync(text) || /[\\/]/.test(text)) return { path: text };
  const store = new ModelStore(cacheFolder(cache));
  const known = (await store.list()).some(({ name }) => name === text);
  // Of what looks like a file's name, the file is missed rather than a model.
  if (!known && /\.[a-z]\w*$/i.test(text)) return { path: text };
  const { file, card } = await store.resolve(text);
  return { path: file, card };
}

export const compiledFolder = (
  cache: string | undefined,
  onFailure?: (error: Error) => void,
): NonNullable<LoadOptions['compiled']> => ({
  folder: join(cacheFolder(cache), 'compiled'),
  minBytes: compiledFrom,
  onFailure,
});
