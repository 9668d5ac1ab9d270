// The files of a finished run: moments, neighbours, scores, and last the dictionary.

import { safetensorsChunks } from '../../files/safetensors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Folder } from '../../files/folder.ts';
import type { Model } from '../../zoo/model.ts';
import type { Correlated } from '../correlation/correlate.ts';
import type { Dictionary } from './dictionary.ts';
import type { MinedModel } from '../correlation/plan.ts';
import type { LongWork } from '../../progress.ts';
import type { MineProgress } from '../progress.ts';
import { unitNames } from './units.ts';

/** What the files and scores of two models are called. Names with "--" in them may make it ambiguous. */
export const pairName = (a: string, b: string): string => `${a}--${b}`;

/** Writes everything but exemplars, and removes what an interrupted run had left. */
export async function writeRun(
  folder: Folder,
  dictionary: Dictionary,
  all: readonly Model[],
  mined: readonly MinedModel[],
  pairs: readonly [number, number][],
  { neighbours, moments, screening }: Correlated,
  onProgress?: LongWork<MineProgress>['onProgress'],
): Promise<void> {
  const unitLists = Object.fromEntries(
    all.map((model, m) => [`units.${model.name}`, JSON.stringify(unitNames(mined[m]))]),
  );
  const images = dictionary.images;
  const metadata = {
    ...unitLists,
    images: String(images.count),
    'images.sha256': images.sha256,
    score: dictionary.score,
  };
  const total = pairs.length + 3;
  let done = 0;
  const wrote = () => onProgress?.({ stage: 'writing', done: ++done, total, unit: 'files' });

  const statistics = new Map<string, Tensor>();
  all.forEach(({ name }, m) => {
    const layers = mined[m].layers.map((_, l) => moments[m].statistics(l));
    for (const key of ['mean', 'std'] as const) {
      const data = Float32Array.from(layers.flatMap((layer) => Array.from(layer[key])));
      statistics.set(`${name}.${key}`, { dtype: 'float32', shape: [data.length], data });
    }
  });
  await folder.write('moments.safetensors', safetensorsChunks(statistics, metadata));
  await wrote();

  const scores = new Map<string, Tensor>();
  for (const [i, [a, b]] of pairs.entries()) {
    const [nameA, nameB] = [all[a].name, all[b].name];
    const tensors = new Map<string, Tensor>();
    const entry = neighbours[i];
    for (const [name, direction] of [
      [nameA, entry.forward],
      [nameB, entry.backward],
    ] as const) {
      const shape = [direction.units, direction.all.k];
      tensors.set(`${name}.index`, { dtype: 'int32', shape, data: direction.all.index });
      tensors.set(`${name}.r`, { dtype: 'float32', shape, data: direction.all.r });
      const sure = screening?.sure[i][direction === entry.forward ? 0 : 1];
      if (sure) tensors.set(`${name}.sure`, { dtype: 'uint8', shape: [direction.units], data: sure });
      tensors.set(`${name}.null_best`, { dtype: 'float32', shape: [direction.units], data: direction.nullBest });
    }
    if (entry.scores) {
      scores.set(pairName(nameA, nameB), { dtype: 'float32', shape: [entry.unitsA, entry.unitsB], data: entry.scores });
    }
    await folder.write(`neighbours/${pairName(nameA, nameB)}.safetensors`, safetensorsChunks(tensors, metadata));
    await wrote();
  }
  if (scores.size) await folder.write('scores.safetensors', safetensorsChunks(scores, metadata));
  await wrote();
  // Last: a folder with a dictionary is a finished run.
  await folder.write('dictionary.json', [JSON.stringify(dictionary, null, 1)]);
  await folder.remove('partial');
  await wrote();
}
