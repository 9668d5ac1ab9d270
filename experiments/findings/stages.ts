// What the stages of the findings share: results that are kept as JSON and read again, progress, networks, photos, the judge.
// What a stage measures is in a file of its own.

import { createHash, type BinaryLike } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { float32, GraphBuilder, sizeOf, toFloat32, type Float32Tensor } from 'rosetta-neurons/graph';
import { openPhotos, type Size } from 'rosetta-neurons/images/node';
import { runOnce, type Engine } from 'rosetta-neurons/runtime';
import type { Encoder, Generator, Model } from 'rosetta-neurons/zoo';
import { loadModel } from 'rosetta-neurons/zoo/node';

/** Raised when a result means another thing than before: what was kept is then measured again. */
const version = 2;

/** Results of stages in a folder, each with the key of all that it depends on. */
export function resultFolder(folder: string) {
  mkdirSync(folder, { recursive: true });
  const pathOf = (name: string) => join(folder, `${name}.json`);
  return {
    /** What was kept of a stage; undefined when there is nothing, or it was measured otherwise. */
    read<T>(name: string, depends: unknown): T | undefined {
      if (!existsSync(pathOf(name))) return undefined;
      const { key, result } = JSON.parse(readFileSync(pathOf(name), 'utf8')) as { key: string; result: T };
      return key === keyOf(depends) ? result : undefined;
    },
    /** Whole or not at all, whatever interrupts it. */
    keep<T>(name: string, depends: unknown, result: T): T {
      const path = pathOf(name);
      writeFileSync(`${path}.part`, JSON.stringify({ key: keyOf(depends), result }));
      renameSync(`${path}.part`, path);
      return result;
    },
  };
}

const keyOf = (depends: unknown) => hash(JSON.stringify([version, depends]));
const hash = (data: BinaryLike) => createHash('sha256').update(data).digest('hex').slice(0, 16);
export const fileHash = (path: string): string => hash(readFileSync(path));

let lastTold = 0;
/** One line on a terminal; elsewhere a line every ten seconds. */
export function tell(text: string, done = false): void {
  const terminal = process.stderr.isTTY;
  const now = performance.now();
  if (!done && now - lastTold < (terminal ? 100 : 10_000)) return;
  lastTold = done ? 0 : now;
  process.stderr.write(terminal ? `\r\u001b[K${text}${done ? '\n' : ''}` : `${text}\n`);
}

export interface Zoo {
  readonly encoders: readonly Encoder[];
  readonly generators: readonly Generator[];
  /** Of cards and weights, by name. */
  readonly hashes: Readonly<Record<string, string>>;
}

/** The networks of a folder: cards with weights beside them. */
export async function loadZoo(folder: string): Promise<Zoo> {
  const found: { model: Model; hash: string }[] = [];
  for (const file of existsSync(folder) ? readdirSync(folder).sort() : []) {
    if (!file.endsWith('.json')) continue;
    const card = join(folder, file);
    const weights = join(folder, (JSON.parse(readFileSync(card, 'utf8')) as { file?: string }).file ?? '');
    const name = file.slice(0, -'.json'.length);
    if (!weights.endsWith('.json') && existsSync(weights) && weights !== join(folder, ''))
      found.push({ model: (await loadModel(card, { name })).model, hash: `${fileHash(card)}${fileHash(weights)}` });
  }
  return {
    encoders: found.flatMap(({ model }) => (model.kind === 'encoder' ? [model] : [])),
    generators: found.flatMap(({ model }) => (model.kind === 'generator' ? [model] : [])),
    hashes: Object.fromEntries(found.map(({ model, hash: own }) => [model.name, own])),
  };
}

/** Pixels `[n, 3, height, width]`, their classes, and the names of all classes, by folders. */
export interface Photos {
  readonly images: Float32Tensor;
  readonly labels: readonly number[];
  readonly classes: readonly string[];
}

/** Photos at random. */
export async function readPhotos(
  path: string,
  samples: number,
  seed: number,
  { height, width }: Size,
): Promise<Photos> {
  const source = await openPhotos(path, { samples, seed, size: { height, width }, fallback: { height, width } });
  const folderOf = (name: string) => name.split('/').at(-2) ?? '';
  const classes = [...new Set(source.names.map(folderOf))].sort();
  const data = new Float32Array(source.samples.length * 3 * height * width);
  const labels: number[] = [];
  for await (const batch of source.batches(source.samples, 64)) {
    data.set(batch.data.subarray(0, batch.indices.length * 3 * height * width), labels.length * 3 * height * width);
    labels.push(...batch.indices.map((i) => classes.indexOf(folderOf(source.names[i]))));
  }
  await source.close();
  const shape = [labels.length, 3, height, width];
  return { images: float32(shape, data.subarray(0, sizeOf(shape))), labels, classes };
}

/** Some rows of a tensor, in this order. */
export function takeRows({ shape: [, ...shape], data }: Float32Tensor, rows: readonly number[]): Float32Tensor {
  const size = sizeOf(shape);
  const out = new Float32Array(rows.length * size);
  rows.forEach((row, i) => out.set(data.subarray(row * size, (row + 1) * size), i * size));
  return float32([rows.length, ...shape], out);
}

/** The class that an encoder with logits gives each image. */
export async function classesOf(engine: Engine, encoder: Encoder, images: Float32Tensor): Promise<number[]> {
  const b = new GraphBuilder({ name: `classes by ${encoder.name}` });
  b.output(b.identity(encoder.addTo(b, b.input('images', images.shape)).output), 'logits');
  const { logits } = await runOnce(engine, b.build(), { images });
  const [n, classes] = logits.shape;
  const data = toFloat32(logits);
  return Array.from({ length: n }, (_, i) => {
    const row = data.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row));
  });
}

/** Pictures in JSON: bytes of planar images, [0, 1] in 256 steps. */
export const packed = (planar: Float32Array): string =>
  Buffer.from(Uint8Array.from(planar, (value) => Math.round(255 * Math.min(Math.max(value, 0), 1)))).toString('base64');
export const unpacked = (text: string): Float32Array =>
  Float32Array.from(Buffer.from(text, 'base64'), (byte) => byte / 255);
