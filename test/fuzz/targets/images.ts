// Photos as they come: encoded images, and the archives that hold them.
// Folders of photos are the file system's business.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { pack } from 'tar-stream';
import { UserError } from '../../../src/errors.ts';
import { imageDefaults } from '../../../src/images/limits.ts';
import { decodePixels, decodingBytes, imageSize } from '../../../src/images/node/decode.ts';
import { openImages } from '../../../src/images/node.ts';
import { png, raw, noise, webp } from '../../images/pictures.ts';
import { changed } from '../generators/bytes.ts';
import type { Target } from '../target.ts';

const pixels = noise(16, 12);
const jpeg = (): Promise<Buffer> => raw(pixels, 16, 12).jpeg().toBuffer();

async function pictures(): Promise<Record<string, Uint8Array>> {
  return {
    'a/1.png': await png(pixels, 16, 12),
    'b.webp': await webp(pixels, 16, 12),
    'c.jpg': await jpeg(),
    'e.avif': await raw(pixels, 16, 12).avif({ effort: 0 }).toBuffer(),
    'f.tif': await raw(pixels, 16, 12).tiff({ compression: 'lzw' }).toBuffer(),
  };
}

async function tar(files: Record<string, Uint8Array>): Promise<Uint8Array> {
  const archive = pack();
  for (const [name, bytes] of Object.entries(files)) archive.entry({ name }, Buffer.from(bytes));
  archive.entry({ name: 'd.png', type: 'link', linkname: 'a/1.png' });
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return new Uint8Array(Buffer.concat(chunks));
}

/** Opens an archive and reads every image of it; one that cannot be read does not end the others. */
async function readArchive(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(path, bytes);
  const set = await openImages(path);
  const refused: unknown[] = [];
  try {
    for (const i of set.names.keys()) await set.read(i).catch((error: unknown) => refused.push(error));
  } finally {
    await set.close();
  }
  for (const error of refused.filter((one) => (one as Error).name !== 'UserError')) throw error;
  if (refused.length) throw refused[0];
}

const archive = (extension: string, seeds: (files: Record<string, Uint8Array>) => Promise<Uint8Array[]>): Target => ({
  name: `images-${extension.replaceAll('.', '-')}`,
  prepare: async (scratch) => ({
    inputs: changed(await seeds(await pictures())),
    read: (bytes) => readArchive(join(scratch, `photos.${extension}`), bytes),
  }),
});

export const images: readonly Target[] = [
  {
    name: 'images',
    prepare: async () => ({
      inputs: changed(Object.values(await pictures())),
      async read(bytes) {
        await imageSize(bytes);
        // As those do who read photos for a run.
        if ((await decodingBytes(bytes)) > imageDefaults.memory) throw new UserError('too much memory');
        await decodePixels(bytes, { height: 8, width: 8 });
      },
    }),
  },
  archive('zip', (files) => Promise.resolve([zipSync(files), zipSync(files, { level: 0 })])),
  archive('tar', async (files) => [await tar(files)]),
  archive('tar.gz', async (files) => [new Uint8Array(gzipSync(await tar(files)))]),
];
