// Bytes at an address: what every reader here reads from, be it a file, a download or a part of either.
// It knows no format, and no file system: files are opened in checkpoint/node.ts.

import { UserError } from '../errors.ts';

export interface ByteSource {
  /** How messages call it: a path, or a path and an entry. */
  readonly name: string;
  /** Bytes in all. */
  readonly size: number;
  /**
   * `length` bytes from `offset`, in memory that is the caller's to keep.
   * @throws UserError naming the source when the range is not inside it.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** @throws UserError naming the source when `[offset, offset + length)` is not inside it. */
export function checkRange(source: { name: string; size: number }, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= source.size) return;
  throw new UserError(
    `${source.name}: bytes ${offset} to ${offset + length} are wanted, but there are only ${source.size}. ` +
      'The file is truncated or damaged: download it again.',
  );
}

/** Bytes in memory as a source. Reads are copies, so tensors never alias `bytes`. */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    read(offset, length) {
      return Promise.resolve().then(() => {
        checkRange({ name, size: bytes.length }, offset, length);
        return bytes.slice(offset, offset + length);
      });
    },
  };
}

/** The part `[start, start + size)` of a source, as a source. Reads check the part's bounds, then the whole's. */
export function partOf(source: ByteSource, start: number, size: number, name = source.name): ByteSource {
  return {
    name,
    size,
    async read(offset, length) {
      checkRange({ name, size }, offset, length);
      return source.read(start + offset, length);
    },
  };
}
