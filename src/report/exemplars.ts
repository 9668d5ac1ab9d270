// Example images and maps as two streams of bytes, in the order in which a reader comes to see them.
// It does not decode either.

import { UserError } from '../errors.ts';
import type { Dictionary, Exemplars } from '../mining/run/dictionary.ts';
import { bySignificanceThenR } from './page/standing.ts';
import type { PackedImage, PackedMaps, UnitNumber } from './payload.ts';

export interface PackedExemplars {
  readonly images: readonly PackedImage[];
  readonly maps: readonly PackedMaps[];
  /** The stream that `images` point into, in parts. */
  readonly imageBytes: readonly Uint8Array[];
  /** The stream that `maps` point into, in parts. */
  readonly mapBytes: readonly Uint8Array[];
  /** Indices in `images` of the best images of a set. */
  imagesOf(set: string): number[];
}

/**
 * All that there is, beginning with what the first concepts of the list show: the top of the page is complete while the
 * end of a large file is still loading.
 */
function readingOrder(dictionary: Dictionary, exemplars: Exemplars): { images: string[]; units: string[] } {
  const sets = new Map(dictionary.sets.map((set) => [set.id, set]));
  const medoids = dictionary.concepts.flatMap((concept) => sets.get(concept.sets[0]) ?? []).sort(bySignificanceThenR);
  const ordered = (first: readonly string[], all: object) =>
    [...new Set([...first, ...Object.keys(all)])].filter((key) => Object.hasOwn(all, key));
  return {
    images: ordered(
      medoids.flatMap(({ id }) => exemplars.sets[id] ?? []),
      exemplars.images,
    ),
    units: ordered(
      medoids.flatMap(({ units }) => units),
      exemplars.units,
    ),
  };
}

/**
 * @param bytes `maps.bin`; without it there are images only
 * @param files encoded images by id
 * @param number of a unit, by its name
 * @throws UserError for an image that is not described, and for maps beyond the end of `bytes`
 */
export function packExemplars(
  dictionary: Dictionary,
  exemplars: Exemplars,
  bytes: Uint8Array | undefined,
  files: ReadonlyMap<string, Uint8Array>,
  number: (name: string, where: string) => UnitNumber,
): PackedExemplars {
  const order = readingOrder(dictionary, exemplars);
  const index = new Map(order.images.map((id, i) => [id, i]));
  const indexOf = (id: string): number => {
    const found = index.get(id);
    if (found !== undefined) return found;
    throw new UserError(`exemplars.json names the image "${id}", but does not describe it. Mine again.`);
  };

  const imageBytes = order.images.map((id) => files.get(id) ?? new Uint8Array());
  let imageOffset = 0;
  const images = order.images.map((id, i): PackedImage => {
    const { name, width, height } = exemplars.images[id];
    const { length } = imageBytes[i];
    imageOffset += length;
    return { name, width, height, offset: imageOffset - length, length };
  });

  const mapBytes: Uint8Array[] = [];
  let mapOffset = 0;
  const maps = (bytes ? order.units : []).map((name): PackedMaps => {
    const { offset, height, width, scale, images: ids } = exemplars.units[name];
    const length = ids.length * height * width;
    const part = bytes?.subarray(offset, offset + length);
    if (part?.length !== length) {
      throw new UserError(
        `maps.bin ends before the maps of the unit "${name}". It is cut short or of another run: mine again.`,
      );
    }
    mapBytes.push(part);
    mapOffset += length;
    const unit = number(name, 'exemplars.json');
    return { unit, offset: mapOffset - length, height, width, scale, images: ids.map(indexOf) };
  });
  return { images, maps, imageBytes, mapBytes, imagesOf: (set) => (exemplars.sets[set] ?? []).map(indexOf) };
}
