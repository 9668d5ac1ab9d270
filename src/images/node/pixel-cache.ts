// Decoded photos kept in a folder: decoding tens of thousands takes a minute, reading them again a moment.
// The decoding is that of pixels.ts.

import { createHash } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import Type from 'typebox';
import { readJson } from '../../files/json.ts';
import { openFile, writeSafetensorsFile } from '../../checkpoint/node.ts';
import { readSafetensors } from '../../files/safetensors.ts';
import { imageDefaults } from '../limits.ts';
import { loadPixels, type LabelledPixels, type PixelsOptions } from './pixels.ts';

const whole = Type.Integer({ minimum: 0 });
const texts = Type.Array(Type.String());

/** All of `LabelledPixels` but the tensors. */
const setSchema = Type.Object({
  n: whole,
  height: whole,
  width: whole,
  classes: texts,
  names: texts,
  unreadable: Type.Array(Type.Object({ name: Type.String(), reason: Type.String() })),
});

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
  const { maxPixels = imageDefaults.maxPixels, memory } = options;
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
      const rest = readJson(setSchema, metadata.set).value;
      const kept = { pixels: await tensors.get('pixels')?.load(), labels: await tensors.get('labels')?.load() };
      const [pixels, labels] = [kept.pixels?.data, kept.labels?.data];
      if (!rest || !(pixels instanceof Uint8Array) || !(labels instanceof Int32Array)) return undefined;
      const { n, height, width, names, classes } = rest;
      const shaped = kept.pixels?.shape.join() === [n, 3, height, width].join();
      const named = labels.length === n && names.length === n && labels.every((label) => label in classes);
      return shaped && named ? { ...rest, pixels, labels } : undefined;
    } finally {
      await source.close();
    }
  } catch {
    return undefined;
  }
}
