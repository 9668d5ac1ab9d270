// The synthesis network of StyleGAN2 as one builder: constant, styled convolutions, colours of every size added up.
// Names of tensors and layers come from the families, rosinality.ts and nvlabs.ts.

import { present } from '../../lookup.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32, sizeOf, type Tensor } from '../../graph/tensor.ts';
import { fillNormal } from '../../random.ts';
import { eachLayer } from '../latents.ts';
import type { BuiltGenerator, GeneratorOptions } from '../model.ts';
import {
  activated,
  gains,
  modulatedConvolution,
  scaled,
  toColours,
  upsampled,
  type Activation,
  type Filter,
  type Modulated,
} from './ops.ts';
import type { Weights } from '../weights.ts';

/** A styled convolution: modulated convolution, noise, bias, activation. */
export interface StyledLayer extends Modulated {
  readonly name: string;
  readonly bias: string;
  /** Strength (one number) and buffer (height x width numbers) of the noise. */
  readonly noise?: { readonly strength: string; readonly buffer: string };
  /** Set where the size is doubled. */
  readonly filter?: Filter;
  /** Names of its taps: the demodulated convolution alone, and the whole. */
  readonly taps: { readonly convolution?: string; readonly whole: string };
}

/** Colours of one size. */
export interface ColourLayer extends Modulated {
  readonly bias: string;
  /** Names of its taps: before the bias, after it, and after the colours of the smaller sizes were added. */
  readonly taps: { readonly convolution?: string; readonly whole?: string; readonly sum?: string };
}

export interface Block {
  readonly convolutions: readonly StyledLayer[];
  readonly colours?: ColourLayer;
  /** Filter that brings the colours of the smaller sizes to this one. */
  readonly filter?: Filter;
  /** Weight of the 1x1 convolution around the block, in residual networks, and its factor. */
  readonly shortcut?: { readonly weight: string; readonly gain: number };
  /** Name of the tap of its maps. */
  readonly tap?: string;
}

export interface Synthesis {
  /** The learned maps of 4 x 4. */
  readonly constant: string;
  readonly blocks: readonly Block[];
  readonly activation: Activation;
  /** Convolutions and colours are clipped to [-clamp, clamp]; null for none. */
  readonly clamp: number | null;
}

/** Layers of w+: one for each convolution, and one for the last colours; other colours share with the next block. */
export const layersOf = ({ blocks }: Pick<Synthesis, 'blocks'>): number =>
  1 + blocks.reduce((count, block) => count + block.convolutions.length, 0);

/**
 * Adds the synthesis network to a builder.
 * @param noiseMode as in the options of a generator, or values of random noise by layer, `[n, 1, height, width]`.
 */
export function synthesise(
  b: GraphBuilder,
  ws: Value,
  weights: Weights,
  { constant, blocks, activation, clamp }: Synthesis,
  noiseMode: GeneratorOptions['noise'] | ((layer: string) => Value),
): BuiltGenerator {
  const taps = new Map<string, Value>();
  const noise: Value[] = [];
  const tap = (name: string | undefined, value: Value): Value => {
    if (name !== undefined) taps.set(name, value);
    return value;
  };
  const clipped = (x: Value, factor: number): Value =>
    clamp === null ? x : b.clip(x, -clamp * factor, clamp * factor);
  const [n] = ws.shape;

  const noiseOf = ({ name, noise: names }: StyledLayer, [, , height, width]: readonly number[], gain: number) => {
    if (!names || noiseMode === 'none') return undefined;
    if (noiseMode !== 'const') {
      const random = noiseMode === 'random' ? b.input(`noise/${name}`, [n, 1, height, width]) : noiseMode(name);
      if (noiseMode === 'random') noise.push(random);
      return b.mul(random, scaled(b, weights, names.strength, gain, [1]));
    }
    const shape = [1, 1, height, width];
    return weights.derived(
      b,
      `${names.buffer}*${names.strength}*${gain}`,
      () => {
        const strength = weights.values(names.strength)[0] * gain;
        return float32(
          shape,
          weights.values(names.buffer).map((value) => value * strength),
        );
      },
      () => b.mul(b.reshape(weights.constant(b, names.buffer), shape), scaled(b, weights, names.strength, gain, [1])),
    );
  };
  // The gain goes before the activation, where it costs nothing: into the factors, the noise and the bias.
  const styled = (x: Value, w: Value, layer: StyledLayer, factor: number): Value => {
    const gain = gains[activation] * factor;
    const { maps, demodulation } = modulatedConvolution(b, x, w, weights, layer, layer.filter);
    tap(layer.taps.convolution, b.mul(maps, demodulation));
    let y = b.mul(maps, b.mul(demodulation, gain));
    const added = noiseOf(layer, y.shape, gain);
    if (added) y = b.add(y, added);
    y = b.add(y, scaled(b, weights, layer.bias, gain, [y.shape[1], 1, 1]));
    return tap(layer.taps.whole, clipped(activated(b, y, activation), factor));
  };

  const latents = eachLayer(b, ws);
  const shape = weights.shape(constant).slice(-3);
  let x = b.expand(scaled(b, weights, constant, 1, [1, ...shape]), [n, ...shape]);
  let image: Value | undefined;
  let layer = 0;
  for (const { convolutions, colours, filter, shortcut, tap: name } of blocks) {
    const before = x;
    convolutions.forEach((each, i) => {
      const last = i === convolutions.length - 1;
      x = styled(x, latents[layer++], each, shortcut && last ? Math.SQRT1_2 : 1);
    });
    if (shortcut && filter) {
      const weight = scaled(b, weights, shortcut.weight, shortcut.gain * Math.SQRT1_2);
      x = b.add(upsampled(b, b.conv(before, weight), weights, filter), x);
    }
    tap(name, x);
    if (image && filter) image = upsampled(b, image, weights, filter);
    if (colours) {
      const raw = tap(colours.taps.convolution, toColours(b, x, latents[layer], weights, colours));
      const own = clipped(b.add(raw, scaled(b, weights, colours.bias, 1, [raw.shape[1], 1, 1])), 1);
      tap(colours.taps.whole, own);
      image = tap(colours.taps.sum, image ? b.add(image, own) : own);
    }
  }
  return { taps, output: present(image, 'image'), ws, noise };
}

/** Names of tensors by what their fresh values are. */
export interface FreshRules {
  /** Kept as they are. */
  readonly kept: RegExp;
  readonly ones: RegExp;
  /** Weights of the mapping network, whose learning rate divides them. */
  readonly mapping: RegExp;
  readonly zeros: RegExp;
}

/** Learning rate of all published mapping networks, relative to that of the rest. */
export const mappingRate = 0.01;

/** Untrained weights as the official code makes them: standard normal, to be scaled at run time. */
export function freshStyleGan(
  tensors: ReadonlyMap<string, Tensor>,
  seed: number,
  { kept, ones, mapping, zeros }: FreshRules,
): Map<string, Tensor> {
  let stream = 0;
  const fresh = (name: string, tensor: Tensor): Tensor => {
    stream++;
    if (kept.test(name)) return tensor;
    const values = new Float32Array(sizeOf(tensor.shape));
    if (ones.test(name)) values.fill(1);
    else if (!zeros.test(name)) {
      const std = mapping.test(name) ? 1 / mappingRate : 1;
      fillNormal(values, std, seed, stream);
    }
    return float32(tensor.shape, values);
  };
  return new Map([...tensors].map(([name, tensor]) => [name, fresh(name, tensor)]));
}
