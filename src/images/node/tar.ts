// A tar archive, compressed by gzip or not, as an image set.
// It never unpacks into files under the names of the archive.

import { open, type FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type ExtractEvents } from 'tar-stream';
import { complaintOf, UserError } from '../../errors.ts';
import { imageDefaults, inMebibytes } from '../limits.ts';
import { imageSetOf, isImageName, type ImageReader, type ImageSet } from '../image-set.ts';
import { readAt, stampOf } from '../../files/node/file.ts';
import { isSystemError, reasonOf } from '../../files/node/system-error.ts';
import { Spool } from '../../files/node/spool.ts';
import { nameOf } from './name.ts';

/** Names that pax gives are UTF-8; others are bytes, here as Latin-1. */
type Header = Omit<ExtractEvents['entry'][0], 'pax'> & {
  readonly pax?: { readonly path?: string; readonly linkpath?: string } | null;
};
type Body = ExtractEvents['entry'][1];

export interface OpenLimits {
  /** Bytes of memory for the images of a compressed tar archive, which are kept; default 1 GiB. */
  readonly kept?: number;
  /** Most encoded bytes of one of them: one with more counts as unreadable; default 256 MiB. */
  readonly maxBytes?: number;
}

/**
 * Opens a tar archive (ustar, pax, GNU, v7). It is read through once. A plain one is then read in place; of a
 * compressed one, the images are kept, in memory up to `kept` bytes, the rest in a temporary file. Links lead to images of the same archive. Of two entries with one name the later counts, as when unpacking.
 * @throws UserError when it is broken or contains no images.
 */
export async function openTar(path: string, source: string, limits: OpenLimits = {}): Promise<ImageSet> {
  const file = await open(path);
  const spool = new Spool(limits.kept ?? 2 ** 30);
  const close = async (): Promise<void> => {
    await file.close();
    await spool.close();
  };
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    const gzipped = bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
    return imageSetOf(
      source,
      await index(file, gzipped && { spool, maxBytes: limits.maxBytes ?? imageDefaults.maxBytes }),
      () => stampOf(path),
      close,
    );
  } catch (error) {
    await close();
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${path} is not a complete tar archive (${isSystemError(error) ? reasonOf(error) : complaintOf(error)}): fetch or make it again`,
    );
  }
}

async function index(
  file: FileHandle,
  gzipped: false | { spool: Spool; maxBytes: number },
): Promise<Map<string, ImageReader>> {
  const entries = new Map<string, ImageReader>();
  const links = new Map<string, string>();

  const visit = async (header: Header, body: Body): Promise<void> => {
    const name = clean(header.pax?.path ?? nameOf(Buffer.from(header.name, 'latin1')));
    if (!isImageName(name)) return skip(body);
    links.delete(name);
    entries.delete(name);
    if (header.type === 'file' || header.type === 'contiguous-file') {
      if (gzipped) {
        entries.set(name, await kept(header.size, body, gzipped));
      } else {
        // The offset is that of the header, which is one block.
        entries.set(name, async (admit) => {
          await admit(header.size);
          return readAt(file, body.offset + 512, header.size);
        });
        await skip(body);
      }
      return;
    }
    const target = header.pax?.linkpath ?? nameOf(Buffer.from(header.linkname ?? '', 'latin1'));
    if (header.type === 'link') links.set(name, clean(target));
    if (header.type === 'symlink') links.set(name, posix.join(posix.dirname(name), target));
    await skip(body);
  };

  // The options let archives older than ustar pass, and names be bytes but where pax says that they are UTF-8; the types
  // do not know them.
  const parser = extract({ allowUnknownFormat: true, filenameEncoding: 'latin1' } as object);
  let visiting = Promise.resolve();
  parser.on('entry', (header, body, next) => {
    visiting = visit(header as Header, body);
    visiting.then(() => next(), next);
  });
  const bytes = file.createReadStream({ start: 0, autoClose: false, highWaterMark: 2 ** 18 });
  await (gzipped ? pipeline(bytes, createGunzip({ chunkSize: 2 ** 18 }), parser) : pipeline(bytes, parser));
  // Without the empty blocks that should end an archive, the parser does not wait for the last entry.
  await visiting;

  for (const [name, target] of links) {
    const missing = (): Promise<never> =>
      Promise.reject(new UserError(`a link to ${target}, which is not an image of this archive`));
    entries.set(name, entries.get(target) ?? missing);
  }
  return entries;
}

/** `tar -C folder .` starts every name with `./`. */
const clean = (name: string): string => name.replace(/^(\.\/+)+/, '');

const skip = (body: Body): Promise<void> =>
  new Promise((resolve, reject) => body.on('end', resolve).on('error', reject).resume());

/** An image of a compressed archive, kept; one that is too large is never held. */
async function kept(
  size: number,
  body: Body,
  { spool, maxBytes }: { spool: Spool; maxBytes: number },
): Promise<ImageReader> {
  if (size > maxBytes) {
    await skip(body);
    const reason = `its ${inMebibytes(size)} are more than the ${inMebibytes(maxBytes)} of an image`;
    return () => Promise.reject(new UserError(reason));
  }
  const stored = await spool.add(await collect(body));
  return async (admit) => {
    await admit(size);
    return stored();
  };
}

async function collect(body: Body): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) {
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks);
}
