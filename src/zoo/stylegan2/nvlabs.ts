// StyleGAN2 with the names of NVlabs/stylegan2-ada-pytorch: `mapping` and `synthesis` of a pickled `G_ema`.
// What the layers compute is in stylegan2.ts, in float32 also where the file says float16.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import { required } from '../../lookup.ts';
import type { Read } from '../../files/json.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { above0, channels, classes, doubledSide, layers } from '../bounds.ts';
import type { GeneratorFamily, Hints, Shapes } from '../architecture.ts';
import { spread } from '../latents.ts';
import type { BuiltGenerator, GeneratorInput, GeneratorOptions } from '../model.ts';
import { dense, isActivation, mapped, normalised, truncated } from './ops.ts';
import { freshStyleGan, layersOf, mappingRate, synthesise } from './stylegan2.ts';
import type { Block, StyledLayer, Synthesis } from './stylegan2.ts';
import type { Weights } from '../weights.ts';

const nvlabsConfig = Type.Object({
  z: channels('Length of z.'),
  w: channels('Length of w.'),
  classes: classes('0 for none.', 0),
  size: doubledSide('Height and width of the images.'),
  architecture: Type.Enum(['skip', 'orig', 'resnet'], {
    description:
      "'skip': colours of all sizes are added up; 'orig': only the last has some; 'resnet': blocks are residual.",
  }),
  mapping: layers('Layers of the mapping network.'),
  mappingRate: above0('Their learning rate relative to that of the rest.'),
  activation: Type.Enum(['lrelu', 'relu', 'linear']),
  clamp: Type.Union([above0('Outputs of convolutions are clipped to [-clamp, clamp]; null for none.'), Type.Null()]),
});

export type StyleGan2NvlabsConfig = Read<typeof nvlabsConfig>;

export const stylegan2Nvlabs: GeneratorFamily<StyleGan2NvlabsConfig> = {
  name: 'stylegan2-nvlabs',
  kind: 'generator',
  config: nvlabsConfig,
  recognise,
  choices: { mappingRate: 'number', clamp: 'number' },
  unused: ['mapping.w_avg', '**.resample_filter'],
  defaultTaps: () => ['synthesis.b*.{conv0,conv1,torgb}'],
  latent: (config) => ({
    z: config.z,
    sampling: 'normal',
    classes: config.classes,
    w: config.w,
    layers: layerCount(config.size),
    height: config.size,
    width: config.size,
    truncation: { default: 1, least: -2, most: 2 },
  }),
  addTo: addNvlabs,
  fresh: (tensors, seed) =>
    freshStyleGan(tensors, seed, {
      kept: /\.resample_filter$/,
      ones: /\.affine\.bias$/,
      mapping: /^mapping\.fc\d+\.weight$/,
      zeros: /(\.bias|\.noise_strength|\.w_avg)$/,
    }),
};

const layerCount = (size: number): number => 2 * Math.log2(size) - 2;

/**
 * Configuration from names and shapes. Clipping, the activation and the mapping network's learning rate are told by the
 * modules of a pickle; without one they are none, leaky ReLU and 0.01.
 */
function recognise(shapes: Shapes, { modules }: Hints): StyleGan2NvlabsConfig | undefined {
  const first = shapes.get('mapping.fc0.weight');
  if (!first || !shapes.has('synthesis.b4.const') || !shapes.has('synthesis.b4.conv1.affine.weight')) return undefined;
  const attribute = (module: string, name: string): unknown => modules?.get(module)?.attributes[name];
  const embedding = shapes.get('mapping.embed.weight') ?? [0, 0];
  let mapping = 0;
  while (shapes.has(`mapping.fc${mapping}.weight`)) mapping++;
  let size = 4;
  while (shapes.has(`synthesis.b${2 * size}.conv1.weight`)) size *= 2;
  const colours = shapes.get(`synthesis.b${size}.torgb.weight`);
  if (colours?.[0] !== 3) {
    throw new UserError(
      `the StyleGAN2 in this checkpoint makes images of ${colours?.[0] ?? 'no'} channels; networks of RGB images, 3 channels, are expected`,
    );
  }
  const activation = attribute('synthesis.b4.conv1', 'activation') ?? 'lrelu';
  const ofMapping = attribute('mapping.fc0', 'activation') ?? activation;
  if (!isActivation(activation) || ofMapping !== activation) {
    const found = JSON.stringify([activation, ofMapping]);
    throw new UserError(
      `the StyleGAN2 in this checkpoint has the activations ${found} in synthesis and mapping; lrelu, relu or linear, the same in both, is expected`,
    );
  }
  const rate = attribute('mapping.fc0', 'bias_gain');
  const clamp = attribute('synthesis.b4.conv1', 'conv_clamp');
  return {
    z: first[1] - embedding[0],
    w: required(shapes, `mapping.fc${mapping - 1}.weight`, 'tensor')[0],
    classes: embedding[1],
    size,
    architecture: architectureOf(shapes, size),
    mapping,
    mappingRate: typeof rate === 'number' ? rate : mappingRate,
    activation,
    clamp: typeof clamp === 'number' ? clamp : null,
  };
}

