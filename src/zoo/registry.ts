// The architectures that checkpoints are recognised as, tried in this order.
// A new family is one file and one entry here.

import type { Architecture, Config } from './architecture.ts';
import { biggan } from './biggan/biggan.ts';
import { clipResNet } from './encoders/clip-resnet.ts';
import { resnet } from './encoders/resnet.ts';
import { stylegan2Nvlabs } from './stylegan2/nvlabs.ts';
import { stylegan2Rosinality } from './stylegan2/rosinality.ts';
import { stylegan3 } from './stylegan3/stylegan3.ts';
import { vit } from './encoders/vit.ts';

export const architectures: readonly Architecture<Config>[] = [
  resnet,
  biggan,
  stylegan2Rosinality,
  stylegan2Nvlabs,
  stylegan3,
  vit,
  clipResNet,
];
