// The images and maps that a report shows for the Rosetta sets: chosen by their peaks, run once more, quantised, written.
// It draws nothing.

import { float32, sizeOf, type Tensor, floats } from '../../graph/tensor.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { resample } from '../../graph/resample.ts';
import { safetensorsChunks } from '../../files/safetensors.ts';
import { sampleShape, type ImageSource } from '../../images/source.ts';
import type { LongWork } from '../../progress.ts';
import type { Engine } from '../../runtime/engine.ts';
import { BatchSession } from '../../runtime/with-session.ts';
import type { Folder } from '../../files/folder.ts';
import type { Exemplars } from './dictionary.ts';
import { unitName } from './units.ts';
import type { MineProgress } from '../progress.ts';
import type { Moments } from '../correlation/moments.ts';
import type { Peaks } from './peaks.ts';
import { names, type MapSource, mapOf } from '../correlation/pass-graph.ts';
import type { MinedModel } from '../correlation/plan.ts';
import type { Part } from '../correlation/run-pass.ts';
import { required, present } from '../../lookup.ts';

/** Encodes `[height, width, 3]` bytes as a small WebP, no side longer than `longest`. */
export type ThumbnailEncoder = (
  rgb: Uint8Array,
  width: number,
  height: number,
  longest: number,
) => Promise<{ bytes: Uint8Array; width: number; height: number }>;

export interface ExemplarOptions extends LongWork<MineProgress> {
  readonly engine: Engine;
  readonly parts: readonly Part[];
  readonly models: readonly MinedModel[];
  readonly maps: MapSource;
  readonly moments: readonly Moments[];
  readonly peaks: Peaks;
  /** Sets by id: the unit of each model (its number among the mined ones), or undefined. */
  readonly sets: ReadonlyMap<string, readonly (number | undefined)[]>;
  /** Images for each set. */
  readonly perSet: number;
  readonly encode: ThumbnailEncoder;
  readonly folder: Folder;
}

/** Maps larger than this are reduced: nobody sees more in a heatmap, and the page stays light. */
const largestMap = 32;
const longestThumbnail = 160;
const batchSize = 16;

export async function writeExemplars(options: ExemplarOptions): Promise<Exemplars> {
  const { models, folder, signal, parts } = options;
  const chosen = new Map(
    [...options.sets].map(([id, units]) => [id, options.peaks.best(units, options.moments, options.perSet)]),
  );
  const wanted = wantedMaps(options, chosen);
  const samples = [...new Set([...chosen.values()].flat())].sort((a, b) => a - b);

  const images: Record<string, Exemplars['images'][string]> = {};
  const maps = new Map<string, { sample: number; z: Float32Array; height: number; width: number }[]>();
  let done = 0;
  const tell = () => options.onProgress?.({ stage: 'exemplars', done, total: samples.length, unit: 'images' });
  await tell();
  for (const part of parts) {
    const { source, offset } = part;
    const own = samples.filter((s) => s >= offset && s < offset + source.names.length).map((s) => s - offset);
    if (!own.length) continue;
    const session = new BatchSession(options.engine, (feeds) => mapGraph(options, part, feeds[names.samples].shape[0]));
    const shape = sampleShape(source);
    try {
      for await (const batch of source.batches(own, batchSize)) {
        const n = batch.indices.length;
        const samples = float32([n, ...shape], batch.data.subarray(0, n * sizeOf(shape)));
        const outputs = await session.run({ [names.samples]: samples });
        const pixels = floats(outputs.tensors.images.data);
        for (const [i, index] of batch.indices.entries()) {
          const sample = offset + index;
          const thumbnail = await encodeSample(source, options.encode, pixels, i);
          const file = `images/${sample}.webp`;
          await folder.write(`exemplars/${file}`, [thumbnail.bytes]);
          images[sample] = { file, name: source.names[index], width: thumbnail.width, height: thumbnail.height };
          for (const { m, l, unit } of required(wanted, sample, 'sample')) {
            if (!part.models.includes(m)) continue;
            const layer = models[m].layers[l];
            const tensor = outputs.tensors[`map/${m}/${l}`];
            const [, , height, width] = tensor.shape;
            const at = (i * layer.units + unit) * height * width;
            const { mean, inverse } = options.moments[m].standardiser(l, layer.grid, 'all');
            const z = floats(tensor.data)
              .subarray(at, at + height * width)
              .map((value) => (value - options.moments[m].centres[l][unit] - mean[unit]) * inverse[unit]);
            const name = unitName(models[m].name, layer.layer, layer.select ? layer.select[unit] : unit);
            const list = maps.get(name) ?? [];
            list.push({ sample, z, height, width });
            maps.set(name, list);
          }
        }
        outputs.dispose();
        done += n;
        await tell();
        signal?.throwIfAborted();
      }
    } finally {
      await session.release();
    }
    await writeLatents(folder, source, own);
  }

  const { units, chunks } = quantise(maps);
  const sets = Object.fromEntries([...chosen].map(([id, list]) => [id, list.filter((s) => s in images).map(String)]));
  const exemplars: Exemplars = { images, sets, units };
  await folder.write('exemplars/maps.bin', chunks);
  await folder.write('exemplars/exemplars.json', [JSON.stringify(exemplars)]);
  return exemplars;
}

