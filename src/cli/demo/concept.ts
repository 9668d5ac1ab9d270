// The concept that the demo strengthens and weakens, with an image on which it is strong.
// What is done to it is in shows.ts.

import { join } from 'node:path';
import Type from 'typebox';
import { UserError } from '../../errors.ts';
import { readJson } from '../../files/json.ts';
import { readSafetensors } from '../../files/safetensors.ts';
import { bytesSource } from '../../files/source.ts';
import type { Dictionary } from '../../mining/run/dictionary.ts';
import { readExemplars } from '../../mining/run/read-exemplars.ts';
import { bySignificanceThenExcess } from '../../report/page/standing.ts';
import type { Folder } from '../../files/folder.ts';
import { required } from '../../lookup.ts';

/** Numbers of the samples whose latents are the rows. */
const samplesSchema = Type.Array(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));

export interface BrightConcept {
  readonly id: string;
  /** Where the image's latent is: FILE#ROW, the file by its path in the run. */
  readonly latent: string;
}

/**
 * Of the concepts whose units a generator chose, that which agrees most beyond chance, a significant one if there is any;
 * undefined when there is none.
 * @param path of the run, whose folder it is.
 * @throws UserError when exemplars or latents of the run are damaged; it names the file.
 */
export async function brightConcept(
  folder: Folder,
  path: string,
  { concepts, sets }: Dictionary,
  generator: string,
): Promise<BrightConcept | undefined> {
  const byId = new Map(sets.map((set) => [set.id, set]));
  const own = concepts
    .map(({ id, sets: [first] }) => ({ id, set: required(byId, first, 'set') }))
    .filter(({ set }) => set.anchor === generator)
    .sort((a, b) => bySignificanceThenExcess(a.set, b.set));
  const file = `exemplars/latents/${generator}.safetensors`;
  const exemplars = await readExemplars(folder, path, { sets });
  const latents = await folder.read(file);
  if (!exemplars || !latents) return undefined;
  const { metadata } = await readSafetensors(bytesSource(join(path, file), latents));
  const found = readJson(samplesSchema, metadata.samples ?? '', '"samples" in its metadata');
  if (found.problem !== undefined)
    throw new UserError(`${join(path, file)} is damaged: ${found.problem}; mine the run again, with --force`);
  const samples = found.value;
  for (const { id, set } of own) {
    for (const image of exemplars.sets[set.id] ?? []) {
      // Samples are called generator/number, with a class behind it where there are classes.
      const sample = /^(.+)\/(\d+)(?:\/class-\d+)?$/s.exec(exemplars.images[image].name);
      const row = sample?.[1] === generator ? samples.indexOf(Number(sample[2])) : -1;
      if (row >= 0) return { id, latent: `${file}#${row}` };
    }
  }
  return undefined;
}
