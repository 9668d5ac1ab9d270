// Reads what torch.save wrote before version 1.6: five pickles, then every storage behind its element count.
// It does not read the tar files of torch before 0.1.10.

import { UserError } from '../../errors.ts';
import { present } from '../../lookup.ts';
import type { Checkpoint } from '../types.ts';
import type { PickleOptions } from '../pickle/machine.ts';
import { readPickle, unpickle } from '../pickle/pickle.ts';
import { partOf, type ByteSource } from '../../files/source.ts';
import { torchOptions } from './objects.ts';
import { torchCheckpoint } from './tensors.ts';
import { hasKind, type CheckpointTree, type TreeStorage } from '../tree.ts';

const magicNumber = 0x1950a86a20f9469cfc6cn;
const protocolVersion = 1001;

/** The pickles of a legacy file. */
interface LegacyPickles {
  readonly value: CheckpointTree;
  /** Keys of the storages that follow, in their order. */
  readonly keys: CheckpointTree;
  /** The storages that the value refers to, by key. */
  readonly types: ReadonlyMap<string, TreeStorage>;
}

/** Says how to read each of the five pickles, and takes what was read. Whether that waits for a file is the caller's. */
function* legacyPickles(file: string): Generator<PickleOptions, LegacyPickles, CheckpointTree> {
  const magic = yield {};
  const version = yield {};
  if (magic !== magicNumber || version !== protocolVersion) {
    throw new UserError(
      `${file} begins as a file of torch.save does, but its magic number or version is not the known one. ` +
        'Load it in Python and save it with the safetensors package.',
    );
  }
  const system = yield {};
  if (system instanceof Map && system.get('little_endian') === false) {
    throw new UserError(`${file} was written on a big-endian machine. Save it again on a little-endian one.`);
  }
  const types = new Map<string, TreeStorage>();
  const options = torchOptions(file);
  const value = yield {
    ...options,
    persistent(id) {
      const found = present(options.persistent, 'persistent loader')(id);
      if (hasKind(found, 'storage')) types.set(found.key, found);
      return found;
    },
  };
  return { value, keys: yield options, types };
}

/**
 * Reads a legacy file. Format: `_legacy_save` of torch/serialization.py.
 * @throws UserError for a file that is truncated, damaged, big-endian, or of another version.
 */
export async function readTorchLegacy(source: ByteSource): Promise<Checkpoint> {
  const pickles = legacyPickles(source.name);
  let end = 0;
  let next = pickles.next();
  while (!next.done) {
    const read = await readPickle(source, end, next.value);
    end = read.end;
    next = pickles.next(read.value);
  }
  const { value, keys, types } = next.value;
  const storages = await locateStorages(source, keys, end, types);
  return torchCheckpoint('torch-legacy', source.name, value, (key) => storages.get(key));
}

/** A legacy file that is one storage: what torch pickles a tensor's data as. */
export interface LegacyStorage {
  readonly storage: TreeStorage;
  /** Where the file's data begin. */
  readonly start: number;
}

/**
 * The storage that a small legacy file consists of; undefined when it is of something else.
 * @param head the file's first bytes, with all its pickles.
 * @param size bytes of the whole file.
 * @throws UserError for a file that is damaged, or whose size is not that of its storage.
 */
export function legacyStorage(name: string, head: Uint8Array, size: number): LegacyStorage | undefined {
  const pickles = legacyPickles(name);
  let end = 0;
  let next = pickles.next();
  while (!next.done) {
    const read = unpickle(name, head, end, next.value);
    end = read.end;
    next = pickles.next(read.value);
  }
  const { value: storage, keys } = next.value;
  if (!hasKind(storage, 'storage') || !Array.isArray(keys) || keys.length !== 1) return undefined;
  const start = end + 8;
  if (start > head.length || start + storage.count * storage.elementBytes !== size) {
    throw new UserError(
      `${name} has ${size} bytes, which its storage of ${storage.count} elements does not fit: it is damaged. ` +
        'Download the file again.',
    );
  }
  return { storage, start };
}

/** The storages follow in the order of the key list, each behind an int64 count of its elements. */
async function locateStorages(
  source: ByteSource,
  keys: CheckpointTree,
  start: number,
  types: ReadonlyMap<string, TreeStorage>,
): Promise<Map<string, ByteSource>> {
  const fail = (what: string): never => {
    throw new UserError(`${source.name}: ${what}. The file is truncated or damaged: download it again.`);
  };
  if (!Array.isArray(keys)) return fail('the list of its storages is missing');
  const storages = new Map<string, ByteSource>();
  let offset = start;
  for (const key of keys.map(String)) {
    const storage = types.get(key) ?? fail(`no tensor refers to storage ${key}, so its size is not known`);
    if (storages.has(key)) fail(`storage ${key} is listed twice`);
    const header = await source.read(offset, 8);
    const count = new DataView(header.buffer, header.byteOffset).getBigInt64(0, true);
    if (count !== BigInt(storage.count)) {
      fail(`storage ${key} has ${count} elements where ${storage.count} are declared`);
    }
    const size = storage.count * storage.elementBytes;
    offset += 8;
    if (offset + size > source.size) {
      fail(`storage ${key} needs ${size} bytes and the file ends ${source.size - offset} bytes into it`);
    }
    storages.set(key, partOf(source, offset, size));
    offset += size;
  }
  return storages;
}
