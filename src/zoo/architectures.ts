// The architectures that checkpoints are recognised as: one entry each, tried in this order.
// A new family is one builder file and one entry here.

import type { GraphBuilder, Value } from '../graph/builder.ts';
import type { ModelCard } from './card.ts';
import type { BuiltModel } from './model.ts';
import { buildResNet, defaultTaps, recogniseResNet, type ResNetConfig } from './resnet.ts';
import type { Weights } from './weights.ts';

export interface Architecture<Config> {
  readonly name: string;
  /** Configuration that the names and shapes of the tensors tell; undefined when they are of something else. */
  recognise(shapes: ReadonlyMap<string, readonly number[]>): Config | undefined;
  /** Settings that tensors cannot tell, with the values that they may take. */
  readonly choices: Readonly<Record<string, readonly string[]>>;
  defaultTaps(config: Config): string[];
  defaultInput(config: Config): ModelCard['input'];
  build(b: GraphBuilder, x: Value, weights: Weights, config: Config): BuiltModel;
}

/** Channel means and deviations of ImageNet, as torchvision's models expect them. */
const imageNet = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
} as const;

const resnet: Architecture<ResNetConfig> = {
  name: 'resnet',
  recognise: recogniseResNet,
  choices: { stem: ['imagenet', 'cifar'], strideOn: ['conv1', 'conv2'] },
  defaultTaps,
  defaultInput(config) {
    const side = config.stem === 'cifar' ? 32 : 224;
    return { height: side, width: side, ...imageNet, resize: 'bilinear', antialias: true };
  },
  build: buildResNet,
};

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each entry has a configuration type of its own
export const architectures: readonly Architecture<any>[] = [resnet];
