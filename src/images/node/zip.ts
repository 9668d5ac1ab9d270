// A zip archive as an image set: its directory is read once, its entries where and when they are asked for.
// It never unpacks into files; the format is in files/zip.ts.

import { openSource } from '../../files/node/open-source.ts';
import { stampOf } from '../../files/node/file.ts';
import { readZip } from '../../files/zip.ts';
import { imageSetOf, isImageName, type ImageReader, type ImageSet } from '../image-set.ts';

/**
 * Opens a zip archive (stored or deflated entries, zip64 too). Of two entries with one name the later counts.
 * Checksums are verified when an image is read.
 * @throws UserError when the directory is broken or names no images.
 */
export async function openZip(path: string, source: string): Promise<ImageSet> {
  const file = await openSource(path);
  try {
    const entries = new Map<string, ImageReader>();
    for (const entry of await readZip(file)) {
      // Some programs write `\\` for `/`.
      const name = entry.path.replaceAll('\\', '/').replace(/^(\.\/+)+/, '');
      if (!isImageName(name)) continue;
      entries.set(name, (admit) => entry.whole(admit));
    }
    return imageSetOf(
      source,
      entries,
      () => stampOf(path),
      () => file.close(),
    );
  } catch (error) {
    await file.close();
    throw error;
  }
}
