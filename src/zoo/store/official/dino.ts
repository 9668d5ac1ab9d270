// What the models of DINO have in common, ResNet-50 and vision transformers.
// Facts from the README, LICENSE and eval_linear.py of facebookresearch/dino.

import type { Input } from '../../card.ts';
import { fileAt } from './model.ts';
import { imageNet } from '../../encoders/resnet.ts';

/** Resized by PIL's bicubic filter, which smooths. */
const input: Input = { height: 224, width: 224, ...imageNet, resize: 'bicubic', antialias: true };

/** The backbone of a pretraining run; its folder and its file have the same name. */
export const dino = (run: string) =>
  ({
    task: 'self-distillation',
    supervision: 'none (self-supervised)',
    data: 'ImageNet-1k, without labels',
    licence: 'Apache-2.0',
    source: 'facebookresearch/dino, backbone',
    paper:
      'Emerging Properties in Self-Supervised Vision Transformers, Mathilde Caron, Hugo Touvron, Ishan Misra, Hervé Jégou, Julien Mairal, Piotr Bojanowski, Armand Joulin, ICCV 2021, arXiv 2104.14294',
    input,
    files: [fileAt(`https://dl.fbaipublicfiles.com/dino/${run}/${run}.pth`)],
  }) as const;
