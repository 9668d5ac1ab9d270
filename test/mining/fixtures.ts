// Synthetic images, networks and float64 reference computations for the tests of mining.

import { float32 } from '../../src/graph/tensor.ts';
import { randomAt } from '../../src/random.ts';
import type { ImageSource } from '../../src/images/source.ts';
import type { Grid } from '../../src/mining/correlation/grid.ts';
import type { EncoderCard, Latent } from '../../src/zoo/card.ts';
import type { Encoder, Generator } from '../../src/zoo/model.ts';

/** Roughly normal numbers: the sum of four uniform ones, scaled to standard deviation 1. */
export function normal(seed: number, length: number): Float32Array {
  const out = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    let sum = -2;
    for (let j = 0; j < 4; j++) sum += randomAt(seed, 4 * i + j);
    out[i] = sum * Math.sqrt(3);
  }
  return out;
}

/** Images of noise; those in `broken` cannot be read. */
export function noiseImages(count: number, height = 6, width = 5, broken: readonly number[] = []): ImageSource {
  const length = 3 * height * width;
  const unreadable: { name: string; reason: string }[] = [];
  const names = Array.from({ length: count }, (_, i) => `${String(i).padStart(4, '0')}.png`);
  return {
    source: 'noise',
    names,
    height,
    width,
    unreadable,
    async *batches(indices, size) {
      let data = new Float32Array(size * length);
      let chosen: number[] = [];
      for (const index of indices) {
        if (broken.includes(index)) {
          if (!unreadable.some(({ name }) => name === names[index]))
            unreadable.push({ name: names[index], reason: 'broken' });
          continue;
        }
        data.set(normal(1000 + index, length), chosen.length * length);
        chosen.push(index);
        if (chosen.length === size) {
          yield await Promise.resolve({ indices: chosen, data });
          data = new Float32Array(size * length);
          chosen = [];
        }
      }
      if (chosen.length) yield { indices: chosen, data };
    },
  };
}

export interface FakeLayer extends Grid {
  readonly layer: string;
  readonly channels: number;
  /** Added to every value, to test centring. */
  readonly offset?: number;
  /** Channels that are zero, or always 3. */
  readonly dead?: readonly number[];
  readonly constant?: readonly number[];
}

const card = (name: string, layers: readonly FakeLayer[], size: Grid): EncoderCard => ({
  name,
  architecture: 'fake',
  config: {},
  task: 'none',
  supervision: 'none',
  data: 'none',
  licence: 'none',
  source: 'test',
  input: { ...size, mean: [0, 0, 0], std: [1, 1, 1], resize: 'bilinear', antialias: false },
  taps: layers.map(({ layer }) => layer),
});

/**
 * A network whose maps are random linear functions of the pixels plus `shared` random functions that all networks with
 * the same layer shape have in common, so that some units correlate.
 */
export function linearModel(
  name: string,
  layers: readonly FakeLayer[],
  seed: number,
  size: Grid = { height: 6, width: 5 },
): Encoder {
  const pixels = 3 * size.height * size.width;
  const matrices = layers.map(({ channels, height, width, dead = [], constant = [] }, l) => {
    const columns = channels * height * width;
    const own = normal(seed * 97 + l, pixels * columns);
    const common = normal(5000 + height * 64 + width, pixels * columns);
    const matrix = new Float32Array(pixels * columns);
    for (let i = 0; i < matrix.length; i++) {
      const channel = Math.floor((i % columns) / (height * width));
      const stuck = dead.includes(channel) || constant.includes(channel);
      matrix[i] = stuck ? 0 : (own[i] + (channel % 2 ? 2 * common[i] : 0)) / Math.sqrt(pixels);
    }
    return matrix;
  });
  const addRawTo: Encoder['addRawTo'] = (b, x) => {
    const n = x.shape[0];
    const flat = b.reshape(x, [n, pixels]);
    const taps = new Map(
      layers.map(({ layer, channels, height, width, offset = 0, dead = [], constant = [] }, l) => {
        const product = b.matmul(flat, b.constant(float32([pixels, channels * height * width], matrices[l])));
        const shifts = Float32Array.from({ length: channels }, (_, c) =>
          dead.includes(c) ? 0 : constant.includes(c) ? 3 : offset,
        );
        const maps = b.add(
          b.reshape(product, [n, channels, height, width]),
          b.constant(float32([1, channels, 1, 1], shifts)),
        );
        return [layer, maps] as const;
      }),
    );
    return { taps, output: flat };
  };
  return {
    kind: 'encoder',
    name,
    card: card(name, layers, size),
    taps: layers.map(({ layer, channels, height, width }) => ({ layer, channels, height, width })),
    addTo: addRawTo,
    addRawTo,
    twin: (twinSeed) => ({
      ...linearModel(`${name}.untrained`, layers, seed + 1000 + twinSeed, size),
      twinOf: name,
    }),
  };
}

