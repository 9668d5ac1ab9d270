// Photos as searches take them: named, decodable, fitted to the frame of a generator.
// What an image's bytes are is found out where they are decoded.

import { basename } from 'node:path';
import { UserError } from '../../errors.ts';
import { float32, type Float32Tensor } from '../../graph/tensor.ts';
import { decodeImage, type Size } from '../../images/node/decode.ts';
import { openImages } from '../../images/node/open.ts';
import type { Encoder, Generator } from '../../zoo/model.ts';

/** An image that guides. */
export interface Subject {
  /** For people, e.g. `goldfish.jpg`. */
  readonly label: string;
  /** Unique, fit for a folder, e.g. `goldfish`. */
  readonly name: string;
  /** Encoded, in one of `imageFormats`. */
  readonly bytes: Uint8Array;
  /** Most pixels that it may have; default 64 million. */
  readonly maxPixels?: number;
}

/**
 * All images of some files, folders and archives.
 * @throws UserError when one cannot be read or decoded: better now than after a long search.
 */
export async function readPhotos(paths: readonly string[], maxPixels?: number): Promise<Subject[]> {
  const subjects: Subject[] = [];
  const taken = new Set<string>();
  for (const path of paths) {
    const set = await openImages(path);
    try {
      for (const [i, inside] of set.names.entries()) {
        const where = set.names.length > 1 ? `${inside} of ${path}` : path;
        const bytes = await set.read(i).catch((error: Error) => unreadable(where, error));
        const subject = { label: basename(inside), name: unique(inside, taken), bytes, maxPixels };
        await fitted(subject, { height: 8, width: 8 }).catch((error: Error) => unreadable(where, error));
        subjects.push(subject);
      }
    } finally {
      await set.close();
    }
  }
  return subjects;
}

function unreadable(where: string, error: Error): never {
  if (!(error instanceof UserError)) throw error;
  throw new UserError(`${where} cannot be read: ${error.message}`);
}

/** The file's name without its extension, with a number behind it if another one has it. */
function unique(path: string, taken: Set<string>): string {
  const stem =
    basename(path)
      .replace(/\.[^.]*$/, '')
      .replace(/[^\p{L}\p{N}_+-]+/gu, '-') || 'photo';
  let name = stem;
  for (let i = 2; taken.has(name.toLowerCase()); i++) name = `${stem}-${i}`;
  taken.add(name.toLowerCase());
  return name;
}

/** `[1, 3, height, width]`, RGB in [0, 1]: scaled to cover the frame, cropped at the centre. */
export async function fitted(
  { bytes, maxPixels }: Pick<Subject, 'bytes' | 'maxPixels'>,
  size: Size,
): Promise<Float32Tensor> {
  const { data, height, width } = await decodeImage(bytes, size, maxPixels);
  return float32([1, 3, height, width], data);
}

/** Size at which encoders look at a photo: the generator's frame, large enough for the largest input. */
export function guideSize({ card }: Generator, encoders: readonly Encoder[]): Size {
  const { height, width } = card.latent;
  const scale = Math.max(1, ...encoders.flatMap(({ card: { input } }) => [input.height / height, input.width / width]));
  return { height: Math.round(height * scale), width: Math.round(width * scale) };
}
