// The images and maps that a report shows for the Rosetta sets: chosen by their peaks, run once more, quantised, written.
// It draws nothing.

import { float32, sizeOf, type Tensor, floats } from '../../graph/tensor.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { resample } from '../../graph/resample.ts';
import { safetensorsChunks } from '../../files/safetensors.ts';
import { sampleShape, type ImageSource } from '../../images/source.ts';
import { turns, type LongWork } from '../../progress.ts';
import type { Engine } from '../../runtime/engine.ts';
import { BatchSession } from '../../runtime/with-session.ts';
import type { Folder } from '../../files/folder.ts';
import type { Exemplars } from './dictionary.ts';
import { unitName } from './units.ts';
import type { MineProgress } from '../progress.ts';
import { divideMemory } from '../correlation/budget.ts';
import type { Moments, Standardiser } from '../correlation/moments.ts';
import type { Peaks } from './peaks.ts';
import { names, type MapSource, mapOf } from '../correlation/pass-graph.ts';
import type { MinedModel } from '../correlation/plan.ts';
import type { Part } from '../correlation/run-pass.ts';
import { positions, type Grid } from '../correlation/grid.ts';
import { lastOf, required, present } from '../../lookup.ts';

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
  /** Bytes for weights, the maps of a batch, and maps that wait for others of their units. The files do not depend on it. */
  readonly memory: number;
}

/** Maps larger than this are reduced: nobody sees more in a heatmap, and the page stays light. */
const largestMap = 32;
const longestThumbnail = 160;
const mostImagesOfBatch = 16;
/** Of the memory: what waits. The more waits, the fewer times models run over their images. */
const waitingShare = 1 / 4;

export async function writeExemplars(options: ExemplarOptions): Promise<Exemplars> {
  const { folder, parts, memory } = options;
  const standardisers = options.models.map(({ layers }, m) =>
    layers.map(({ grid }, l) => options.moments[m].standardiser(l, grid, 'all')),
  );
  const chosen = new Map<string, number[]>();
  const turn = turns();
  for (const [id, units] of options.sets) {
    chosen.set(id, options.peaks.best(units, standardisers, options.perSet));
    await turn();
    options.signal?.throwIfAborted();
  }
  const waiting = waitingShare * memory;
  const groups = groupsWithin(waiting, wantedMaps(options, chosen), options.models);
  const making: Making = {
    ...options,
    standardisers,
    batch: Math.min(mostImagesOfBatch, divideMemory(memory - waiting, options).batch),
    images: {},
    units: {},
    done: 0,
    total: groups.reduce((sum, { samples }) => sum + samples.size, 0),
  };
  await folder.write('exemplars/maps.bin', quantisedMaps(making, groups));
  const { images, units } = making;
  for (const { source, offset } of parts) {
    const own = source.names.flatMap((_, i) => (offset + i in images ? [i] : []));
    if (own.length) await writeLatents(folder, source, own);
  }
  const sets = Object.fromEntries([...chosen].map(([id, list]) => [id, list.filter((s) => s in images).map(String)]));
  const exemplars: Exemplars = { images, sets, units };
  await folder.write('exemplars/exemplars.json', [JSON.stringify(exemplars)]);
  return exemplars;
}

/** What the groups share: what is known of all images and units when all maps are written, and how far that is. */
interface Making extends ExemplarOptions {
  /** By model and layer, on the layer's own grid. */
  readonly standardisers: readonly (readonly Standardiser[])[];
  readonly batch: number;
  readonly images: Record<string, Exemplars['images'][string]>;
  readonly units: Record<string, Exemplars['units'][string]>;
  /** Images that models have seen, and will have; some are seen once for each group. */
  done: number;
  readonly total: number;
}

/** A unit whose maps are shown, and the samples on which they are. */
interface Wanted {
  readonly m: number;
  readonly l: number;
  /** Number of the unit in its layer, among the mined ones. */
  readonly unit: number;
  readonly samples: Set<number>;
}

/** Units whose maps are made together. */
interface Group {
  readonly units: readonly Wanted[];
  readonly samples: ReadonlySet<number>;
}

/** The bytes of all maps, unit by unit in the order of the groups; thumbnails are written on the way. */
async function* quantisedMaps(making: Making, groups: readonly Group[]): AsyncGenerator<Uint8Array> {
  let offset = 0;
  await tell(making);
  for (const group of groups) {
    const made = await mapsOfGroup(making, group);
    for (const wanted of group.units) {
      const { name: model, layers } = making.models[wanted.m];
      const { layer, select, grid } = layers[wanted.l];
      const list = required(made, wanted, 'unit');
      if (!list.length) continue; // none of its images could be read
      const name = unitName(model, layer, select ? select[wanted.unit] : wanted.unit);
      const { bytes, scale } = quantised(list);
      making.units[name] = { offset, ...shownSize(grid), images: list.map(({ sample }) => String(sample)), scale };
      yield bytes;
      offset += bytes.length;
    }
  }
}

const tell = ({ onProgress, done, total }: Making) => onProgress?.({ stage: 'exemplars', done, total, unit: 'images' });

