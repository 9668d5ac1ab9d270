// A result of inversion, translation or editing as files: images, the latent, the numbers, and its part of the page.
// It searches nothing; the folder, and the functions that encode images, are given.

import { safetensorsChunks } from '../../files/safetensors.ts';
import type { Float32Tensor } from '../../graph/tensor.ts';
import type { Folder } from '../../files/folder.ts';
import type { Latents } from '../../synthesis/search/latents.ts';
import type { SearchResult } from '../../synthesis/search/optimise.ts';
import { base64 } from '../blocks.ts';
import { heatmapPixels } from '../heatmap.ts';
import type { ShownPair, UnitMap } from './maps.ts';
import { synthesisPage, type Curve, type Match, type Picture, type SynthesisResult } from './page.ts';
import { present } from '../../lookup.ts';

/** How images become files. */
export interface ImageEncoders {
  /** PNG of a planar image `[3, height, width]`, RGB in [0, 1]. */
  image(rgb: Float32Array, height: number, width: number): Promise<Uint8Array>;
  /** PNG of interleaved bytes `[height, width, 3]`. */
  pixels(rgb: Uint8Array, width: number, height: number): Promise<Uint8Array>;
  /** Animated WebP of planar images, each shown for `delayMs`. */
  animation(
    frames: readonly Float32Array[],
    options: { height: number; width: number; delayMs: number },
  ): Promise<Uint8Array>;
}

export interface Still {
  /** Without extension, e.g. `picture`. */
  readonly file: string;
  readonly caption: string;
  /** `[1, 3, height, width]`, RGB in [0, 1]. */
  readonly image: Float32Tensor;
}

/** All that is told of one result. */
export interface Outcome {
  readonly name: string;
  /** Written as PNG files, and shown; the one called `image` is the result. */
  readonly stills: readonly Still[];
  /** Planar frames of the way to the result, of its size; none: no animation. */
  readonly way: readonly Float32Array[];
  readonly latents: Latents;
  /** Of the latent's file. */
  readonly about: Readonly<Record<string, string>>;
  readonly facts: SynthesisResult['facts'];
  readonly warnings: readonly string[];
  readonly curves: readonly Curve[];
  readonly pairs: readonly ShownPair[];
  readonly metrics: Metrics;
}

/** What `metrics.json` holds. */
export interface Metrics {
  readonly name: string;
  readonly stopped: SearchResult['stopped'];
  readonly [name: string]: unknown;
}

/** The brightest colour stands for so many standard deviations above the mean. */
const brightest = 3;
/** Larger maps are reduced: nobody sees more in a heatmap, and the page stays light. */
const largestMap = 64;
/** Of an animation in all. */
const wayMs = 3000;

const mapsNote = `Maps show deviations from each unit’s mean over the run, from black (the mean or less) to yellow (${brightest} standard deviations).`;

/** Names of the files of a result; `metrics.json` and `index.html` come last, the first of them when all is there. */
export const resultFiles = [
  'metrics.json',
  'index.html',
  'latent.safetensors',
  'way.webp',
  'image.png',
  'start.png',
  'picture.png',
  'original.png',
] as const;

const numbers = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

/** Writes the images and the latent; returns what the page shows. @param prefix of all names, e.g. `goldfish/`. */
export async function writeOutcome(
  folder: Folder,
  prefix: string,
  outcome: Outcome,
  encoders: ImageEncoders,
): Promise<SynthesisResult> {
  const { name, stills, way, warnings, facts, curves } = outcome;
  const [, , height, width] = present(
    stills.find(({ file }) => file === 'image'),
    'image',
  ).image.shape;
  const animation = way.length
    ? await encoders.animation(way, { height, width, delayMs: Math.max(40, Math.round(wayMs / way.length)) })
    : undefined;
  if (animation) await folder.write(`${prefix}way.webp`, [animation]);
  const pictures: Picture[] = [];
  for (const { file, caption, image } of stills) {
    const [, , h, w] = image.shape;
    const png = await encoders.image(image.data, h, w);
    await folder.write(`${prefix}${file}.png`, [png]);
    const moving = file === 'image' && animation && { animation: inline('webp', animation) };
    pictures.push({ caption, src: inline('png', png), width: w, height: h, ...moving });
  }
  await folder.write(
    `${prefix}latent.safetensors`,
    safetensorsChunks(new Map(Object.entries(outcome.latents)), outcome.about),
  );
  const pairs: Match[] = [];
  for (const { maps, ...pair } of outcome.pairs) {
    const shown: Match['maps'][number][] = [];
    for (const map of maps) shown.push({ caption: map.caption, src: await heatmap(map, encoders) });
    pairs.push({ ...pair, maps: shown });
  }
  const warning = warnings.join(' ');
  return { name, pictures, facts, curves, pairs, ...(warning && { warning }) };
}

/** Writes the numbers of one result among several: it is finished. */
export const writeMetrics = (folder: Folder, prefix: string, metrics: object): Promise<void> =>
  folder.write(`${prefix}metrics.json`, [numbers(metrics)]);

/** Writes the page over all results, and then the numbers: the folder is finished. */
export async function writePage(
  folder: Folder,
  page: { readonly title: string; readonly lead: string; readonly results: readonly SynthesisResult[] },
  metrics: object,
): Promise<void> {
  await folder.write('index.html', [synthesisPage({ ...page, notes: [mapsNote, rNote, shownNote] })]);
  await writeMetrics(folder, '', metrics);
}

const rNote =
  'r is the correlation of two maps over the positions of one image, both less their units’ means over the run; r as mined is that over all images of the run.';

const shownNote =
  'At most 24 units are shown: those that agree best with their guides over the run, or those whose edited maps are strongest. The mean r beside the pictures is over all.';

const inline = (type: string, bytes: Uint8Array): string => `data:image/${type};base64,${base64(bytes)}`;

async function heatmap(map: UnitMap, encoders: ImageEncoders): Promise<string> {
  const { height, width, data } = reduced(map, Math.ceil(Math.max(map.height, map.width) / largestMap));
  return inline('png', await encoders.pixels(heatmapPixels(data, height, width, brightest), width, height));
}

/** Means over squares of `factor` positions a side; fewer at the right and lower edge. */
function reduced(map: UnitMap, factor: number): Pick<UnitMap, 'height' | 'width' | 'data'> {
  if (factor === 1) return map;
  const [height, width] = [Math.ceil(map.height / factor), Math.ceil(map.width / factor)];
  const [sums, counts] = [new Float32Array(height * width), new Float32Array(height * width)];
  map.data.forEach((value, i) => {
    const at = Math.floor(Math.floor(i / map.width) / factor) * width + Math.floor((i % map.width) / factor);
    sums[at] += value;
    counts[at]++;
  });
  return { height, width, data: sums.map((sum, i) => sum / counts[i]) };
}