/** One axis of bilinear interpolation, half-pixel centres, border clamped: position and weight of the two neighbours. */
function neighbours(o: number, from: number, to: number): [number, number, number] {
  const position = Math.max(0, ((o + 0.5) * from) / to - 0.5);
  const low = Math.min(Math.floor(position), from - 1);
  return [low, Math.min(low + 1, from - 1), position - Math.floor(position)];
}

/** Explicit interpolation of one map in float64. */
export function interpolate(map: ArrayLike<number>, from: Grid, to: Grid): Float64Array {
  const out = new Float64Array(to.height * to.width);
  for (let y = 0; y < to.height; y++) {
    const [y0, y1, fy] = neighbours(y, from.height, to.height);
    for (let x = 0; x < to.width; x++) {
      const [x0, x1, fx] = neighbours(x, from.width, to.width);
      const top = map[y0 * from.width + x0] * (1 - fx) + map[y0 * from.width + x1] * fx;
      const bottom = map[y1 * from.width + x0] * (1 - fx) + map[y1 * from.width + x1] * fx;
      out[y * to.width + x] = top * (1 - fy) + bottom * fy;
    }
  }
  return out;
}

/** All maps of a unit, interpolated, one after another. */
export function unitSeries(
  maps: { readonly shape: readonly number[]; readonly data: Float32Array },
  channel: number,
  target: Grid,
  images?: readonly number[],
): Float64Array {
  const [n, channels, height, width] = maps.shape;
  const order = images ?? Array.from({ length: n }, (_, i) => i);
  const size = target.height * target.width;
  const out = new Float64Array(order.length * size);
  order.forEach((image, i) => {
    const start = (image * channels + channel) * height * width;
    out.set(interpolate(maps.data.subarray(start, start + height * width), { height, width }, target), i * size);
  });
  return out;
}

/** Pearson r in float64, two passes. */
export function pearson64(x: Float64Array, y: Float64Array): number {
  const mean = (values: Float64Array) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) ** 2;
    yy += (y[i] - my) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}

/**
 * A generator whose image and maps are random functions of z and the class: like `linearModel` on the pixels that it
 * makes. Truncation scales z.
 */
export function linearGenerator(
  name: string,
  layers: readonly FakeLayer[],
  seed: number,
  latent: Partial<Latent> = {},
  size: Grid = { height: 6, width: 5 },
): Generator {
  const pixels = 3 * size.height * size.width;
  const full: Latent = {
    z: 20,
    sampling: 'normal',
    classes: 0,
    w: 20,
    layers: 1,
    ...size,
    truncation: { default: 1, least: 0, most: 1 },
    ...latent,
  };
  const inputs = full.z + full.classes;
  const matrix = normal(seed * 31 + 7, inputs * pixels).map((value) => (0.5 * value) / Math.sqrt(inputs));
  const network = linearModel(`${name} network`, layers, seed, size);
  const { input: _, ...identity } = network.card;
  return {
    kind: 'generator',
    name,
    card: { ...identity, name, latent: full },
    taps: network.taps,
    addTo(b, input, options = {}) {
      if (!('z' in input)) throw new Error('this generator takes z only');
      const z = b.mul(input.z, options.truncation ?? full.truncation.default);
      const rows = input.c ? b.concat([z, input.c], 1) : z;
      const flat = b.matmul(rows, b.constant(float32([inputs, pixels], matrix)));
      const output = b.tanh(b.reshape(flat, [rows.shape[0], 3, size.height, size.width]));
      const { taps } = network.addRawTo(b, output);
      const images = b.clip(b.add(b.mul(output, 0.5), 0.5), 0, 1);
      return { taps, output, images, ws: b.reshape(input.z, [z.shape[0], 1, full.z]), noise: [] };
    },
    twin: (twinSeed) => ({
      ...linearGenerator(`${name}.untrained`, layers, seed + 1000 + twinSeed, latent, size),
      twinOf: name,
    }),
  };
}
