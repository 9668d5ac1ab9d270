// Decoded photos kept in a folder: decoding tens of thousands takes a minute, reading them again a moment.
// The decoding is that of pixels.ts.

import { createHash } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { openFile, writeSafetensorsFile } from '../../checkpoint/node.ts';
import { readSafetensors } from '../../files/safetensors.ts';
import { imageDefaults } from '../limits.ts';
import { loadPixels, type LabelledPixels, type PixelsOptions } from './pixels.ts';

/** Changes when what is kept does. */
const version = 1;

/**
 * As `loadPixels`. Of an archive, the pixels are kept in `folder` for the next time, by its path, size and time of change;
 * folders are decoded anew, for it cannot be told cheaply whether they have changed. A kept file that is damaged is made
 * anew; where none can be written, nothing is kept.
 */
export async function cachedPixels(path: string, options: PixelsOptions, folder: string): Promise<LabelledPixels> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return loadPixels(path, options);
  const { height, width } = options.size;
  const { maxPixels = imageDefaults.maxPixels, memory = imageDefaults.memory } = options;
  const key = JSON.stringify([version, resolve(path), found.size, found.mtimeMs, height, width, maxPixels, memory]);
  const file = join(folder, `${createHash('sha256').update(key).digest('hex').slice(0, 24)}.safetensors`);
  const kept = await readPixels(file);
  if (kept && !(options.strict && kept.unreadable.length)) return kept;
  const set = await loadPixels(path, options);
  try {
    await mkdir(folder, { recursive: true });
    await writePixels(file, set);
  } catch {
    // Then it is decoded once more next time.
  }
  return set;
}

function writePixels(file: string, { pixels, labels, ...rest }: LabelledPixels): Promise<void> {
  const { n, height, width } = rest;
  const tensors = new Map([
    ['pixels', { dtype: 'uint8', shape: [n, 3, height, width], data: pixels }],
    ['labels', { dtype: 'int32', shape: [n], data: labels }],
  ] as const);
  return writeSafetensorsFile(file, tensors, { set: JSON.stringify(rest) });
}

/** Undefined when there are none, or the file is damaged. */
async function readPixels(file: string): Promise<LabelledPixels | undefined> {
  try {
    const source = await openFile(file);
    try {
      const { tensors, metadata } = await readSafetensors(source);
      const [pixels, labels] = await Promise.all(['pixels', 'labels'].map((name) => tensors.get(name)!.load()));
      const rest = JSON.parse(metadata.set) as Omit<LabelledPixels, 'pixels' | 'labels'>;
      const { n, height, width, names } = rest;
      if (pixels.shape.join() !== [n, 3, height, width].join() || labels.shape[0] !== n || names.length !== n) {
        return undefined;
      }
      return { ...rest, pixels: pixels.data as Uint8Array, labels: labels.data as Int32Array };
    } finally {
      await source.close();
    }
  } catch {
    return undefined;
  }
}
