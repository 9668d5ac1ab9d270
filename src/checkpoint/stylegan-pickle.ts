// Reads the pickles that StyleGAN's training code writes (stylegan2-ada-pytorch, stylegan3, stylegan-xl; pickle and dill).
// The source code that they carry is neither read nor run: an object is its class's name and its state.

import { present } from '../lookup.ts';
import type { PickleOptions } from './pickle/machine.ts';
import { readPickle } from './pickle/pickle.ts';
import { notACheckpoint } from './recognise.ts';
import { bytesSource, partOf, type ByteSource } from '../files/source.ts';
import { legacyStorage } from './torch/legacy.ts';
import { torchOptions } from './torch/objects.ts';
import { torchCheckpoint } from './torch/tensors.ts';
import { hasKind, type CheckpointTree, type TreeBytes, type TreeObject, type TreeStorage } from './tree.ts';
import type { Checkpoint } from './types.ts';

/** Forks keep the module in packages of their own. */
const persistence = /(^|\.)torch_utils\.persistence\._reconstruct_persistent_obj$/;

type Bytes = Uint8Array | TreeBytes;

const isBytes = (value: CheckpointTree): value is Bytes => value instanceof Uint8Array || hasKind(value, 'bytes');

/**
 * Reads a pickle whose tensors are legacy torch files inside byte strings. Those of more than 32 KiB stay in the file
 * until they are loaded.
 * @throws UserError for a pickle that is truncated or damaged, or has no tensors.
 */
export async function readStyleganPickle(source: ByteSource): Promise<Checkpoint> {
  const file = source.name;
  const storages = new EmbeddedStorages(source);
  const torch = torchOptions(file);
  const globals = new Set<string>();
  const construct: PickleOptions['construct'] = (callable, args) => {
    const path = `${callable.module}.${callable.name}`;
    globals.add(path);
    if (persistence.test(path)) return persistentObject(args);
    if (path === 'torch.storage._load_from_bytes') return isBytes(args[0]) ? storages.add(args[0]) : undefined;
    return present(torch.construct, 'constructor')(callable, args);
  };
  const { value } = await readPickle(source, 0, { construct });
  const checkpoint = torchCheckpoint('stylegan-pickle', file, value, (key) => storages.get(key));
  if (checkpoint.tensors.size === 0) throw notACheckpoint(file, [...globals]);
  return checkpoint;
}

/** What `_reconstruct_persistent_obj(meta)` of torch_utils/persistence.py makes: an object of the named class. */
function persistentObject([meta]: CheckpointTree[]): TreeObject | undefined {
  const name = meta instanceof Map ? meta.get('class_name') : undefined;
  if (!(meta instanceof Map) || typeof name !== 'string') return undefined;
  const callable = { kind: 'global', module: 'torch_utils.persistence', name } as const;
  return { kind: 'object', callable, args: [], state: meta.get('state') ?? null, items: null, entries: null };
}

/** The storages inside a pickle's byte strings, by keys given here: the keys inside are not unique. */
class EmbeddedStorages {
  readonly #source: ByteSource;
  readonly #data: ByteSource[] = [];
  /** Each byte string is looked at once, however often it is referred to. */
  readonly #known = new Map<Bytes, TreeStorage | undefined>();

  constructor(source: ByteSource) {
    this.#source = source;
  }

  get(key: string): ByteSource | undefined {
    return this.#data[Number(key)];
  }

  /** The storage in a byte string; undefined when there is something else in it. */
  add(bytes: Bytes): TreeStorage | undefined {
    if (!this.#known.has(bytes)) this.#known.set(bytes, this.#read(bytes));
    return this.#known.get(bytes);
  }

  #read(bytes: Bytes): TreeStorage | undefined {
    const name = `${this.#source.name} (a tensor's data)`;
    const inMemory = bytes instanceof Uint8Array;
    const size = inMemory ? bytes.length : bytes.size;
    const found = legacyStorage(name, inMemory ? bytes : bytes.head, size);
    if (!found) return undefined;
    const whole = inMemory ? bytesSource(name, bytes) : partOf(this.#source, bytes.start, size, name);
    const key = this.#data.push(partOf(whole, found.start, size - found.start)) - 1;
    return { ...found.storage, key: String(key) };
  }
}
