// The tensors of a StyleGAN-XL that does not exist yet: names and shapes of the official code, with fresh values.
// The network itself is the zoo's, and the layers' sizes and filters are of layers.ts.

import { present, required } from '../../../lookup.ts';
import { float32, sizeOf, type Tensor, floats } from '../../../graph/tensor.ts';
import { normalAt, randomAt } from '../../../random.ts';
import { stylegan3 } from '../../../zoo/stylegan3/stylegan3.ts';
import { planSynthesis, type SynthesisPlan, type SynthesisSizes } from './layers.ts';

export interface StyleGanXlSizes extends SynthesisSizes {
  /** Length of z, and of w. */
  readonly z: number;
  readonly w: number;
  /** Layers of the mapping network; default 2. */
  readonly mapping?: number;
  /** Learning rate of the mapping network relative to the rest; default 0.01. */
  readonly mappingRate?: number;
  /** Classes of the condition. */
  readonly classes: number;
}

export const mappingDefaults = { mapping: 2, mappingRate: 0.01 } as const;

/**
 * Fresh tensors, as the official code makes them, but for the embedding of classes, which it takes from another network:
 * here its rows are orthogonal, those of the identity with a mean square of 1.
 */
export function freshStyleGanXl(sizes: StyleGanXlSizes, seed: number): Map<string, Tensor> {
  const { z, w, classes, mapping, mappingRate } = { ...mappingDefaults, ...sizes };
  const plan = planSynthesis(sizes);
  const tensors = new Map<string, Tensor>();
  const add = (name: string, shape: readonly number[], values: Float32Array = new Float32Array(sizeOf(shape))) =>
    tensors.set(name, float32(shape, values));
  const dense = (name: string, inputs: number, outputs: number) => {
    add(`${name}.weight`, [outputs, inputs]);
    add(`${name}.bias`, [outputs]);
  };

  const identity = Float32Array.from({ length: classes ** 2 }, (_, i) => (i % (classes + 1) ? 0 : Math.sqrt(classes)));
  add('mapping.embed.weight', [classes, classes], identity);
  dense('mapping.embed_proj', classes, z);
  for (let i = 0; i < mapping; i++) dense(`mapping.fc${i}`, i ? w : 2 * z, w);
  add('mapping.w_avg', [classes, w]);

  addInput(add, plan, sizes.channels[0], seed);
  dense('synthesis.input.affine', w, 4);
  for (const { layer, inputs, outputs, kernel, upFilter, downFilter } of plan.layers) {
    const name = `synthesis.${layer.name}`;
    add(`${name}.weight`, [outputs, inputs, kernel, kernel]);
    add(`${name}.bias`, [outputs]);
    dense(`${name}.affine`, w, inputs);
    add(`${name}.magnitude_ema`, []);
    if (upFilter) add(`${name}.up_filter`, [upFilter.length], upFilter);
    if (downFilter) add(`${name}.down_filter`, [downFilter.length], downFilter);
  }
  const fresh = present(stylegan3.fresh?.(tensors, seed), 'fresh weights');
  // What learns more slowly is larger by as much.
  for (let i = 0; i < mapping; i++) {
    const { shape, data } = required(fresh, `mapping.fc${i}.weight`, 'tensor');
    fresh.set(
      `mapping.fc${i}.weight`,
      float32(
        shape,
        floats(data).map((value) => (value * 0.01) / mappingRate),
      ),
    );
  }
  return fresh;
}

/** Frequencies within the bandwidth, phases, mixing of both into channels. */
function addInput(
  add: (name: string, shape: readonly number[], values?: Float32Array) => void,
  { input: { bandwidth } }: SynthesisPlan,
  channels: number,
  seed: number,
): void {
  const name = 'synthesis.input';
  const freqs = new Float32Array(2 * channels);
  for (let i = 0; i < channels; i++) {
    const point = [0, 1].map((axis) => normalAt(seed, 2 * i + axis, streams.freqs));
    // Uniform within a disc, nearly: a length r of two normal numbers becomes exp(-r^2 / 4).
    const length = Math.hypot(...point);
    point.forEach((x, axis) => (freqs[2 * i + axis] = (bandwidth * x) / (length * Math.exp(length ** 2 / 4))));
  }
  add(`${name}.freqs`, [channels, 2], freqs);
  add(
    `${name}.phases`,
    [channels],
    Float32Array.from({ length: channels }, (_, i) => randomAt(seed, i, streams.phases) - 0.5),
  );
  add(`${name}.transform`, [3, 3], Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1));
  add(`${name}.weight`, [channels, channels]);
}

/** Apart from those of fresh weights, which count the tensors. */
const streams = { freqs: 1000, phases: 1001 } as const;

/** Tensors that gradients move: all but filters, frequencies, phases, the transform, the embedding and running means. */
export const movesInStyleGanXl = (name: string): boolean => !isFixed(name) && !isRunning(name);

/** Running means, which follow while the network is trained. */
export const isRunning = (name: string): boolean => name === 'mapping.w_avg' || name.endsWith('.magnitude_ema');

const isFixed = (name: string): boolean =>
  name === 'mapping.embed.weight' || /\.(up_filter|down_filter|freqs|phases|transform)$/.test(name);
