// The file of an unfinished search: taken up by the same command, passed over by any other.
// What is in a saved search is its own business.

import { createHash } from 'node:crypto';
import { readSafetensors, safetensorsChunks } from '../../files/safetensors.ts';
import { bytesSource } from '../../files/source.ts';
import { UserError } from '../../errors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Folder } from '../../files/folder.ts';
import { rowsIn } from '../../synthesis/search/latents.ts';
import { searchFromTensors, searchTensors, type SavedSearch } from '../../synthesis/search/state.ts';
import type { ProgressPrinter } from '../progress.ts';
import { SearchTrack } from './track.ts';

export const searchFileName = 'search.safetensors';

export interface SearchFile {
  readonly saved?: SavedSearch;
  /** What the search has left so far, in earlier calls too. */
  readonly track: SearchTrack;
  /** Seconds of earlier calls. */
  readonly seconds: number;
  save(search: SavedSearch, seconds: number): Promise<void>;
}

/**
 * @param prefix of the file in the folder. @param settings all that determines the search, as text.
 * @param every steps between two images of the track.
 */
export async function openSearchFile(
  folder: Folder,
  prefix: string,
  settings: string,
  every: number,
  printer: ProgressPrinter,
): Promise<SearchFile> {
  const name = `${prefix}${searchFileName}`;
  const found = await readSaved(folder, name, settings, every, printer);
  const track = found?.track ?? new SearchTrack(every);
  return {
    ...found,
    seconds: found?.seconds ?? 0,
    track,
    save: (search, seconds) => {
      const tensors = new Map([...searchTensors(search), ...track.tensors()]);
      const metadata = { settings, seconds: String(seconds) };
      return folder.write(name, safetensorsChunks(tensors, { ...metadata, sha256: hashOf(tensors, metadata) }));
    },
  };
}

async function readSaved(folder: Folder, name: string, settings: string, every: number, printer: ProgressPrinter) {
  const bytes = await folder.read(name);
  if (!bytes) return undefined;
  try {
    const { tensors: refs, metadata } = await readSafetensors(bytesSource(name, bytes));
    if (metadata.settings !== settings) {
      printer.note(`the unfinished search in ${name} has other settings; a new one begins`);
      return undefined;
    }
    const tensors = new Map<string, Tensor>();
    for (const [key, ref] of refs) tensors.set(key, await ref.load());
    const { sha256, ...rest } = metadata;
    if (sha256 !== hashOf(tensors, rest)) throw new UserError('it is not what was saved');
    const saved = searchFromTensors(tensors);
    const track = SearchTrack.from(tensors, every, rowsIn(saved.start));
    const seconds = Number(metadata.seconds);
    printer.note(`going on from step ${saved.state.step} of the search in ${name}`);
    return { saved, track, seconds: seconds >= 0 && seconds < Infinity ? seconds : 0 };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    printer.note(`the unfinished search in ${name} is damaged; a new one begins`);
    return undefined;
  }
}

/** Of all that the file holds, but the hash itself. */
function hashOf(tensors: ReadonlyMap<string, Tensor>, metadata: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256');
  for (const chunk of safetensorsChunks(tensors, metadata)) hash.update(chunk);
  return hash.digest('hex');
}
