// Reads what torch.save wrote before version 1.6: five pickles, then every storage behind its element count.
// It does not read the tar files of torch before 0.1.10.

import { UserError } from '../errors.ts';
import type { Checkpoint } from './types.ts';
import { readPickle } from './pickle.ts';
import { partOf, type ByteSource } from './source.ts';
import { torchOptions } from './torch-objects.ts';
import { torchCheckpoint } from './torch-tensors.ts';
import { hasKind, type CheckpointTree, type TreeStorage } from './tree.ts';

const magicNumber = 0x1950a86a20f9469cfc6cn;
const protocolVersion = 1001;

/**
 * Reads a legacy file. Format: `_legacy_save` of torch/serialization.py.
 * @throws UserError for a file that is truncated, damaged, big-endian, or of another version.
 */
export async function readTorchLegacy(source: ByteSource): Promise<Checkpoint> {
  const file = source.name;
  const magic = await readPickle(source, 0);
  const version = await readPickle(source, magic.end);
  if (magic.value !== magicNumber || version.value !== protocolVersion) {
    throw new UserError(
      `${file} begins as a file of torch.save does, but its magic number or version is not the known one. ` +
        'Load it in Python and save it with the safetensors package.',
    );
  }
  const system = await readPickle(source, version.end);
  if (system.value instanceof Map && system.value.get('little_endian') === false) {
    throw new UserError(`${file} was written on a big-endian machine. Save it again on a little-endian one.`);
  }

  const types = new Map<string, TreeStorage>();
  const options = torchOptions(file);
  const objects = await readPickle(source, system.end, {
    ...options,
    persistent(id) {
      const value = options.persistent!(id);
      if (hasKind(value, 'storage')) types.set(value.key, value);
      return value;
    },
  });
  const keys = await readPickle(source, objects.end, options);
  const storages = await locateStorages(source, keys.value, keys.end, types);
  return torchCheckpoint('torch-legacy', file, objects.value, (key) => storages.get(key));
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
  if (!Array.isArray(keys)) fail('the list of its storages is missing');
  const storages = new Map<string, ByteSource>();
  let offset = start;
  for (const key of (keys as CheckpointTree[]).map(String)) {
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