interface Wanted {
  readonly m: number;
  readonly l: number;
  /** Number of the unit in its layer, among the mined ones. */
  readonly unit: number;
}

/** By sample: the units whose maps are shown on it. */
function wantedMaps(options: ExemplarOptions, chosen: ReadonlyMap<string, readonly number[]>): Map<number, Wanted[]> {
  const bySample = new Map<number, Map<string, Wanted>>();
  for (const [id, samples] of chosen) {
    for (const sample of samples) {
      const wanted = bySample.get(sample) ?? new Map<string, Wanted>();
      bySample.set(sample, wanted);
      required(options.sets, id, 'set').forEach((unit, m) => {
        if (unit === undefined) return;
        const { layers } = options.models[m];
        const l = layers.findIndex(({ offset, units }) => unit >= offset && unit < offset + units);
        wanted.set(`${m} ${unit}`, { m, l, unit: unit - layers[l].offset });
      });
    }
  }
  return new Map([...bySample].map(([sample, wanted]) => [sample, [...wanted.values()]]));
}

/** What generated exemplars were made of, as `rosetta activations --input` takes it: z and, one-hot, c. */
async function writeLatents(folder: Folder, { generated }: ImageSource, indices: readonly number[]): Promise<void> {
  if (!generated) return;
  const { generator, recipe } = generated;
  const { z: length, classes } = generator.card.latent;
  const { z, classes: chosen } = generated.latents(indices);
  const tensors = new Map<string, Tensor>([['z', float32([indices.length, length], z)]]);
  if (classes) {
    const c = new Float32Array(indices.length * classes);
    chosen.forEach((k, i) => (c[i * classes + present(k, 'class')] = 1));
    tensors.set('c', float32([indices.length, classes], c));
  }
  const metadata = { samples: JSON.stringify(indices), recipe: JSON.stringify(recipe) };
  await folder.write(`exemplars/latents/${generator.name}.safetensors`, safetensorsChunks(tensors, metadata));
}

/** The models on `n` samples, with the maps `map/m/l` `[n, units, h, w]` of the mined units, and `images`. */
function mapGraph({ models, maps }: ExemplarOptions, { source, models: present }: Part, n: number) {
  const b = new GraphBuilder({ name: 'exemplars' });
  const built = maps(b, source, n, present);
  b.output(b.identity(built.images), 'images');
  for (const m of present) {
    models[m].layers.forEach(({ layer, select, grid }, l) => {
      const full = mapOf(built.maps, m, layer);
      const units = select ? b.gather(full, select, 1) : full;
      const size = { height: Math.min(grid.height, largestMap), width: Math.min(grid.width, largestMap) };
      b.output(resample(b, units, size, { mode: 'bilinear', antialias: true }), `map/${m}/${l}`);
    });
  }
  return b.build();
}

function encodeSample({ height, width }: ImageSource, encode: ThumbnailEncoder, data: Float32Array, index: number) {
  const plane = height * width;
  const rgb = new Uint8Array(3 * plane);
  for (let p = 0; p < plane; p++) {
    for (let c = 0; c < 3; c++) rgb[3 * p + c] = Math.round(255 * data[(index * 3 + c) * plane + p]);
  }
  return encode(rgb, width, height, longestThumbnail);
}

/** Standard deviations above the mean as bytes, 255 for the largest of each unit. */
function quantise(
  maps: ReadonlyMap<string, readonly { sample: number; z: Float32Array; height: number; width: number }[]>,
) {
  const units: Record<string, Exemplars['units'][string]> = {};
  const chunks: Uint8Array[] = [];
  let offset = 0;
  for (const [name, list] of maps) {
    const scale = Math.max(1e-6, ...list.map(({ z }) => z.reduce((most, value) => Math.max(most, value), 0)));
    const { height, width } = list[0];
    units[name] = { offset, height, width, images: list.map(({ sample }) => String(sample)), scale };
    for (const { z } of list) {
      chunks.push(Uint8Array.from(z, (value) => Math.round((255 * Math.max(0, value)) / scale)));
      offset += z.length;
    }
  }
  return { units, chunks };
}
