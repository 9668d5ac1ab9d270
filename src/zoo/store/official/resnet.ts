// Published ResNet-50: torchvision's, trained with labels, and DINO's.
// Facts from torchvision's models/resnet.py and README, and DINO's README, hubconf.py and eval_linear.py.

import type { Input } from '../../card.ts';
import { fileAt, type OfficialModel } from './model.ts';
import { imageNet } from '../../encoders/resnet.ts';
import { dino } from './dino.ts';

const input: Input = { height: 224, width: 224, ...imageNet, resize: 'bilinear', antialias: true };

const torchvision = {
  architecture: 'resnet',
  task: 'image classification',
  supervision: 'labels',
  data: 'ImageNet-1k',
  licence: 'BSD-3-Clause (torchvision); terms of ImageNet may apply to the weights',
  paper:
    'Deep Residual Learning for Image Recognition, Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun, CVPR 2016, arXiv 1512.03385',
  input,
} as const;

const address = 'https://download.pytorch.org/models';
/** Torchvision publishes 97.781 and 97.79 MB, of 2^20 bytes each. */
const about = Math.round(97.78 * 2 ** 20);

export const resnets: readonly OfficialModel[] = [
  {
    name: 'resnet50',
    ...torchvision,
    source: 'torchvision, ResNet50_Weights.IMAGENET1K_V1',
    files: [fileAt(`${address}/resnet50-0676ba61.pth`, { sha256: '0676ba61', about })],
  },
  {
    name: 'resnet50-2017',
    ...torchvision,
    source: 'torchvision before 0.10, pretrained=True',
    files: [fileAt(`${address}/resnet50-19c8e357.pth`, { sha256: '19c8e357', about })],
  },
  {
    name: 'resnet50-v2',
    ...torchvision,
    source: 'torchvision, ResNet50_Weights.IMAGENET1K_V2',
    files: [fileAt(`${address}/resnet50-11ad3fa6.pth`, { sha256: '11ad3fa6', about })],
  },
  { name: 'dino-resnet50', architecture: 'resnet', ...dino('dino_resnet50_pretrain') },
];
