// StyleGAN3-T and -R, and StyleGAN-XL with its superresolution stages, as one builder: all are a list of layers.
// What a layer does is in layer.ts; what the official pickles tell of it in config.ts.

import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32, sizeOf, type Tensor } from '../../graph/tensor.ts';
import { fillNormal } from '../../random.ts';
import type { GeneratorFamily } from '../architecture.ts';
import { fourierFeatures } from './fourier-features.ts';
import { eachLayer, spread } from '../latents.ts';
import type { BuiltGenerator, GeneratorInput, GeneratorOptions } from '../model.ts';
import { networkOfConfig, recogniseStyleGan3, stylegan3Config, type StyleGan3Config } from './config.ts';
import { styleGan3Layer, type Held } from './layer.ts';
import { mapping } from './mapping.ts';
import type { Weights } from '../weights.ts';

export type { StyleGan3Config } from './config.ts';

export const stylegan3: GeneratorFamily<StyleGan3Config> = {
  name: 'stylegan3',
  kind: 'generator',
  config: stylegan3Config,
  recognise: recogniseStyleGan3,
  choices: { margins: ['cut', 'keep'] },
  /** The mean w has no use without truncation; StyleGAN-XL's code keeps the embedding of classes where there are none. */
  unused: ['mapping.w_avg', 'mapping.embed.weight'],
  /** Every module of the synthesis, and the synthesis itself (its maps are the image), as in the paper's code. */
  defaultTaps: () => ['synthesis', 'synthesis.input', 'synthesis.L*'],
  latent(config) {
    const { layers, resolution } = networkOfConfig(config);
    const { z, w, classes } = config.mapping;
    return {
      z,
      sampling: 'normal',
      classes,
      w,
      layers: layers.length + 1,
      height: resolution,
      width: resolution,
      truncation: { default: 1, least: -2, most: 2 },
    };
  },
  addTo: addStyleGan3,
  fresh: freshStyleGan3,
};

/**
 * Adds the generator. Taps: `synthesis.input`, the layers by their official names as in `synthesis.L0_36_512`, and
 * `synthesis`, the image; all on the positions of the image unless the configuration keeps the margins. The output is the
 * network's own, about [-1, 1] and not clipped.
 */
function addStyleGan3(
  b: GraphBuilder,
  input: GeneratorInput,
  weights: Weights,
  config: StyleGan3Config,
  options: GeneratorOptions,
): BuiltGenerator {
  const network = networkOfConfig(config);
  const ws = latentsOf(b, input, weights, config, options);
  const latents = eachLayer(b, ws);
  const taps = new Map<string, Value>();
  let maps = fourierFeatures(b, latents[0], weights, network.input);
  let rate = network.input.samplingRate;
  const tap = (layer: string) => {
    const map = own(b, maps);
    taps.set(layer, config.margins === 'keep' ? map : withoutMargins(b, map, rate));
  };
  tap('synthesis.input');
  network.layers.forEach((layer, i) => {
    maps = styleGan3Layer(b, maps, latents[i + 1], weights, layer);
    rate *= layer.up / layer.down;
    tap(`synthesis.${layer.name}`);
  });
  const output = b.mul(own(b, maps), network.outputScale);
  taps.set('synthesis', output);
  return { taps, output, ws, noise: [] };
}

/** w+ of the network's input and each of its layers, `[n, layers, w]`. */
function latentsOf(
  b: GraphBuilder,
  input: GeneratorInput,
  weights: Weights,
  config: StyleGan3Config,
  options: GeneratorOptions,
): Value {
  const { layers, mappingRate } = networkOfConfig(config);
  if ('ws' in input) return input.ws;
  if ('w' in input) return spread(b, input.w, layers.length + 1);
  return mapping(b, input, weights, { ...config.mapping, rate: mappingRate }, layers.length + 1, options);
}

/** Maps without the channels that are only held. */
function own(b: GraphBuilder, { value, channels }: Held): Value {
  return value.shape[1] === channels ? value : b.slice(value, { axes: [1], starts: [0], ends: [channels] });
}

/**
 * The positions that lie on the image, at the middle.
 * @param rate positions along the image's side.
 */
function withoutMargins(b: GraphBuilder, map: Value, rate: number): Value {
  const [, , height, width] = map.shape;
  const starts = [height, width].map((size) => Math.max(0, Math.floor((size - rate) / 2)));
  if (starts.every((start) => start === 0)) return map;
  return b.slice(map, { axes: [2, 3], starts, ends: starts.map((start) => start + rate) });
}

/**
 * Untrained weights, as the official code makes them; filters, frequencies, phases, the transform, and the embedding of
 * classes that StyleGAN-XL takes from another network are kept.
 */
function freshStyleGan3(tensors: ReadonlyMap<string, Tensor>, seed: number): Map<string, Tensor> {
  const out = new Map<string, Tensor>();
  let stream = 0;
  for (const [name, tensor] of tensors) {
    stream++;
    const std = stdOf(name, tensors);
    if (std === undefined) {
      out.set(name, tensor);
      continue;
    }
    const values = new Float32Array(sizeOf(tensor.shape));
    if (std > 0) fillNormal(values, std, seed, stream);
    else if (name === 'synthesis.input.affine.bias') values[0] = 1;
    else if (/\.affine\.bias$|\.magnitude_ema$/.test(name)) values.fill(1);
    out.set(name, float32(tensor.shape, values));
  }
  return out;
}

/** Standard deviation of a tensor's fresh values; 0 for those that are not drawn, undefined for those that are kept. */
function stdOf(name: string, tensors: ReadonlyMap<string, Tensor>): number | undefined {
  if (/\.(up_filter|down_filter|freqs|phases|transform)$/.test(name)) return undefined;
  if (name === 'mapping.embed.weight' && !tensors.has('mapping.embed.bias')) return undefined;
  if (!name.endsWith('.weight') || name === 'synthesis.input.affine.weight') return 0;
  // The mapping network learns a hundred times more slowly: its weights are large, and scaled down where they are used.
  return /^mapping\.fc\d+\./.test(name) ? 100 : 1;
}
