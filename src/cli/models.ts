// Opens the models that the options name, and tells what had to be assumed about them.

import type { Model } from '../zoo/model.ts';
import { loadModel } from '../zoo/node.ts';
import { scopedTo, settingsFor, type ModelOption, type Scoped } from './options.ts';
import type { ProgressPrinter } from './progress.ts';

export async function openModels(
  options: readonly ModelOption[],
  taps: readonly Scoped[] | undefined,
  config: readonly Scoped[] | undefined,
  printer: ProgressPrinter,
): Promise<Model[]> {
  const models: Model[] = [];
  for (const { name, file } of options) {
    const loaded = await loadModel(file, { name, taps: scopedTo(taps, name), settings: settingsFor(config, name) });
    const { model, assumed } = loaded;
    const units = model.taps.reduce((sum, { channels }) => sum + channels, 0);
    printer.note(`${name}: ${model.card.architecture}, ${model.taps.length} layers, ${units} units`);
    if (assumed.length) printer.note(`${name}: assumed ${assumed.join(' ')} (change with --config)`);
    models.push(model);
  }
  return models;
}
