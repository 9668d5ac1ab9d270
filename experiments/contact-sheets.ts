// Contact sheets of the zoo's generators, one PNG each: a class a row where there are classes, random samples otherwise.
// Samples are the first of the seed, not chosen; those of a column have one z.
// usage: npm run experiment contact-sheets -- [--zoo DIR] [--only NAME,...] [--columns N] [--rows N] [--factor N] [--seed N]
//        [--truncation N] [--out DIR]

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { enlarge, generatedSource, toInterleaved } from 'rosetta-neurons/images';
import { encodeImage, type Size } from 'rosetta-neurons/images/node';
import { collectActivations } from 'rosetta-neurons/mining';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import type { Generator } from 'rosetta-neurons/zoo';
import { loadModel } from 'rosetta-neurons/zoo/node';

const { values } = parseArgs({
  options: {
    zoo: { type: 'string', default: 'zoo' },
    only: { type: 'string' },
    columns: { type: 'string', default: '10' },
    rows: { type: 'string', default: '8' },
    factor: { type: 'string', default: '2' },
    seed: { type: 'string', default: '0' },
    truncation: { type: 'string', default: '1' },
    out: { type: 'string', default: 'docs/images' },
  },
});
const columns = Number(values.columns);
const [seed, truncation, factor] = [values.seed, values.truncation, values.factor].map(Number);
/** Pixels between images, before they are enlarged. */
const gap = 1;
const engine = nodeEngine();
const only = values.only?.split(',');
mkdirSync(values.out, { recursive: true });

for (const file of readdirSync(values.zoo)) {
  const name = file.replace(/\.json$/, '');
  const isNetwork = name !== file && existsSync(join(values.zoo, `${name}.safetensors`));
  if (!isNetwork || (only && !only.includes(name))) continue;
  const { model } = await loadModel(join(values.zoo, file), { name });
  if (model.kind !== 'generator') continue;
  const { classes } = model.card.latent;
  const rows: Float32Array[] = [];
  if (classes) for (let c = 0; c < classes; c++) rows.push(...(await imagesOf(model, columns, [c])));
  else rows.push(...(await imagesOf(model, columns * Number(values.rows))));
  const path = join(values.out, `samples-${name}.png`);
  writeFileSync(path, await sheet(rows, model.card.latent));
  console.log(`${path}: ${rows.length} samples, ${classes ? 'a class a row' : 'at random'}`);
}

/** Planar images, RGB in [0, 1]. */
async function imagesOf(model: Generator, samples: number, classes?: readonly number[]): Promise<Float32Array[]> {
  const source = generatedSource(model, { samples, seed, classes, truncation });
  const all = Array.from({ length: samples }, (_, i) => i);
  const input = { source, samples: all };
  const maps = await collectActivations({ engine, model, input, batch: columns, memory: 4e9 });
  const data = maps.get('output')?.data ?? new Float32Array();
  return all.map((i) => data.subarray((i * data.length) / samples, ((i + 1) * data.length) / samples));
}

/** A PNG of images in rows, white between them. */
function sheet(images: readonly Float32Array[], { height, width }: Size): Promise<Uint8Array> {
  const lines = Math.ceil(images.length / columns);
  const size = { height: lines * (height + gap) - gap, width: columns * (width + gap) - gap };
  const pixels = new Uint8Array(3 * size.height * size.width).fill(255);
  images.forEach((image, i) => {
    const rgb = toInterleaved(image);
    const [top, left] = [Math.floor(i / columns) * (height + gap), (i % columns) * (width + gap)];
    for (let y = 0; y < height; y++) {
      pixels.set(rgb.subarray(3 * y * width, 3 * (y + 1) * width), 3 * ((top + y) * size.width + left));
    }
  });
  const large = enlarge(pixels, size.height, size.width, factor);
  return encodeImage(large, size.width * factor, size.height * factor, 'png');
}