function architectureOf(shapes: Shapes, size: number): StyleGan2NvlabsConfig['architecture'] {
  if (shapes.has(`synthesis.b${size}.skip.weight`)) return 'resnet';
  return size > 4 && !shapes.has('synthesis.b4.torgb.weight') ? 'orig' : 'skip';
}

/**
 * Adds the generator to a builder. Taps: `synthesis.bR.conv0`, `synthesis.bR.conv1`, `synthesis.bR.torgb`, and
 * `synthesis.bR`, the maps of a block.
 * @throws UserError for a truncation when the checkpoint has no mean w.
 */
function addNvlabs(
  b: GraphBuilder,
  input: GeneratorInput,
  weights: Weights,
  config: StyleGan2NvlabsConfig,
  options: GeneratorOptions,
): BuiltGenerator {
  const synthesis = nvlabsSynthesis(weights, config);
  const ws = latents(b, input, weights, config, layersOf(synthesis), options);
  return synthesise(b, ws, weights, synthesis, options.noise);
}

/** The synthesis network by its names of tensors. */
export function nvlabsSynthesis(weights: Weights, config: StyleGan2NvlabsConfig): Synthesis {
  const styled = (name: string, up: boolean): StyledLayer => ({
    name,
    weight: `${name}.weight`,
    gain: 1,
    affine: `${name}.affine`,
    bias: `${name}.bias`,
    noise: weights.has(`${name}.noise_strength`)
      ? { strength: `${name}.noise_strength`, buffer: `${name}.noise_const` }
      : undefined,
    filter: up ? { name: `${name}.resample_filter`, gain: 4 } : undefined,
    taps: { whole: name },
  });
  const inputsOf = (name: string): number => weights.shape(`${name}.weight`)[1];
  const blocks: Block[] = [];
  for (let size = 4; size <= config.size; size *= 2) {
    const name = `synthesis.b${size}`;
    const up = size > 4;
    const hasColours = config.architecture === 'skip' || size === config.size;
    blocks.push({
      convolutions: [...(up ? [styled(`${name}.conv0`, true)] : []), styled(`${name}.conv1`, false)],
      colours: hasColours
        ? {
            weight: `${name}.torgb.weight`,
            gain: 1 / Math.sqrt(inputsOf(`${name}.torgb`)),
            affine: `${name}.torgb.affine`,
            bias: `${name}.torgb.bias`,
            taps: { whole: `${name}.torgb` },
          }
        : undefined,
      filter: up ? { name: `${name}.resample_filter`, gain: 4 } : undefined,
      shortcut:
        up && config.architecture === 'resnet'
          ? { weight: `${name}.skip.weight`, gain: 1 / Math.sqrt(inputsOf(`${name}.skip`)) }
          : undefined,
      tap: name,
    });
  }
  const { activation, clamp } = config;
  return { constant: 'synthesis.b4.const', blocks, activation, clamp };
}

function latents(
  b: GraphBuilder,
  input: GeneratorInput,
  weights: Weights,
  config: StyleGan2NvlabsConfig,
  layers: number,
  options: GeneratorOptions,
): Value {
  if ('ws' in input) return input.ws;
  if ('w' in input) return spread(b, input.w, layers);
  return truncated(b, nvlabsMapping(b, input, weights, config), layers, options, () => {
    if (!weights.has('mapping.w_avg')) {
      throw new UserError(
        `${weights.owner} cannot be truncated: its checkpoint has no "mapping.w_avg", the mean w. Use a truncation of 1, or a checkpoint with it`,
      );
    }
    return weights.constant(b, 'mapping.w_avg');
  });
}

/** The mapping network: w `[n, w]`, before truncation. @throws UserError when there are classes and no c. */
export function nvlabsMapping(
  b: GraphBuilder,
  { z, c }: { readonly z: Value; readonly c?: Value },
  weights: Weights,
  config: StyleGan2NvlabsConfig,
): Value {
  const parts = [normalised(b, z)];
  if (config.classes) {
    if (!c) throw new UserError(`${weights.owner} needs a class beside z: c, one-hot, [n, ${config.classes}]`);
    parts.push(normalised(b, dense(b, c, weights, 'mapping.embed')));
  }
  const names = Array.from({ length: config.mapping }, (_, i) => `mapping.fc${i}`);
  const x = parts.length > 1 ? b.concat(parts, 1) : parts[0];
  return mapped(b, x, weights, names, { rate: config.mappingRate, activation: config.activation });
}
