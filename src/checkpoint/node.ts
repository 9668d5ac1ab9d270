// Checkpoint files on disk: opening one as a byte source, loading its tensors, and writing safetensors.
// The only file of this room that needs Node; the formats are elsewhere.

import { constants } from 'node:fs';
import { open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { freshFile } from '../files/node/fresh-file.ts';
import { bytesPerElement, sizeOf, toBytes, type Tensor } from '../graph/tensor.ts';
import type { TensorRef } from '../files/tensor-ref.ts';
import { openCheckpoint } from './checkpoint.ts';
import { encodeSafetensorsHeader } from '../files/safetensors.ts';
import { checkRange, type ByteSource } from '../files/source.ts';
import { stateDict } from './state-dict.ts';

const maxReadBytes = 2 ** 30; // one read(2) moves less than 2 GiB

const reasons: Record<string, string> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'access is denied',
  EPERM: 'access is denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is a file',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'it would be larger than files may be here',
  EROFS: 'the disk is read-only',
};

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code && reasons[code]) ?? message ?? String(error);
}

/**
 * Opens a file for reading. Close it when the last tensor is loaded.
 * @throws UserError for a path that is missing, a folder, not a regular file, or not readable.
 */
export async function openFile(path: string): Promise<ByteSource & { close(): Promise<void> }> {
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw new UserError(`${path} cannot be opened: ${reasonOf(error)}. Give the path of a checkpoint file.`);
  }
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    const what = stat.isDirectory() ? 'it is a folder' : 'it is not a regular file';
    throw new UserError(`${path} cannot be read: ${what}. Give the path of a checkpoint file.`);
  }
  const source = { name: path, size: stat.size };
  return {
    ...source,
    close: () => handle.close(),
    async read(offset, length) {
      checkRange(source, offset, length);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length;) {
        const part = Math.min(length - done, maxReadBytes);
        const { bytesRead } = await handle.read(bytes, done, part, offset + done).catch((error: unknown) => {
          throw new UserError(`${path} cannot be read: ${reasonOf(error)}.`);
        });
        if (bytesRead === 0) throw new UserError(`${path} became shorter while it was read. Download it again.`);
        done += bytesRead;
      }
      return bytes;
    },
  };
}

/**
 * All tensors of the weights in a file of any format, in memory.
 * @throws UserError as `openFile` does, and for a file that is no checkpoint.
 */
export async function loadTensors(path: string): Promise<Map<string, Tensor>> {
  const source = await openFile(path);
  try {
    const loaded = new Map<string, Tensor>();
    for (const [name, ref] of stateDict(await openCheckpoint(source))) loaded.set(name, await ref.load());
    return loaded;
  } finally {
    await source.close();
  }
}

/**
 * Writes a safetensors file: beside the target, to the disk, then renamed, so that the target is whole or not there.
 * Tensors of another checkpoint are loaded one at a time.
 * @throws UserError naming the path and the reason; what was written is removed.
 */
export async function writeSafetensorsFile(
  path: string,
  tensors: ReadonlyMap<string, Tensor | TensorRef>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const header = encodeSafetensorsHeader(tensors, metadata);
  const partial = `${path}.partial-${process.pid}`;
  try {
    const handle = await freshFile(partial);
    try {
      await handle.writeFile(header.bytes);
      for (const name of header.names) await handle.writeFile(await bytesOf(name, tensors.get(name)!));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, path);
  } catch (error) {
    await unlink(partial).catch(() => {}); // it may never have been made
    if (!isSystemError(error)) throw error;
    throw new UserError(`${path} cannot be written: ${reasonOf(error)}. Free some space, or choose another place.`);
  }
}

const isSystemError = (error: unknown): boolean => error instanceof Error && 'syscall' in error;

async function bytesOf(name: string, tensor: Tensor | TensorRef): Promise<Uint8Array> {
  const bytes = toBytes('load' in tensor ? await tensor.load() : tensor);
  const expected = sizeOf(tensor.shape) * bytesPerElement(tensor.dtype);
  if (bytes.length !== expected)
    throw new RangeError(`tensor ${name} has ${bytes.length} bytes instead of ${expected}`);
  return bytes;
}
