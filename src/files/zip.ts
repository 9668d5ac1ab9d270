// ZIP archives by their directory: stored and deflated entries, zip64, data descriptors, also behind something else.
// The format is the library's; here is what an archive may cost that means harm. It neither writes nor decrypts.

import {
  ERR_ENTRY_DATA_OUT_OF_BOUNDS,
  ERR_EOCDR_NOT_FOUND,
  ERR_INVALID_CRC32,
  ERR_INVALID_UNCOMPRESSED_SIZE,
  ERR_LOCAL_FILE_HEADER_NOT_FOUND,
  Reader,
  WARNING_MISMATCHED_CENTRAL_DIRECTORY_OFFSET,
  Writer,
  ZipReader,
  type FileEntry,
} from '@zip.js/zip.js/lib/zip-core-native.js';
import { messageOf, UserError } from '../errors.ts';
import { checkRange, type ByteSource } from './source.ts';

// Of a hundred and fifty thousand entries. The library takes some kilobytes for each.
const maxDirectoryBytes = 16 * 2 ** 20;
/** An entry that is compressed is inflated whole. */
const maxInflatedBytes = 2 ** 29;

/** What of an archive is to be checked and how, and without threads of its own: it runs under any Content Security Policy. */
const options = { useWebWorkers: false, filenameValidation: 'tolerant' } as const;

/** An entry: its uncompressed bytes, in parts or whole. */
export interface ZipEntry extends ByteSource {
  /** As the archive has it: UTF-8, or Latin-1 where it is not. */
  readonly path: string;
  /**
   * All bytes, of the size that the directory tells and with its checksum, where it has one.
   * @param admit is told how many bytes that takes, before they are taken; what it throws is passed on.
   * @throws UserError with the reason alone.
   */
  whole(admit?: (bytes: number) => void | Promise<void>): Promise<Uint8Array>;
}

/**
 * The files of an archive, in the order of its directory; of two with one name both. Nothing but the directory is read.
 * @throws UserError when the directory is missing (a truncated file), damaged, or larger than 16 MiB.
 */
export async function readZip(source: ByteSource): Promise<ZipEntry[]> {
  const archive = new SourceReader(source);
  const reader = new ZipReader(archive, options);
  const entries: ZipEntry[] = [];
  const damaged = (what: string, why = 'truncated or damaged') =>
    new UserError(`${source.name} is a ZIP archive ${what}: it is ${why}. Download it again.`);
  let headers = 0;
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      // What its beginning lacks counts backwards.
      if (entry.offset < 0) throw damaged('with a damaged directory');
      headers += headerBytes + entry.rawFilename.length + entry.rawExtraField.length + entry.rawComment.length;
      if (!entry.directory) entries.push(new Entry(archive, entry));
    }
  } catch (error) {
    if (archive.threw(error) || error instanceof UserError) throw error;
    throw damaged(messageOf(error) === ERR_EOCDR_NOT_FOUND ? 'without its directory' : 'with a damaged directory');
  }
  // The library takes as many as the end record counts, and has been led past the first where their size is wrong too.
  const moved = reader.warnings?.some(({ reason }) => reason === WARNING_MISMATCHED_CENTRAL_DIRECTORY_OFFSET);
  if (moved || (await archive.hasHeader((reader.directoryOffset ?? 0) + headers))) {
    throw damaged('whose directory lists other files than its end counts', 'damaged');
  }
  return entries;
}

/** Of an entry in the directory, before its name; it begins with PK, 1, 2. */
const headerBytes = 46;
const headerSignature = 'PK\x01\x02';

/** A source as the library reads it. */
class SourceReader extends Reader<ByteSource> {
  readonly source: ByteSource;
  /** Errors of the source: what else is thrown, of whatever class, is what the library found wrong with the bytes. */
  readonly #thrown = new WeakSet();

  constructor(source: ByteSource) {
    super(source);
    this.source = source;
    this.size = source.size;
  }

  /** Whether an error is the source's own. */
  threw(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.#thrown.has(error);
  }

  /** Whether an entry of a directory begins there. */
  async hasHeader(offset: number): Promise<boolean> {
    const bytes = await this.readUint8Array(offset, headerSignature.length);
    return String.fromCharCode(...bytes) === headerSignature;
  }

  /** As far as there are bytes: an archive may claim any offset. */
  override async readUint8Array(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.source.size);
    if (!(offset >= 0 && end > offset)) return new Uint8Array(0);
    if (end - offset > maxDirectoryBytes) {
      throw new UserError(
        `${this.source.name} is a ZIP archive whose directory is larger than ${maxDirectoryBytes} bytes. ` +
          'Pack it as .tar instead, or as several archives.',
      );
    }
    try {
      return await this.source.read(offset, end - offset);
    } catch (error) {
      if (error instanceof Object) this.#thrown.add(error);
      throw error;
    }
  }
}

