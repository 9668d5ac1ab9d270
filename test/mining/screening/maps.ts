// Maps that are given as numbers in place of networks: a sample is the maps of all layers, one after another.

import type { ImageSource } from '../../../src/images/source.ts';
import type { MapSource } from '../../../src/mining/correlation/pass-graph.ts';
import { minedModel, type MinedModel } from '../../../src/mining/correlation/plan.ts';

export interface GivenLayer {
  readonly layer: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** The value of unit `u` at position `s` of image `i`. */
  readonly value: (u: number, i: number, s: number) => number;
}

export interface GivenModel {
  readonly name: string;
  readonly taps: readonly GivenLayer[];
}

export function given(models: readonly GivenModel[], images: number) {
  const layers = models.flatMap(({ taps }) => taps);
  const sizes = layers.map(({ channels, height, width }) => channels * height * width);
  const length = 3 * Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / 3);
  const sample = (i: number): Float32Array => {
    const out = new Float32Array(length);
    let at = 0;
    for (const { channels, height, width, value } of layers) {
      for (let u = 0; u < channels; u++) for (let s = 0; s < height * width; s++) out[at++] = value(u, i, s);
    }
    return out;
  };
  const source: ImageSource = {
    source: 'given maps',
    names: Array.from({ length: images }, (_, i) => String(i)),
    height: 1,
    width: length / 3,
    unreadable: [],
    async *batches(indices, size) {
      for (let i = 0; i < indices.length; i += size) {
        const chosen = indices.slice(i, i + size);
        const data = new Float32Array(size * length);
        chosen.forEach((index, n) => data.set(sample(index), n * length));
        yield await Promise.resolve({ indices: chosen, data });
      }
    },
  };
  const maps: MapSource = (b, _source, batch, here) => {
    const flat = b.reshape(b.input('samples', [batch, 3, 1, length / 3]), [batch, length]);
    let offset = 0;
    const all = models.map(({ taps }) => {
      return new Map(
        taps.map(({ layer, channels, height, width }) => {
          const size = channels * height * width;
          const part = b.slice(flat, { axes: [1], starts: [offset], ends: [offset + size] });
          offset += size;
          return [layer, b.reshape(part, [batch, channels, height, width])];
        }),
      );
    });
    return { images: flat, maps: new Map(here.map((m) => [m, all[m]])) };
  };
  const mined: MinedModel[] = models.map((model) => minedModel(model));
  return { source, maps, models: mined };
}
