// Opens the models that the options name, and tells what had to be assumed about them.

import type { Model } from '../zoo/model.ts';
import { loadModel } from '../zoo/node.ts';
import { settingsFor, tapsFor, type ModelOption } from './options.ts';
import type { ProgressPrinter } from './progress.ts';

export async function openModels(
  options: readonly ModelOption[],
  taps: readonly string[] | undefined,
  config: readonly string[] | undefined,
  printer: ProgressPrinter,
): Promise<Model[]> {
  const models: Model[] = [];
  const names = options.map(({ name }) => name);
  for (const { name, file } of options) {
    const loaded = await loadModel(file, {
      name,
      taps: tapsFor(taps, name, names),
      settings: settingsFor(config, name, names),
    });
    const { model, assumed } = loaded;
    const units = model.taps.reduce((sum, { channels }) => sum + channels, 0);
    printer.note(`${name}: ${model.card.architecture}, ${model.taps.length} layers, ${units} units`);
    if (assumed.length) printer.note(`${name}: assumed ${assumed.join(' ')} (change with --config)`);
    models.push(model);
  }
  return models;
}
