// StyleGAN2 with the names of rosinality/stylegan2-pytorch: `g_ema`, and the mean w beside it as `latent_avg`.
// What the layers compute is in stylegan2.ts.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import type { Read } from '../../files/json.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { above0, channels, doubledSide, layers } from '../bounds.ts';
import type { GeneratorFamily, Shapes } from '../architecture.ts';
import { spread } from '../latents.ts';
import type { BuiltGenerator, GeneratorInput, GeneratorOptions } from '../model.ts';
import { mapped, normalised, truncated } from './ops.ts';
import { freshStyleGan, mappingRate, synthesise, type Block, type ColourLayer, type StyledLayer } from './stylegan2.ts';
import type { Weights } from '../weights.ts';

const rosinalityConfig = Type.Object({
  z: channels('Length of z and w.'),
  mapping: layers('Layers of the mapping network.'),
  mappingRate: above0('Their learning rate relative to that of the rest.'),
  size: doubledSide('Height and width of the images.'),
});

export type StyleGan2RosinalityConfig = Read<typeof rosinalityConfig>;

const blocksOf = (size: number): number => Math.log2(size) - 2;

export const stylegan2Rosinality: GeneratorFamily<StyleGan2RosinalityConfig> = {
  name: 'stylegan2-rosinality',
  kind: 'generator',
  config: rosinalityConfig,
  recognise,
  choices: { mappingRate: 'number' },
  unused: ['latent_avg'],
  /** As in the code of the paper on Rosetta neurons, which leaves out `conv1` and `to_rgb1`. */
  defaultTaps: () => ['convs.*.activate', 'to_rgbs.*.conv'],
  latent: ({ z, size }) => ({
    z,
    sampling: 'normal',
    classes: 0,
    w: z,
    layers: 2 * blocksOf(size) + 2,
    height: size,
    width: size,
    truncation: { default: 1, least: -2, most: 2 },
  }),
  addTo: addRosinality,
  fresh: (tensors, seed) =>
    freshStyleGan(tensors, seed, {
      kept: /\.kernel$/,
      ones: /\.modulation\.bias$/,
      mapping: /^style\.\d+\.weight$/,
      zeros: /(\.bias|\.noise\.weight|^latent_avg)$/,
    }),
};

function recognise(shapes: Shapes): StyleGan2RosinalityConfig | undefined {
  const first = shapes.get('style.1.weight');
  if (!first || !shapes.has('input.input') || !shapes.has('conv1.conv.modulation.weight')) return undefined;
  let mapping = 0;
  while (shapes.has(`style.${mapping + 1}.weight`)) mapping++;
  let blocks = 0;
  while (shapes.has(`convs.${2 * blocks}.conv.weight`)) blocks++;
  return { z: first[1], mapping, mappingRate, size: 4 * 2 ** blocks };
}

/**
 * Adds the generator to a builder. Taps: `conv1.conv`, `conv1.activate`, `convs.I.conv`, `convs.I.activate`,
 * `to_rgb1.conv`, `to_rgbs.I.conv`, and the sums `to_rgb1`, `to_rgbs.I`.
 * @throws UserError for a truncation when the checkpoint has no `latent_avg`.
 */
function addRosinality(
  b: GraphBuilder,
  input: GeneratorInput,
  weights: Weights,
  config: StyleGan2RosinalityConfig,
  options: GeneratorOptions,
): BuiltGenerator {
  const styled = (name: string, noise: number, up: boolean): StyledLayer => ({
    name,
    ...modulated(weights, `${name}.conv`),
    bias: `${name}.activate.bias`,
    noise: { strength: `${name}.noise.weight`, buffer: `noises.noise_${noise}` },
    filter: up ? { name: `${name}.conv.blur.kernel`, gain: 1 } : undefined,
    taps: { convolution: `${name}.conv`, whole: `${name}.activate` },
  });
  const colours = (name: string): ColourLayer => ({
    ...modulated(weights, `${name}.conv`),
    bias: `${name}.bias`,
    taps: { convolution: `${name}.conv`, sum: name },
  });
  const blocks: Block[] = [{ convolutions: [styled('conv1', 0, false)], colours: colours('to_rgb1') }];
  for (let i = 0; i < blocksOf(config.size); i++) {
    blocks.push({
      convolutions: [styled(`convs.${2 * i}`, 2 * i + 1, true), styled(`convs.${2 * i + 1}`, 2 * i + 2, false)],
      colours: colours(`to_rgbs.${i}`),
      filter: { name: `to_rgbs.${i}.upsample.kernel`, gain: 1 },
    });
  }
  const ws = latents(b, input, weights, config, options);
  const network = { constant: 'input.input', blocks, activation: 'lrelu', clamp: null } as const;
  return synthesise(b, ws, weights, network, options.noise);
}

/** A modulated convolution: the weight is scaled by 1 / sqrt(its inputs). */
function modulated(weights: Weights, name: string) {
  const [, channels, height, width] = weights.shape(`${name}.weight`).slice(-4);
  return {
    weight: `${name}.weight`,
    gain: 1 / Math.sqrt(channels * height * width),
    affine: `${name}.modulation`,
  };
}

function latents(
  b: GraphBuilder,
  input: GeneratorInput,
  weights: Weights,
  config: StyleGan2RosinalityConfig,
  options: GeneratorOptions,
): Value {
  const { layers } = stylegan2Rosinality.latent(config);
  if ('ws' in input) return input.ws;
  if ('w' in input) return spread(b, input.w, layers);
  const names = Array.from({ length: config.mapping }, (_, i) => `style.${i + 1}`);
  const w = mapped(b, normalised(b, input.z), weights, names, { rate: config.mappingRate, activation: 'lrelu' });
  return truncated(b, w, layers, options, () => {
    if (!weights.has('latent_avg')) {
      throw new UserError(
        `${weights.owner} cannot be truncated: its checkpoint has no "latent_avg", the mean w. Use a truncation of 1, or a checkpoint with it`,
      );
    }
    return weights.constant(b, 'latent_avg');
  });
}
