// A zip archive as an image set: its directory is read once, its entries where and when they are asked for.
// It never unpacks into files, and reads neither encrypted nor multi-volume archives.

import { open, type FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import { UserError } from '../../errors.ts';
import { imageSetOf, isImageName, type ImageReader, type ImageSet } from '../image-set.ts';
import { readAt, reasonOf } from '../../files/node/file.ts';
import type { Admit } from '../limits.ts';

const inflate = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(inflateRaw);

/** One entry of the central directory. */
interface Entry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  /** Of the local header, from the start of the file. */
  readonly offset: number;
}

/**
 * Opens a zip archive (stored or deflated entries, zip64 too). Of two entries with one name the later counts.
 * Checksums are verified when an image is read.
 * @throws UserError when the directory is broken or names no images.
 */
export async function openZip(path: string, source: string): Promise<ImageSet> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const entries = new Map<string, ImageReader>();
    const directory = await readDirectory(file, size).catch((error: unknown) => {
      throw new UserError(`${path} is not a complete zip archive (${reasonOf(error)}): fetch or make it again`);
    });
    for (const entry of directory) {
      if (isImageName(entry.name)) entries.set(entry.name, (admit) => readEntry(file, size, entry, admit));
    }
    return imageSetOf(source, entries, () => file.close());
  } catch (error) {
    await file.close();
    throw error;
  }
}

// Layouts and signatures: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory),
// 4.3.14-16 (ends of the central directory), 4.5.3 (zip64 extra field).
const localHeader = 0x04034b50;
const centralHeader = 0x02014b50;
const endRecord = 0x06054b50;
const end64Record = 0x06064b50;
const end64Locator = 0x07064b50;

async function readDirectory(file: FileHandle, fileSize: number): Promise<Entry[]> {
  // The end record has 22 bytes and a comment of at most 65535; the locator of its zip64 twin stands right before.
  const tailStart = Math.max(0, fileSize - 22 - 65535 - 20);
  const tail = await readAt(file, tailStart, fileSize - tailStart);
  let at = tail.length - 22;
  while (at >= 0 && tail.readUInt32LE(at) !== endRecord) at--;
  if (at < 0) throw new Error('its end record is missing');

  let end = tailStart + at;
  let count = tail.readUInt16LE(at + 10);
  let length = tail.readUInt32LE(at + 12);
  let offset = tail.readUInt32LE(at + 16);
  if (at >= 20 && tail.readUInt32LE(at - 20) === end64Locator) {
    end = Number(tail.readBigUInt64LE(at - 12));
    const record = await readAt(file, end, 56);
    if (record.readUInt32LE(0) !== end64Record) throw new Error('its zip64 end record is missing');
    count = Number(record.readBigUInt64LE(32));
    length = Number(record.readBigUInt64LE(40));
    offset = Number(record.readBigUInt64LE(48));
  }
  // Offsets count from the start of the archive, which something else may precede in the file.
  const start = end - length - offset;
  if (start < 0) throw new Error('its directory is cut off');
  const directory = await readAt(file, start + offset, length);
  const entries: Entry[] = [];
  for (let position = 0; entries.length < count;) {
    if (position + 46 > length || directory.readUInt32LE(position) !== centralHeader) {
      throw new Error(`its directory lists ${entries.length} of ${count} entries`);
    }
    const { entry, next } = parseEntry(directory, position, start);
    entries.push(entry);
    position = next;
  }
  return entries;
}

function parseEntry(directory: Buffer, at: number, start: number): { entry: Entry; next: number } {
  const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
  const extraEnd = nameEnd + directory.readUInt16LE(at + 30);
  if (extraEnd > directory.length) throw new Error('its directory is cut off');
  let size = directory.readUInt32LE(at + 24);
  let compressed = directory.readUInt32LE(at + 20);
  let offset = directory.readUInt32LE(at + 42);
  for (let field = nameEnd; field + 4 <= extraEnd; field += 4 + directory.readUInt16LE(field + 2)) {
    if (directory.readUInt16LE(field) !== 1) continue;
    // The zip64 field holds only those values that do not fit into the header, in this order.
    let value = field + 4;
    const wide = (narrow: number): number => {
      if (narrow !== 0xffffffff) return narrow;
      value += 8;
      return Number(directory.readBigUInt64LE(value - 8));
    };
    size = wide(size);
    compressed = wide(compressed);
    offset = wide(offset);
  }
  const entry = {
    name: decodeName(directory.subarray(at + 46, nameEnd)),
    flags: directory.readUInt16LE(at + 8),
    method: directory.readUInt16LE(at + 10),
    crc: directory.readUInt32LE(at + 16),
    compressed,
    size,
    offset: start + offset,
  };
  return { entry, next: extraEnd + directory.readUInt16LE(at + 32) };
}

/** Many programs write UTF-8 without saying so; what is not UTF-8 is read as Latin-1. Some write `\` for `/`. */
function decodeName(bytes: Buffer): string {
  let name: string;
  try {
    name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    name = bytes.toString('latin1');
  }
  return name.replaceAll('\\', '/').replace(/^(\.\/+)+/, '');
}

function noData(): never {
  throw new UserError('its data in the archive are broken');
}

async function readEntry(file: FileHandle, fileSize: number, entry: Entry, admit: Admit): Promise<Uint8Array> {
  const { flags, method, compressed, size, offset } = entry;
  if (flags & 1) throw new UserError('it is encrypted');
  if (method !== 0 && method !== 8) throw new UserError(`it is compressed by method ${method}, not stored or deflated`);
  if (offset + compressed > fileSize) throw new UserError('the archive ends before its data');
  await admit(method === 0 ? compressed : compressed + size);
  const header = await readAt(file, offset, 30);
  if (header.readUInt32LE(0) !== localHeader) throw new UserError('its header in the archive is broken');
  const body = await readAt(file, offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28), compressed);
  const bytes = method === 0 ? body : await inflate(body, { maxOutputLength: Math.max(1, size) }).catch(noData);
  if (bytes.length !== size || crc32(bytes) !== entry.crc) throw new UserError('its checksum in the archive is wrong');
  return bytes;
}
