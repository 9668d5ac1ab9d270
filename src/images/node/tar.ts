// A tar archive, compressed by gzip or not, as an image set.
// It never unpacks into files under the names of the archive.

import { open, type FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type ExtractEvents } from 'tar-stream';
import { UserError } from '../../errors.ts';
import { imageSetOf, isImageName, type ImageSet } from '../image-set.ts';
import { readAt, reasonOf } from '../../files/node/file.ts';
import { Spool } from '../../files/node/spool.ts';

type Reader = () => Promise<Uint8Array>;
type Header = ExtractEvents['entry'][0];
type Body = ExtractEvents['entry'][1];

/**
 * Opens a tar archive (ustar, pax, GNU, v7). It is read through once. A plain one is then read in place; of a
 * compressed one, the images are kept, in memory up to `memoryLimit` bytes (default 1 GiB), the rest in a temporary
 * file. Links lead to images of the same archive. Of two entries with one name the later counts, as when unpacking.
 * @throws UserError when it is broken or contains no images.
 */
export async function openTar(path: string, source: string, memoryLimit = 2 ** 30): Promise<ImageSet> {
  const file = await open(path);
  const spool = new Spool(memoryLimit);
  const close = async (): Promise<void> => {
    await file.close();
    await spool.close();
  };
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    const gzipped = bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
    return imageSetOf(source, await index(file, gzipped, spool), close);
  } catch (error) {
    await close();
    if (error instanceof UserError) throw error;
    throw new UserError(`${path} is not a complete tar archive (${reasonOf(error)}): fetch or make it again`);
  }
}

async function index(file: FileHandle, gzipped: boolean, spool: Spool): Promise<Map<string, Reader>> {
  const entries = new Map<string, Reader>();
  const links = new Map<string, string>();

  const visit = async (header: Header, body: Body): Promise<void> => {
    const name = clean(header.name);
    if (!isImageName(name)) return skip(body);
    links.delete(name);
    entries.delete(name);
    if (header.type === 'file' || header.type === 'contiguous-file') {
      if (gzipped) {
        entries.set(name, await spool.add(await collect(body)));
      } else {
        // The offset is that of the header, which is one block.
        entries.set(name, () => readAt(file, body.offset + 512, header.size));
        await skip(body);
      }
      return;
    }
    if (header.type === 'link') links.set(name, clean(header.linkname));
    if (header.type === 'symlink') links.set(name, posix.join(posix.dirname(name), header.linkname));
    await skip(body);
  };

  // The option lets archives older than ustar pass; the types do not know it.
  const parser = extract({ allowUnknownFormat: true } as object);
  let visiting = Promise.resolve();
  parser.on('entry', (header, body, next) => {
    visiting = visit(header, body);
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

async function collect(body: Body): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
