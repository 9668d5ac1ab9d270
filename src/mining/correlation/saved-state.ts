// What an interrupted run leaves behind and takes up again: sums, moments, finished neighbours, and where it stood.
// A state is a set of files under a number, made current by one small file that is written last.

import { readSafetensorsBytes, safetensorsChunks } from '../../files/safetensors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Folder } from '../../files/folder.ts';
import type { Cursor } from './run-pass.ts';
import type { Unreadable } from '../../images/source.ts';

export interface SavedState {
  /** Passes that are finished. */
  readonly passes: number;
  /** Where the pass after these stands. */
  readonly cursor: Cursor;
  /** Images that could not be read so far. */
  readonly unreadable: readonly Unreadable[];
  /** Groups of tensors, each a file: `centres`, `moments`, `neighbours/A B`, `sums/N`. */
  readonly groups: ReadonlyMap<string, ReadonlyMap<string, Tensor>>;
}

interface Current {
  readonly key: string;
  readonly number: number;
  readonly passes: number;
  readonly cursor: Cursor;
  readonly unreadable: SavedState['unreadable'];
  readonly groups: readonly string[];
}

/** Saves and finds states in `folder/partial`, for runs with the same key (all options that change the result). */
export class StateStore {
  #number = 0;

  constructor(
    readonly folder: Folder,
    readonly key: string,
  ) {}

  async load(): Promise<SavedState | undefined> {
    const bytes = await this.folder.read('partial/current.json');
    if (!bytes) return undefined;
    const current = JSON.parse(new TextDecoder().decode(bytes)) as Current;
    this.#number = current.number;
    if (current.key !== this.key) return undefined;
    const groups = new Map<string, ReadonlyMap<string, Tensor>>();
    for (const [i, group] of current.groups.entries()) {
      const file = await this.folder.read(`partial/${current.number}/${i}.safetensors`);
      if (!file) return undefined;
      groups.set(group, await readSafetensorsBytes(group, file));
    }
    return { passes: current.passes, cursor: current.cursor, unreadable: current.unreadable, groups };
  }

  async save(state: SavedState): Promise<void> {
    const previous = this.#number;
    const number = previous + 1;
    const groups = [...state.groups.keys()];
    for (const [i, tensors] of [...state.groups.values()].entries()) {
      await this.folder.write(`partial/${number}/${i}.safetensors`, safetensorsChunks(tensors));
    }
    const { passes, cursor, unreadable } = state;
    const current: Current = { key: this.key, number, passes, cursor, unreadable, groups };
    await this.folder.write('partial/current.json', [JSON.stringify(current)]);
    this.#number = number;
    await this.folder.remove(`partial/${previous}`);
  }

  clear(): Promise<void> {
    return this.folder.remove('partial');
  }
}
