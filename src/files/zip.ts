// Reads ZIP archives by their central directory: stored and deflated entries, zip64, data descriptors.
// It does not write, decrypt or check sums, and knows nothing of what is inside.

import { inflateSync } from 'fflate';
import { UserError } from '../errors.ts';
import { checkRange, type ByteSource } from './source.ts';

// Far above any checkpoint's: ten thousands of entries of a hundred bytes.
const maxDirectoryBytes = 16 * 2 ** 20;
/** torch does not compress; archives that were packed again are, and an entry is inflated whole. */
const maxInflatedBytes = 2 ** 29;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const u64 = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

/**
 * The entries of an archive by name, each a source of its uncompressed bytes.
 * @throws UserError when the central directory is missing (a truncated file) or damaged.
 */
export async function readZip(source: ByteSource): Promise<Map<string, ByteSource>> {
  const fail = (what: string): never => {
    throw new UserError(`${source.name} is a ZIP archive ${what}: it is truncated or damaged. Download it again.`);
  };
  const { offset, size } = await findDirectory(source, fail);
  if (size > maxDirectoryBytes || offset + size > source.size) fail('whose directory lies outside it');
  const bytes = await source.read(offset, size);
  const view = viewOf(bytes);
  const entries = new Map<string, ByteSource>();
  for (let at = 0; at < size;) {
    if (at + 46 > size || view.getUint32(at, true) !== 0x02014b50) fail('with a damaged directory');
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > size) fail('with a damaged directory');
    const name = new TextDecoder().decode(bytes.subarray(at + 46, nameEnd));
    if (entries.has(name)) fail(`that has two entries called ${name}`);
    const sizes = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
    if (!widen(view, nameEnd, extraEnd, sizes)) fail('with a damaged directory');
    const [inflated, stored, start] = sizes;
    if (start + stored > source.size) fail(`whose entry ${name} lies outside it`);
    const flags = view.getUint16(at + 8, true);
    entries.set(
      name,
      new ZipEntry(source, name, { method: view.getUint16(at + 10, true), flags, inflated, stored, start }),
    );
    at = next;
  }
  return entries;
}

/** Replaces the 32-bit sizes that are all ones by those of the zip64 extra field; false when it lacks them. */
function widen(view: DataView, start: number, end: number, sizes: number[]): boolean {
  const wanted = sizes.flatMap((size, i) => (size === 0xffffffff ? [i] : []));
  if (wanted.length === 0) return true;
  for (let at = start; at + 4 <= end; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    if (at + 4 + 8 * wanted.length > end) return false;
    wanted.forEach((i, nth) => (sizes[i] = u64(view, at + 4 + 8 * nth)));
    return true;
  }
  return false;
}

/** Where the central directory is, from the record at the archive's end. */
async function findDirectory(
  source: ByteSource,
  fail: (what: string) => never,
): Promise<{ offset: number; size: number }> {
  const tailSize = Math.min(source.size, 22 + 65535 + 20);
  const tailStart = source.size - tailSize;
  const tail = viewOf(await source.read(tailStart, tailSize));
  let at = tailSize - 22;
  while (at >= 0 && !(tail.getUint32(at, true) === 0x06054b50 && at + 22 + tail.getUint16(at + 20, true) === tailSize))
    at--;
  if (at < 0) fail('without its directory at the end');
  const size = tail.getUint32(at + 12, true);
  const offset = tail.getUint32(at + 16, true);
  if (size !== 0xffffffff && offset !== 0xffffffff) return { offset, size };

  if (at < 20 || tail.getUint32(at - 20, true) !== 0x07064b50) fail('whose zip64 directory is missing');
  const end = u64(tail, at - 12);
  if (end + 56 > source.size) fail('whose zip64 directory lies outside it');
  const record = viewOf(await source.read(end, 56));
  if (record.getUint32(0, true) !== 0x06064b50) fail('whose zip64 directory is damaged');
  return { offset: u64(record, 48), size: u64(record, 40) };
}

interface EntryRecord {
  readonly method: number;
  readonly flags: number;
  readonly inflated: number;
  readonly stored: number;
  readonly start: number;
}

class ZipEntry implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #source: ByteSource;
  readonly #record: EntryRecord;
  /** The inflated bytes while they are in memory: many tensors can be parts of one storage. */
  #latest: WeakRef<Uint8Array> | undefined;

  constructor(source: ByteSource, name: string, record: EntryRecord) {
    this.name = `${source.name} (${name})`;
    this.size = record.inflated;
    this.#source = source;
    this.#record = record;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const { method, flags, inflated, stored } = this.#record;
    if (flags & 1) this.#fail('it is encrypted');
    if (method === 0 && inflated === stored) return this.#source.read((await this.#dataStart()) + offset, length);
    if (method !== 8) this.#fail(`its compression (method ${method}) is not one that this reader knows`);
    // Deflate makes at most 1,032 bytes of one, so a size beyond that is a lie.
    if (inflated > stored * 1032 + 1032) this.#fail('its size is not possible');
    if (inflated > maxInflatedBytes) {
      throw new UserError(
        `${this.name} is compressed and has ${inflated} bytes, more than ${maxInflatedBytes}. ` +
          'Pack the archive again without compression.',
      );
    }
    const bytes = this.#latest?.deref() ?? this.#inflate(await this.#source.read(await this.#dataStart(), stored));
    this.#latest = new WeakRef(bytes);
    return bytes.slice(offset, offset + length);
  }

  #inflate(deflated: Uint8Array): Uint8Array {
    const room = new Uint8Array(this.size + 1); // one to spare, to notice data that go on
    let bytes: Uint8Array;
    try {
      bytes = inflateSync(deflated, { out: room });
    } catch {
      return this.#fail('its compressed data are damaged');
    }
    return bytes.length === this.size ? bytes : this.#fail('its compressed data are not of the declared size');
  }

  /** Data begin behind the local header, whose name and extra field may be longer than the directory's. */
  async #dataStart(): Promise<number> {
    const { start } = this.#record;
    const header = viewOf(await this.#source.read(start, 30));
    if (header.getUint32(0, true) !== 0x04034b50) this.#fail('its header is damaged');
    return start + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  }

  #fail(what: string): never {
    throw new UserError(`${this.name} cannot be read: ${what}. Download the file again.`);
  }
}
