// The concept that the demo strengthens and weakens, with an image on which it is strong.
// What is done to it is in shows.ts.

import { join } from 'node:path';
import { readSafetensors } from '../../files/safetensors.ts';
import { bytesSource } from '../../files/source.ts';
import type { Dictionary } from '../../mining/run/dictionary.ts';
import { readExemplars } from '../../mining/run/read-exemplars.ts';
import type { Folder } from '../../files/folder.ts';

export interface BrightConcept {
  readonly id: string;
  /** Where the image's latent is: FILE#ROW. */
  readonly latent: string;
}

/**
 * Of the concepts whose units a generator chose, that which agrees most beyond chance; undefined when there is none.
 * @param path of the run, whose folder it is.
 */
export async function brightConcept(
  folder: Folder,
  path: string,
  { concepts, sets }: Dictionary,
  generator: string,
): Promise<BrightConcept | undefined> {
  const byId = new Map(sets.map((set) => [set.id, set]));
  const own = concepts
    .map(({ id, sets: [first] }) => ({ id, set: byId.get(first)! }))
    .filter(({ set }) => set.anchor === generator)
    .sort((a, b) => (b.set.excess ?? b.set.r) - (a.set.excess ?? a.set.r));
  const file = `exemplars/latents/${generator}.safetensors`;
  const exemplars = await readExemplars(folder, path, { sets });
  const latents = await folder.read(file);
  if (!exemplars || !latents) return undefined;
  const { metadata } = await readSafetensors(bytesSource(file, latents));
  const samples = JSON.parse(metadata.samples) as number[];
  for (const { id, set } of own) {
    for (const image of exemplars.sets[set.id] ?? []) {
      // Samples are called generator/number, with a class behind it where there are classes.
      const sample = /^(.+)\/(\d+)(?:\/class-\d+)?$/s.exec(exemplars.images[image].name);
      const row = sample?.[1] === generator ? samples.indexOf(Number(sample[2])) : -1;
      if (row >= 0) return { id, latent: `${join(path, file)}#${row}` };
    }
  }
  return undefined;
}