/** Exactly so many bytes. */
class ExactWriter extends Writer<Uint8Array> {
  readonly #bytes: Uint8Array;
  #filled = 0;

  constructor(size: number) {
    super();
    this.#bytes = new Uint8Array(size);
  }

  override writeUint8Array(chunk: Uint8Array): Promise<void> {
    if (this.#filled + chunk.length > this.#bytes.length) throw new Error(ERR_INVALID_UNCOMPRESSED_SIZE);
    this.#bytes.set(chunk, this.#filled);
    this.#filled += chunk.length;
    return Promise.resolve();
  }

  override getData(): Promise<Uint8Array> {
    return Promise.resolve(this.#bytes);
  }
}

class Entry implements ZipEntry {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  /** Bytes in the archive. */
  readonly packed: number;
  /** Whether the archive has it as it is; else a read inflates all of it. */
  readonly stored: boolean;
  readonly #archive: SourceReader;
  readonly #entry: FileEntry;
  /** The inflated bytes while they are in memory: many tensors can be parts of one storage. */
  #latest: WeakRef<Uint8Array> | undefined;

  constructor(archive: SourceReader, entry: FileEntry) {
    this.path = decodeName(entry.rawFilename);
    this.name = `${archive.source.name} (${this.path})`;
    this.size = entry.uncompressedSize;
    this.packed = entry.compressedSize;
    this.stored = entry.compressionMethod === 0 && this.size === this.packed && !entry.encrypted;
    this.#archive = archive;
    this.#entry = entry;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    if (this.stored) return this.#archive.source.read((await this.#named(this.#dataStart())) + offset, length);
    const bytes = this.#latest?.deref() ?? (await this.#named(this.whole()));
    this.#latest = new WeakRef(bytes);
    return bytes.slice(offset, offset + length);
  }

  /** With the name before the reason. */
  async #named<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`${this.name} cannot be read: ${error.message}. Download the file again.`);
    }
  }

  async whole(admit?: (bytes: number) => void | Promise<void>): Promise<Uint8Array> {
    if (this.#entry.offset + this.packed > this.#archive.source.size) fail('the archive ends before its data');
    if (this.#entry.compressionMethod === 0 && this.size !== this.packed) {
      fail(`it is not compressed, and yet has ${this.packed} bytes in the archive and a declared size of ${this.size}`);
    }
    if (this.#entry.encrypted) fail('it is encrypted');
    const method = this.#entry.compressionMethod;
    // The library may know others, which no program writes for these files.
    if (method !== 0 && method !== 8) fail(`it is compressed by method ${method}, not stored or deflated`);
    // Deflate makes at most 1,032 bytes of one, so a size beyond that is a lie.
    if (!this.stored && this.size > this.packed * 1032 + 1032) fail('its size is not possible');
    if (!this.stored && this.size > maxInflatedBytes) {
      fail(
        `it is compressed and has ${this.size} bytes, more than ${maxInflatedBytes}; pack the archive without compression`,
      );
    }
    await admit?.(this.size + (this.stored ? 0 : this.packed));
    const writer = new ExactWriter(this.size);
    // Some writers of checkpoints leave the checksum at 0.
    const checkCrc32 = this.#entry.crc32 !== 0;
    return this.#told(() => this.#entry.getData(writer, { ...options, checkCrc32 }));
  }

  /** Where the data begin in the source. */
  async #dataStart(): Promise<number> {
    await this.#told(() => this.#entry.getData(new ExactWriter(0), { ...options, checkOverlappingEntryOnly: true }));
    return this.#entry.localDirectory?.dataOffset ?? fail('its header is damaged');
  }

  /** What the library finds wrong, in words. */
  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (this.#archive.threw(error) || error instanceof UserError) throw error;
      return fail(problems[messageOf(error)] ?? 'its compressed data are damaged');
    }
  }
}

function fail(reason: string): never {
  throw new UserError(reason);
}

const problems: Readonly<Record<string, string | undefined>> = {
  [ERR_INVALID_CRC32]: 'its checksum is wrong',
  [ERR_INVALID_UNCOMPRESSED_SIZE]: 'its data are not of the declared size',
  [ERR_ENTRY_DATA_OUT_OF_BOUNDS]: 'the archive ends before its data',
  [ERR_LOCAL_FILE_HEADER_NOT_FOUND]: 'its header is damaged',
};

/** Many programs write UTF-8 without saying so; what is not UTF-8 is read as Latin-1. */
function decodeName(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  }
}
