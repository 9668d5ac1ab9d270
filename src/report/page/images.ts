// Image files of the report as addresses that an <img> can show.
// It keeps the last ones only: a report may hold more images than a tab should.

import type { Report } from './data.ts';

/** More than are ever in the document at once, so that no address is revoked while it is shown. */
const kept = 600;
const urls = new Map<number, Promise<string | null>>();

/** The address of an image, by its index; null when its file is not in the report. */
export function imageUrl(report: Report, image: number): Promise<string | null> {
  const { offset, length } = report.packed.images[image];
  const url =
    urls.get(image) ??
    (length === 0
      ? Promise.resolve(null)
      : report.images.read(offset, length).then((bytes) => URL.createObjectURL(new Blob([bytes]))));
  urls.delete(image);
  urls.set(image, url);
  const oldest = urls.entries().next();
  if (urls.size > kept && !oldest.done) {
    const [index, old] = oldest.value;
    urls.delete(index);
    void old.then((address) => address && URL.revokeObjectURL(address));
  }
  return url;
}
