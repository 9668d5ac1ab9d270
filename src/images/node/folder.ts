// A folder of images, with its subfolders, as an image set.
// It does not watch the folder: what is added later is not seen.

import { readdir, realpath, stat } from 'node:fs/promises';
import { UserError } from '../../errors.ts';
import { imageSetOf, isHidden, isImageName, type ImageReader, type ImageSet } from '../image-set.ts';
import { fileReader, stampOf } from '../../files/node/file.ts';
import { reasonOf } from '../../files/node/system-error.ts';
import { nameOf } from './name.ts';
import { required } from '../../lookup.ts';

/**
 * Opens a folder. Every folder below it is read once, however many symbolic links lead there, under its own path
 * if it has one in the tree; links to files are files. Hidden files and folders are skipped. A link to nowhere that is
 * named like an image counts as one, which cannot be read. Names that are not UTF-8 are shown with `\xNN` for the bytes
 * that are not.
 * @throws UserError when a folder cannot be read or there are no images.
 */
export async function openFolder(path: string, source: string): Promise<ImageSet> {
  const entries = new Map<string, ImageReader>();
  const paths = new Map<string, Buffer>();
  for (const file of await listImages(path)) {
    let name = nameOf(file);
    // Another file may be called as this one is shown.
    while (entries.has(name)) name = `\\x${name}`;
    paths.set(name, under(path, file));
    entries.set(name, fileReader(under(path, file)));
  }
  return imageSetOf(source, entries, (name) => stampOf(required(paths, name, 'image')));
}

// Paths are bytes: they need not be UTF-8, and would not lead back to their files as text.
const under = (root: string, path: Buffer): Buffer => Buffer.concat([Buffer.from(`${root}/`), path]);
const slash = Buffer.from('/');

async function listImages(root: string): Promise<Buffer[]> {
  const images: Buffer[] = [];
  const seen = new Set<string>();
  const folders: Buffer[] = [Buffer.alloc(0)];
  const linked: Buffer[] = [];
  // Linked folders wait until all real ones are seen, so that what is in the tree has its own path.
  for (let folder = folders.pop(); folder; folder = folders.pop() ?? linked.shift()) {
    const path = under(root, folder);
    try {
      const real = (await realpath(path, { encoding: 'buffer' })).toString('latin1');
      if (seen.has(real)) continue;
      seen.add(real);
      const items = await readdir(path, { withFileTypes: true, encoding: 'buffer' });
      for (const item of items.sort((a, b) => Buffer.compare(a.name, b.name))) {
        const shown = nameOf(item.name);
        if (isHidden(shown)) continue;
        const inside = Buffer.concat([folder, item.name]);
        // A link is what it leads to; nothing, when it leads nowhere.
        const kind = item.isSymbolicLink() ? await stat(under(root, inside)).catch(() => undefined) : item;
        if (kind?.isDirectory()) (kind === item ? folders : linked).push(Buffer.concat([inside, slash]));
        else if ((!kind || kind.isFile()) && isImageName(shown)) images.push(inside);
      }
    } catch (error) {
      throw new UserError(`the folder ${nameOf(path)} cannot be read: ${reasonOf(error)}`);
    }
  }
  return images;
}
