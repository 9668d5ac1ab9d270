// What the stages of the findings share: results that are kept as JSON and read again, progress, networks, photos, the judge.
// What a stage measures is in a file of its own.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraphBuilder } from 'rosetta-neurons/graph';
import { openPhotos } from 'rosetta-neurons/images/node';
import { loadModel } from 'rosetta-neurons/zoo/node';

/** Raised when a result means another thing than before: what was kept is then measured again. */
const version = 2;

/** Results of stages in a folder, each with the key of all that it depends on. */
export function resultFolder(folder) {
  mkdirSync(folder, { recursive: true });
  const pathOf = (name) => join(folder, `${name}.json`);
  return {
    /** What was kept of a stage; undefined when there is nothing, or it was measured otherwise. */
    read(name, depends) {
      if (!existsSync(pathOf(name))) return undefined;
      const { key, result } = JSON.parse(readFileSync(pathOf(name), 'utf8'));
      return key === keyOf(depends) ? result : undefined;
    },
    /** Whole or not at all, whatever interrupts it. */
    keep(name, depends, result) {
      const path = pathOf(name);
      writeFileSync(`${path}.part`, JSON.stringify({ key: keyOf(depends), result }));
      renameSync(`${path}.part`, path);
      return result;
    },
  };
}

const keyOf = (depends) => hash(JSON.stringify([version, depends]));
const hash = (data) => createHash('sha256').update(data).digest('hex').slice(0, 16);
export const fileHash = (path) => hash(readFileSync(path));

let lastTold = 0;
/** One line on a terminal; elsewhere a line every ten seconds. */
export function tell(text, done = false) {
  const terminal = process.stderr.isTTY;
  const now = performance.now();
  if (!done && now - lastTold < (terminal ? 100 : 10_000)) return;
  lastTold = done ? 0 : now;
  process.stderr.write(terminal ? `\r\u001b[K${text}${done ? '\n' : ''}` : `${text}\n`);
}

/** The networks of a folder: cards with weights beside them; encoders first. */
export async function loadZoo(folder) {
  const found = [];
  for (const file of existsSync(folder) ? readdirSync(folder).sort() : []) {
    if (!file.endsWith('.json')) continue;
    const card = join(folder, file);
    const weights = join(folder, JSON.parse(readFileSync(card, 'utf8')).file ?? '');
    const name = file.slice(0, -'.json'.length);
    if (!weights.endsWith('.json') && existsSync(weights) && weights !== join(folder, ''))
      found.push({ model: (await loadModel(card, { name })).model, hash: `${fileHash(card)}${fileHash(weights)}` });
  }
  const of = (kind) => found.filter(({ model }) => model.kind === kind).map(({ model }) => model);
  return {
    encoders: of('encoder'),
    generators: of('generator'),
    hashes: Object.fromEntries(found.map(({ model, hash: own }) => [model.name, own])),
  };
}

/** Photos at random: pixels `[n, 3, height, width]`, their classes, and the names of all classes, by folders. */
export async function readPhotos(path, samples, seed, { height, width }) {
  const source = await openPhotos(path, { samples, seed, size: { height, width }, fallback: { height, width } });
  const folderOf = (name) => name.split('/').at(-2);
  const classes = [...new Set(source.names.map(folderOf))].sort();
  const data = new Float32Array(source.samples.length * 3 * height * width);
  const labels = [];
  for await (const batch of source.batches(source.samples, 64)) {
    data.set(batch.data.subarray(0, batch.indices.length * 3 * height * width), labels.length * 3 * height * width);
    labels.push(...batch.indices.map((i) => classes.indexOf(folderOf(source.names[i]))));
  }
  await source.close();
  const shape = [labels.length, 3, height, width];
  return {
    images: { dtype: 'float32', shape, data: data.subarray(0, labels.length * 3 * height * width) },
    labels,
    classes,
  };
}

/** Some rows of a tensor, in this order. */
export function takeRows({ dtype, shape: [, ...shape], data }, rows) {
  const size = shape.reduce((product, d) => product * d, 1);
  const out = new Float32Array(rows.length * size);
  rows.forEach((row, i) => out.set(data.subarray(row * size, (row + 1) * size), i * size));
  return { dtype, shape: [rows.length, ...shape], data: out };
}

/** The class that an encoder with logits gives each image. */
export async function classesOf(engine, encoder, images) {
  const b = new GraphBuilder({ name: `classes by ${encoder.name}` });
  b.output(b.identity(encoder.build(b, b.input('images', images.shape)).output), 'logits');
  const session = await engine.open(b.build());
  try {
    const outputs = await session.run({ images });
    const { data, shape } = outputs.tensors.logits;
    const rows = Array.from({ length: shape[0] }, (_, i) => data.slice(i * shape[1], (i + 1) * shape[1]));
    outputs.dispose();
    return rows.map((row) => row.indexOf(Math.max(...row)));
  } finally {
    await session.release();
  }
}

/** Pictures in JSON: bytes of planar images, [0, 1] in 256 steps. */
export const packed = (planar) =>
  Buffer.from(Uint8Array.from(planar, (value) => Math.round(255 * Math.min(Math.max(value, 0), 1)))).toString('base64');
export const unpacked = (text) => Float32Array.from(Buffer.from(text, 'base64'), (byte) => byte / 255);
