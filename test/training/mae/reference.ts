// A masked autoencoder in plain loops and float64, written after the official code: shuffled patches are put back in the
// order of the grid before they are decoded. It tests nothing itself.

import type { MaeSizes, TransformerSizes } from '../../../src/training/mae/network.ts';

type Rows = number[][];
export type Numbers = ReadonlyMap<string, Float64Array>;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const dot = (a: readonly number[], b: readonly number[]): number => sum(a.map((value, i) => value * b[i]));
const plus = (a: Rows, b: Rows): Rows => a.map((row, i) => row.map((value, j) => value + b[i][j]));

/** Rows of a table, of `length` elements each. */
const rowsOf = (values: Float64Array, length: number): Rows =>
  Array.from({ length: values.length / length }, (_, i) => [...values.subarray(i * length, (i + 1) * length)]);

function linear(tensors: Numbers, name: string, x: Rows): Rows {
  const weight = rowsOf(tensors.get(`${name}.weight`)!, x[0].length);
  const bias = tensors.get(`${name}.bias`)!;
  return x.map((row) => weight.map((filter, i) => dot(filter, row) + bias[i]));
}

function normalised(tensors: Numbers, name: string, x: Rows): Rows {
  const [weight, bias] = [tensors.get(`${name}.weight`)!, tensors.get(`${name}.bias`)!];
  return x.map((row) => {
    const mean = sum(row) / row.length;
    const variance = sum(row.map((value) => (value - mean) ** 2)) / row.length;
    return row.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-6)) * weight[i] + bias[i]);
  });
}

/** By the series of the error function; x is small here. */
function gelu(x: number): number {
  const z = x / Math.SQRT2;
  let term = z;
  let total = z;
  for (let k = 1; k < 200; k++) {
    term *= -(z * z) / k;
    total += term / (2 * k + 1);
  }
  return (x / 2) * (1 + (2 / Math.sqrt(Math.PI)) * total);
}

function block(tensors: Numbers, name: string, x: Rows, { width, heads }: TransformerSizes): Rows {
  const qkv = linear(tensors, `${name}.attn.qkv`, normalised(tensors, `${name}.norm1`, x));
  const size = width / heads;
  const mixed: Rows = x.map(() => []);
  for (let head = 0; head < heads; head++) {
    const part = (which: number) =>
      qkv.map((row) => row.slice(which * width + head * size, which * width + (head + 1) * size));
    const [queries, keys, values] = [part(0), part(1), part(2)];
    queries.forEach((query, i) => {
      const weights = keys.map((key) => Math.exp(dot(query, key) / Math.sqrt(size)));
      const all = sum(weights);
      for (let c = 0; c < size; c++) mixed[i].push(sum(values.map((value, j) => (weights[j] / all) * value[c])));
    });
  }
  const y = plus(x, linear(tensors, `${name}.attn.proj`, mixed));
  const raised = linear(tensors, `${name}.mlp.fc1`, normalised(tensors, `${name}.norm2`, y));
  const active = raised.map((row) => row.map(gelu));
  return plus(y, linear(tensors, `${name}.mlp.fc2`, active));
}

/** Pixels of each patch of a normalised image `[3, side, side]`, row by row; of a patch, all colours of a pixel together. */
export function patchify(image: Float64Array, { patch, grid }: Pick<MaeSizes, 'patch' | 'grid'>): Rows {
  const side = patch * grid;
  const rows: Rows = [];
  for (let h = 0; h < grid; h++) {
    for (let w = 0; w < grid; w++) {
      const row: number[] = [];
      for (let p = 0; p < patch; p++) {
        for (let q = 0; q < patch; q++) {
          for (let c = 0; c < 3; c++) row.push(image[(c * side + h * patch + p) * side + w * patch + q]);
        }
      }
      rows.push(row);
    }
  }
  return rows;
}

/** Sum of squared errors of the hidden patches, a mean over the pixels of each, of one normalised image. */
export function hiddenErrors(
  tensors: Numbers,
  image: Float64Array,
  order: readonly number[],
  shown: number,
  sizes: MaeSizes,
  normalise: boolean,
): number {
  const { encoder, decoder, patch } = sizes;
  const patches = patchify(image, sizes);
  // Filters are [width, 3, patch, patch]: colour by colour.
  const area = patch * patch;
  const byColour = patches.map((row) => row.map((_, i) => row[(i % area) * 3 + Math.floor(i / area)]));
  const positions = rowsOf(tensors.get('pos_embed')!, encoder.width);
  const embedded = plus(linear(tensors, 'patch_embed.proj', byColour), positions.slice(1));
  const token = [[...tensors.get('cls_token')!].map((value, i) => value + positions[0][i])];
  let y = [...token, ...order.slice(0, shown).map((place) => embedded[place])];
  for (let i = 0; i < encoder.depth; i++) y = block(tensors, `blocks.${i}`, y, encoder);

  const decoded = linear(tensors, 'decoder_embed', normalised(tensors, 'norm', y));
  const mask = [...tensors.get('mask_token')!];
  const whole: Rows = patches.map((_, place) => {
    const at = order.indexOf(place);
    return at < shown ? decoded[1 + at] : mask;
  });
  let z = plus([decoded[0], ...whole], rowsOf(tensors.get('decoder_pos_embed')!, decoder.width));
  for (let i = 0; i < decoder.depth; i++) z = block(tensors, `decoder_blocks.${i}`, z, decoder);
  const prediction = linear(tensors, 'decoder_pred', normalised(tensors, 'decoder_norm', z)).slice(1);

  return sum(
    order.slice(shown).map((place) => {
      const row = patches[place];
      const mean = sum(row) / row.length;
      const variance = sum(row.map((value) => (value - mean) ** 2)) / (row.length - 1);
      const target = normalise ? row.map((value) => (value - mean) / Math.sqrt(variance + 1e-6)) : row;
      return sum(target.map((value, i) => (prediction[place][i] - value) ** 2)) / row.length;
    }),
  );
}
