// A picture of the dictionary of a run: concepts with their best images, and under each image the map of every network's unit.
// The concepts are the best ones of each generator, as on the demo's page; none is chosen by hand.
// usage: npm run experiment dictionary-picture -- --run DIR [--out FILE] [--images N] [--columns N]

import { readFile } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { parseUnit, type Dictionary, type Exemplars } from 'rosetta-neurons/mining';
import { encodeImage } from 'rosetta-neurons/images/node';
import { shownConcepts, type ShownConcept } from 'rosetta-neurons/report';

const { values } = parseArgs({
  options: {
    run: { type: 'string' },
    out: { type: 'string', default: 'docs/images/dictionary.png' },
    images: { type: 'string', default: '4' },
    columns: { type: 'string', default: '3' },
  },
});
const { run } = values;
if (run === undefined || !existsSync(join(run, 'dictionary.json'))) {
  console.error('usage: npm run experiment dictionary-picture -- --run DIR, a folder that "rosetta mine" wrote');
  process.exit(2);
}
const [most, columns] = [values.images, values.columns].map(Number);

/** Sides in pixels. */
const cell = 64;
const gap = 4;
const label = 216;
const head = 34;
const margin = 16;

const file = (name: string) => join(run, name);
const read = (name: string): unknown => JSON.parse(readFileSync(file(name), 'utf8'));
const concepts = await shownConcepts(
  read('dictionary.json') as Dictionary,
  read('exemplars/exemplars.json') as Exemplars,
  await readFile(file('exemplars/maps.bin')),
  (name) => readFile(file(`exemplars/${name}`)),
  { pixels: (rgb, width, height) => encodeImage(rgb, width, height, 'png') },
);

const escape = (text: string) => text.replace(/[&<>"]/g, (sign) => `&#${sign.codePointAt(0)};`);
const rows = 1 + Math.max(...concepts.map((concept) => concept.rows.length));
const width = label + most * (cell + gap) + margin;
const height = head + rows * (cell + gap) + margin;

/** SVG of an image, WebP brought to PNG: the renderer of SVG does not know it. */
async function placed(src: string, [x, y]: readonly [number, number]): Promise<string> {
  const png = await sharp(Buffer.from(src.slice(src.indexOf(',') + 1), 'base64'))
    .resize(cell, cell, { kernel: 'cubic' })
    .png()
    .toBuffer();
  return `<image x="${x}" y="${y}" width="${cell}" height="${cell}" href="data:image/png;base64,${png.toString('base64')}"/>`;
}

async function card({ id, r, images, rows: units }: ShownConcept, x: number, y: number): Promise<string> {
  const parts = [
    `<text x="${x}" y="${y + 20}" class="head">${escape(id)}<tspan class="soft" dx="8">mean r ${r.toFixed(2)}</tspan></text>`,
  ];
  const place = (column: number, row: number) =>
    [x + label + column * (cell + gap), y + head + row * (cell + gap)] as const;
  for (const [column, { src }] of images.slice(0, most).entries()) parts.push(await placed(src, place(column, 0)));
  for (const [row, { unit, maps }] of units.entries()) {
    const { model, layer, index } = parseUnit(unit);
    const [, top] = place(0, row + 1);
    parts.push(`<text x="${x}" y="${top + 28}">${escape(model)}</text>`);
    parts.push(`<text x="${x}" y="${top + 46}" class="soft">${escape(`${layer}/${index}`)}</text>`);
    for (const [column, src] of maps.slice(0, most).entries()) {
      if (src) parts.push(await placed(src, place(column, row + 1)));
    }
  }
  return parts.join('');
}

const cards = await Promise.all(
  concepts.map((concept, i) => card(concept, margin + (i % columns) * width, Math.floor(i / columns) * height)),
);
const size = { width: margin + columns * width, height: Math.ceil(concepts.length / columns) * height };
const style =
  'text { font: 15px sans-serif; fill: #222 } .head { font-weight: bold } .soft { fill: #777; font-size: 12px; font-weight: normal }';
const svg =
  `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}"><style>${style}</style>` +
  `<rect width="100%" height="100%" fill="#fff"/>${cards.join('')}</svg>`;
await sharp(Buffer.from(svg)).png({ palette: true, quality: 90 }).toFile(values.out);
console.log(`${values.out}: ${concepts.length} concepts`);
