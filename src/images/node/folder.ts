// A folder of images, with its subfolders, as an image set.
// It does not watch the folder: what is added later is not seen.

import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { compareNames, imageSetOf, isHidden, isImageName, type ImageSet } from '../image-set.ts';
import { fileReader, reasonOf } from '../../files/node/file.ts';

/**
 * Opens a folder. Every folder below it is read once, however many symbolic links lead there, under its own path
 * if it has one in the tree; links to files are files. Hidden files and folders are skipped. A link to nowhere that is
 * named like an image counts as one, which cannot be read.
 * @throws UserError when a folder cannot be read or there are no images.
 */
export async function openFolder(path: string, source: string): Promise<ImageSet> {
  const entries = new Map<string, () => Promise<Uint8Array>>();
  for (const name of await listImages(path)) entries.set(name, fileReader(join(path, name)));
  return imageSetOf(source, entries);
}

async function listImages(root: string): Promise<string[]> {
  const images: string[] = [];
  const seen = new Set<string>();
  const folders = [''];
  const linked: string[] = [];
  // Linked folders wait until all real ones are seen, so that what is in the tree has its own path.
  while (folders.length + linked.length > 0) {
    const folder = folders.pop() ?? linked.shift()!;
    const path = join(root, folder);
    try {
      const real = await realpath(path);
      if (seen.has(real)) continue;
      seen.add(real);
      const items = await readdir(path, { withFileTypes: true });
      for (const item of items.sort((a, b) => compareNames(a.name, b.name))) {
        if (isHidden(item.name)) continue;
        const name = folder + item.name;
        // A link is what it leads to; nothing, when it leads nowhere.
        const kind = item.isSymbolicLink() ? await stat(join(root, name)).catch(() => undefined) : item;
        if (kind?.isDirectory()) (kind === item ? folders : linked).push(`${name}/`);
        else if ((!kind || kind.isFile()) && isImageName(name)) images.push(name);
      }
    } catch (error) {
      throw new UserError(`the folder ${path} cannot be read: ${reasonOf(error)}`);
    }
  }
  return images;
}
