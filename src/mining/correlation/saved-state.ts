// What an interrupted run leaves behind and takes up again: sums, moments, finished neighbours, and where it stood.
// A state is a set of files under a number, made current by one small file that is written last.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import { readJson } from '../../files/json.ts';
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

const count = Type.Integer({ minimum: 0 });
/** What `partial/current.json` is. */
const currentSchema = Type.Object({
  key: Type.String(),
  number: count,
  passes: count,
  cursor: Type.Object({
    part: count,
    half: Type.Union([Type.Literal(0), Type.Literal(1)]),
    position: count,
    images: count,
    batches: Type.Array(count),
  }),
  unreadable: Type.Array(Type.Object({ name: Type.String(), reason: Type.String() })),
  groups: Type.Array(Type.String()),
});

/** Saves and finds states in `folder/partial`, for runs with the same key (all options that change the result). */
export class StateStore {
  #number = 0;

  constructor(
    readonly folder: Folder,
    readonly key: string,
  ) {}

  /**
   * The state that was saved last; undefined when there is none of this key, or its files are damaged.
   * @param onDamage is told which file is.
   */
  async load(onDamage: (file: string) => void = () => {}): Promise<SavedState | undefined> {
    const bytes = await this.folder.read('partial/current.json');
    if (!bytes) return undefined;
    const { value: current } = readJson(currentSchema, bytes);
    if (!current) {
      onDamage('partial/current.json');
      return undefined;
    }
    this.#number = current.number;
    if (current.key !== this.key) return undefined;
    const groups = new Map<string, ReadonlyMap<string, Tensor>>();
    for (const [i, group] of current.groups.entries()) {
      const name = `partial/${current.number}/${i}.safetensors`;
      const file = await this.folder.read(name);
      const tensors = file && (await tensorsIn(group, file));
      if (!tensors) {
        onDamage(name);
        return undefined;
      }
      groups.set(group, tensors);
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
    const current = { key: this.key, number, passes, cursor, unreadable, groups };
    await this.folder.write('partial/current.json', [JSON.stringify(current)]);
    this.#number = number;
    await this.folder.remove(`partial/${previous}`);
  }

  clear(): Promise<void> {
    return this.folder.remove('partial');
  }
}

async function tensorsIn(group: string, bytes: Uint8Array): Promise<Map<string, Tensor> | undefined> {
  try {
    return await readSafetensorsBytes(group, bytes);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
