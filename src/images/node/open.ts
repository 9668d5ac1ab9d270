// Opens whatever holds images: a folder, an archive, a single file.
// Each kind has a file of its own.

import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import { hasImageExtension, imageSetOf, type ImageSet } from '../image-set.ts';
import { imageExtensions } from '../format.ts';
import { fileReader, stampOf } from '../../files/node/file.ts';
import { reasonOf } from '../../files/node/system-error.ts';
import { openFolder } from './folder.ts';
import { openTar, type OpenLimits } from './tar.ts';
import { openZip } from './zip.ts';

/**
 * Opens a folder (with its subfolders), a .tar, .tar.gz, .tgz or .zip archive, or a single image file. Images are
 * files with an extension of `imageExtensions`, in any case; hidden ones do not count. The content is looked at when an
 * image is read, not here.
 * @throws UserError when the path does not exist or cannot be read, is nothing of these, is a broken archive, or holds
 * no images.
 */
export async function openImages(path: string, limits: OpenLimits = {}): Promise<ImageSet> {
  const source = basename(resolve(path));
  try {
    const kind = await stat(path);
    if (kind.isDirectory()) return await openFolder(path, source);
    if (/\.(tar|tar\.gz|tgz)$/i.test(source)) return await openTar(path, source, limits);
    if (/\.zip$/i.test(source)) return await openZip(path, source);
    if (hasImageExtension(source))
      return imageSetOf(source, new Map([[source, fileReader(path)]]), () => stampOf(path));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path} cannot be opened: ${reasonOf(error)}`);
  }
  const images = imageExtensions.join(', ');
  throw new UserError(
    `${path} is neither a folder, nor a .tar, .tar.gz, .tgz or .zip archive, nor an image (${images})`,
  );
}
