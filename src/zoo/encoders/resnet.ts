// The ResNet family as one builder: torchvision's networks (DINO's backbone has the same names) and the CIFAR form.
// BatchNormalization stays an operator of its own: the engine folds it into the convolution wherever no tap lies between.

import Type from 'typebox';
import type { Read } from '../../files/json.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { each, layers } from '../bounds.ts';
import type { EncoderFamily, Shapes } from '../architecture.ts';
import type { BuiltModel } from '../model.ts';
import type { Weights } from '../weights.ts';

const resnetConfig = Type.Object({
  depths: each(layers('Blocks of a stage.'), 'Blocks of each stage.'),
  block: Type.Enum(['basic', 'bottleneck']),
  stem: Type.Enum(['imagenet', 'cifar'], {
    description: "'imagenet': 7x7 convolution of stride 2 and max pooling; 'cifar': 3x3 convolution of stride 1.",
  }),
  shortcut: Type.Enum(['projection', 'pad'], {
    description:
      "'projection': 1x1 convolution; 'pad': every second pixel, channels padded with zeros on both sides (option A).",
  }),
  strideOn: Type.Enum(['conv1', 'conv2'], {
    description:
      "Convolution of a bottleneck that has the stride: 'conv2' (torchvision) or 'conv1' (the original paper).",
  }),
});

/** What tensors tell of a ResNet, and what they cannot tell. */
export type ResNetConfig = Read<typeof resnetConfig>;

/** Names of the projection in the shortcut, and of the classifier, that are in use. */
const projections = ['downsample', 'shortcut'];
const classifiers = ['fc', 'linear'];

/**
 * Configuration of a ResNet from the names and shapes of its tensors; undefined when they are not those of one.
 * The strides cannot be told: stages after the first have stride 2 at their first block.
 */
function recogniseResNet(shapes: Shapes): ResNetConfig | undefined {
  const stem = shapes.get('conv1.weight');
  if (!stem || stem.length !== 4 || stem[1] !== 3 || !shapes.has('bn1.weight')) return undefined;
  const depths: number[] = [];
  for (let stage = 1; shapes.has(`layer${stage}.0.conv1.weight`); stage++) {
    let blocks = 0;
    while (shapes.has(`layer${stage}.${blocks}.conv1.weight`)) blocks++;
    depths.push(blocks);
  }
  if (!depths.length) return undefined;
  const last = `layer${depths.length}.0`;
  return {
    depths,
    block: shapes.has('layer1.0.conv3.weight') ? 'bottleneck' : 'basic',
    stem: stem[2] >= 5 ? 'imagenet' : 'cifar',
    shortcut: projections.some((name) => shapes.has(`${last}.${name}.0.weight`)) ? 'projection' : 'pad',
    strideOn: 'conv2',
  };
}

/** Channel means and standard deviations of ImageNet, as torchvision's models expect them. */
export const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

export const resnet: EncoderFamily<ResNetConfig> = {
  name: 'resnet',
  kind: 'encoder',
  config: resnetConfig,
  recognise: recogniseResNet,
  choices: { stem: ['imagenet', 'cifar'], strideOn: ['conv1', 'conv2'] },
  unused: ['**.num_batches_tracked'],
  /** Stages, and in the CIFAR form every block. */
  defaultTaps: (config) => (config.stem === 'cifar' ? ['layer*.*'] : ['layer*']),
  defaultInput(config) {
    const side = config.stem === 'cifar' ? 32 : 224;
    return { height: side, width: side, ...imageNet, resize: 'bilinear', antialias: true };
  },
  addTo: addResNet,
};

/**
 * Adds a ResNet to a builder. Taps: `conv1`, `bn1`, `relu`, `maxpool`, and of each block `layerS.B.convN`,
 * `layerS.B.bnN`, `layerS.B` (after the addition and its ReLU), and of each stage `layerS`.
 * @param x `[n, 3, h, w]`, normalised.
 */
function addResNet(b: GraphBuilder, x: Value, weights: Weights, config: ResNetConfig): BuiltModel {
  const taps = new Map<string, Value>();
  const tap = (name: string, value: Value): Value => {
    taps.set(name, value);
    return value;
  };
  const convolution = (input: Value, name: string, stride: number): Value => {
    const weight = weights.constant(b, `${name}.weight`);
    const bias = weights.has(`${name}.bias`) ? weights.constant(b, `${name}.bias`, [weight.shape[0]]) : undefined;
    const pad = (weight.shape[2] - 1) >> 1;
    const group = input.shape[1] / weight.shape[1];
    return tap(name, b.conv(input, weight, bias, { strides: [stride, stride], pads: [pad, pad, pad, pad], group }));
  };
  const normalisation = (input: Value, name: string): Value => {
    const [scale, bias, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
      weights.constant(b, `${name}.${part}`, [input.shape[1]]),
    );
    return tap(name, b.batchNormalization(input, scale, bias, mean, variance, 1e-5));
  };

  let y = convolution(x, 'conv1', config.stem === 'imagenet' ? 2 : 1);
  y = tap('relu', b.relu(normalisation(y, 'bn1')));
  if (config.stem === 'imagenet') {
    y = tap('maxpool', b.maxPool(y, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }));
  }
  const convolutions = config.block === 'bottleneck' ? 3 : 2;
  const strided = config.block === 'bottleneck' ? config.strideOn : 'conv1';
  config.depths.forEach((blocks, s) => {
    for (let i = 0; i < blocks; i++) {
      const name = `layer${s + 1}.${i}`;
      const stride = s > 0 && i === 0 ? 2 : 1;
      let branch = y;
      for (let c = 1; c <= convolutions; c++) {
        branch = convolution(branch, `${name}.conv${c}`, strided === `conv${c}` ? stride : 1);
        branch = normalisation(branch, `${name}.bn${c}`);
        if (c < convolutions) branch = b.relu(branch);
      }
      const projection = projections.find((p) => weights.has(`${name}.${p}.0.weight`));
      let shortcut = y;
      if (projection) {
        shortcut = normalisation(convolution(y, `${name}.${projection}.0`, stride), `${name}.${projection}.1`);
      } else if (stride !== 1 || y.shape[1] !== branch.shape[1]) {
        shortcut = paddedShortcut(b, y, branch.shape[1]);
      }
      y = tap(name, b.relu(b.add(branch, shortcut)));
    }
    tap(`layer${s + 1}`, y);
  });

  const pooled = b.flatten(b.globalAveragePool(y));
  const classifier = classifiers.find((name) => weights.has(`${name}.weight`));
  if (!classifier) return { taps, output: pooled };
  const bias = weights.has(`${classifier}.bias`) ? weights.constant(b, `${classifier}.bias`) : undefined;
  const output = b.gemm(pooled, weights.constant(b, `${classifier}.weight`), bias, { transB: true });
  return { taps, output };
}

/** Every second pixel, zeros for the missing channels: half before, half after. */
function paddedShortcut(b: GraphBuilder, x: Value, channels: number): Value {
  const [, have, height, width] = x.shape;
  const sampled = b.slice(x, { axes: [2, 3], starts: [0, 0], ends: [height, width], steps: [2, 2] });
  const before = (channels - have) >> 1;
  return b.pad(sampled, [0, before, 0, 0, 0, channels - have - before, 0, 0]);
}
