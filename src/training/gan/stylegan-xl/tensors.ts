// The tensors of a StyleGAN-XL that does not exist yet: names and shapes of the official code, with fresh values.
// The network itself is the zoo's, and the layers' sizes and filters are of layers.ts.

import Type from 'typebox';
import type { Read } from '../../../files/json.ts';
import { present, required } from '../../../lookup.ts';
import { float32, sizeOf, type Tensor, floats } from '../../../graph/tensor.ts';
import { normalAt, randomAt } from '../../../random.ts';
import { stylegan3 } from '../../../zoo/stylegan3/stylegan3.ts';
import { above0, channels, classes, closed, layers } from '../../recipe/numbers.ts';
import { planSynthesis, synthesisFields, type SynthesisPlan } from './layers.ts';

/** JSON Schema of the sizes. */
export const styleGanXlSchema = Type.Object(
  {
    ...synthesisFields,
    z: channels('Length of z; 64 in the official settings.'),
    w: channels('Length of w.'),
    classes: classes('Classes of the condition.'),
    mapping: Type.Optional(layers('Layers of the mapping network; default 2.')),
    mappingRate: Type.Optional(above0('Learning rate of the mapping network relative to the rest; default 0.01.', 1e4)),
  },
  closed,
);

export type StyleGanXlSizes = Read<typeof styleGanXlSchema>;

export const mappingDefaults = { mapping: 2, mappingRate: 0.01 } as const;

/**
 * Fresh tensors, as the official code makes them, but for the embedding of classes, which it takes from another network:
 * here its rows are orthogonal, those of the identity with a mean square of 1.
 */
export function freshStyleGanXl(sizes: StyleGanXlSizes, seed: number): Map<string, Tensor> {
  const { mapping, mappingRate } = { ...mappingDefaults, ...sizes };
  const empty = [...plannedTensors(sizes, seed)].map(
    ([name, { shape, values }]) => [name, float32(shape, values?.() ?? new Float32Array(sizeOf(shape)))] as const,
  );
  const fresh = present(stylegan3.fresh?.(new Map(empty), seed), 'fresh weights');
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

/** Names and shapes of the tensors. @throws UserError as `planSynthesis`. */
export const styleGanXlShapes = (sizes: StyleGanXlSizes): Map<string, readonly number[]> =>
  new Map([...plannedTensors(sizes, 0)].map(([name, { shape }]) => [name, shape]));

/** Shapes, and the values that are not drawn. */
interface Planned {
  readonly shape: readonly number[];
  readonly values?: () => Float32Array;
}
type Add = (name: string, shape: readonly number[], values?: () => Float32Array) => void;

function plannedTensors(sizes: StyleGanXlSizes, seed: number): Map<string, Planned> {
  const { z, w, classes: labels, mapping } = { ...mappingDefaults, ...sizes };
  const plan = planSynthesis(sizes);
  const tensors = new Map<string, Planned>();
  const add: Add = (name, shape, values) => void tensors.set(name, { shape, values });
  const dense = (name: string, inputs: number, outputs: number) => {
    add(`${name}.weight`, [outputs, inputs]);
    add(`${name}.bias`, [outputs]);
  };

  const identity = () =>
    Float32Array.from({ length: labels ** 2 }, (_, i) => (i % (labels + 1) ? 0 : Math.sqrt(labels)));
  add('mapping.embed.weight', [labels, labels], identity);
  dense('mapping.embed_proj', labels, z);
  for (let i = 0; i < mapping; i++) dense(`mapping.fc${i}`, i ? w : 2 * z, w);
  add('mapping.w_avg', [labels, w]);

  addInput(add, plan, sizes.channels[0], seed);
  dense('synthesis.input.affine', w, 4);
  for (const { layer, inputs, outputs, kernel, upFilter, downFilter } of plan.layers) {
    const name = `synthesis.${layer.name}`;
    add(`${name}.weight`, [outputs, inputs, kernel, kernel]);
    add(`${name}.bias`, [outputs]);
    dense(`${name}.affine`, w, inputs);
    add(`${name}.magnitude_ema`, []);
    if (upFilter) add(`${name}.up_filter`, [upFilter.length], () => upFilter);
    if (downFilter) add(`${name}.down_filter`, [downFilter.length], () => downFilter);
  }
  return tensors;
}

/** Frequencies within the bandwidth, phases, mixing of both into channels. */
function addInput(add: Add, { input: { bandwidth } }: SynthesisPlan, width: number, seed: number): void {
  const name = 'synthesis.input';
  const freqs = () => {
    const values = new Float32Array(2 * width);
    for (let i = 0; i < width; i++) {
      const point = [0, 1].map((axis) => normalAt(seed, 2 * i + axis, streams.freqs));
      // Uniform within a disc, nearly: a length r of two normal numbers becomes exp(-r^2 / 4).
      const length = Math.hypot(...point);
      point.forEach((x, axis) => (values[2 * i + axis] = (bandwidth * x) / (length * Math.exp(length ** 2 / 4))));
    }
    return values;
  };
  const phases = () => Float32Array.from({ length: width }, (_, i) => randomAt(seed, i, streams.phases) - 0.5);
  add(`${name}.freqs`, [width, 2], freqs);
  add(`${name}.phases`, [width], phases);
  add(`${name}.transform`, [3, 3], () => Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1));
  add(`${name}.weight`, [width, width]);
}

/** Apart from those of fresh weights, which count the tensors. */
const streams = { freqs: 1000, phases: 1001 } as const;

/** Tensors that gradients move: all but filters, frequencies, phases, the transform, the embedding and running means. */
export const movesInStyleGanXl = (name: string): boolean => !isFixed(name) && !isRunning(name);

/** Running means, which follow while the network is trained. */
export const isRunning = (name: string): boolean => name === 'mapping.w_avg' || name.endsWith('.magnitude_ema');

const isFixed = (name: string): boolean =>
  name === 'mapping.embed.weight' || /\.(up_filter|down_filter|freqs|phases|transform)$/.test(name);