/** A map of a unit on a sample, in standard deviations above the unit's mean. */
interface UnitMap {
  readonly sample: number;
  readonly z: Float32Array;
}

/** By unit, its maps, in the order of the samples. */
async function mapsOfGroup(making: Making, group: Group): Promise<Map<Wanted, UnitMap[]>> {
  const { models, folder, signal } = making;
  const maps = new Map(group.units.map((wanted): [Wanted, UnitMap[]] => [wanted, []]));
  const samples = [...group.samples].sort((a, b) => a - b);
  const modelsOfGroup = new Set(group.units.map(({ m }) => m));
  const unitsOf = new Map(samples.map((sample): [number, Wanted[]] => [sample, []]));
  for (const wanted of group.units) {
    for (const sample of wanted.samples) required(unitsOf, sample, 'sample').push(wanted);
  }
  for (const whole of making.parts) {
    const { source, offset } = whole;
    const own = samples.filter((s) => s >= offset && s < offset + source.names.length).map((s) => s - offset);
    if (!own.length) continue;
    const part = { ...whole, models: whole.models.filter((m) => modelsOfGroup.has(m)) };
    const session = new BatchSession(making.engine, (feeds) => mapGraph(making, part, feeds[names.samples].shape[0]));
    const shape = sampleShape(source);
    try {
      for await (const batch of source.batches(own, making.batch)) {
        const n = batch.indices.length;
        const feed = float32([n, ...shape], batch.data.subarray(0, n * sizeOf(shape)));
        const outputs = await session.run({ [names.samples]: feed });
        for (const [i, index] of batch.indices.entries()) {
          const sample = offset + index;
          if (!(sample in making.images)) {
            const thumbnail = await encodeSample(source, making.encode, floats(outputs.tensors.images.data), i);
            const file = `images/${sample}.webp`;
            await folder.write(`exemplars/${file}`, [thumbnail.bytes]);
            const { width, height } = thumbnail;
            making.images[sample] = { file, name: source.names[index], width, height };
          }
          for (const wanted of required(unitsOf, sample, 'sample')) {
            const { m, l, unit } = wanted;
            if (!part.models.includes(m)) continue;
            const layer = models[m].layers[l];
            const tensor = outputs.tensors[`map/${m}/${l}`];
            const size = positions(shownSize(layer.grid));
            const at = (i * layer.units + unit) * size;
            const { mean, inverse } = making.standardisers[m][l];
            const z = floats(tensor.data)
              .subarray(at, at + size)
              .map((value) => (value - making.moments[m].centres[l][unit] - mean[unit]) * inverse[unit]);
            required(maps, wanted, 'unit').push({ sample, z });
          }
        }
        outputs.dispose();
        making.done += n;
        await tell(making);
        signal?.throwIfAborted();
      }
    } finally {
      await session.release();
    }
  }
  return maps;
}

/** All units of the sets, model by model, so that few groups need a model. */
function wantedMaps({ sets, models }: ExemplarOptions, chosen: ReadonlyMap<string, readonly number[]>): Wanted[] {
  const byModel = models.map(() => new Map<number, Wanted>());
  for (const [id, samples] of chosen) {
    required(sets, id, 'set').forEach((number, m) => {
      if (number === undefined) return;
      const { layers } = models[m];
      const l = layers.findIndex(({ offset, units }) => number >= offset && number < offset + units);
      const wanted = byModel[m].get(number) ?? { m, l, unit: number - layers[l].offset, samples: new Set<number>() };
      byModel[m].set(number, wanted);
      for (const sample of samples) wanted.samples.add(sample);
    });
  }
  return byModel.flatMap((units) => [...units.values()]);
}

/** Units whose maps fit into memory together, one at least; each group runs its models over its samples. */
function groupsWithin(memory: number, all: readonly Wanted[], models: readonly MinedModel[]): Group[] {
  const groups: { units: Wanted[]; samples: Set<number> }[] = [];
  let room = 0;
  for (const wanted of all) {
    const { m, l, samples } = wanted;
    const bytes = 4 * samples.size * positions(shownSize(models[m].layers[l].grid));
    if (!groups.length || bytes > room) {
      groups.push({ units: [], samples: new Set() });
      room = memory;
    }
    room -= bytes;
    const group = lastOf(groups);
    group.units.push(wanted);
    for (const sample of samples) group.samples.add(sample);
  }
  return groups;
}

const shownSize = ({ height, width }: Grid): Grid => ({
  height: Math.min(height, largestMap),
  width: Math.min(width, largestMap),
});

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
      b.output(resample(b, units, shownSize(grid), { mode: 'bilinear', antialias: true }), `map/${m}/${l}`);
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

/** Standard deviations above the mean as bytes, 255 for the largest of the unit. */
function quantised(list: readonly UnitMap[]): { scale: number; bytes: Uint8Array } {
  const scale = Math.max(1e-6, ...list.map(({ z }) => z.reduce((most, value) => Math.max(most, value), 0)));
  const size = list[0].z.length;
  const bytes = new Uint8Array(list.length * size);
  list.forEach(({ z }, i) =>
    z.forEach((value, p) => (bytes[i * size + p] = Math.round((255 * Math.max(0, value)) / scale))),
  );
  return { scale, bytes };
}
