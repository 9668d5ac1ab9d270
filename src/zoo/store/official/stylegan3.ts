// Published StyleGAN3 and StyleGAN-XL, which are of one architecture.
// Facts from the READMEs and licences of NVlabs/stylegan3 and autonomousvision/stylegan-xl.

import { fileAt, type OfficialModel } from './model.ts';

const unlabelled = 'none (adversarial)';
const stylegan3 = (kind: 't' | 'r', set: string, data: string, size: number): OfficialModel => ({
  name: `stylegan3-${kind}-${set}-${size}`,
  architecture: 'stylegan3',
  task: `generation of images, ${size}x${size}`,
  supervision: unlabelled,
  data,
  licence: 'NVIDIA Source Code License (research and evaluation only, no commercial use)',
  source: `NVlabs/stylegan3, config ${kind.toUpperCase()}`,
  paper:
    'Alias-Free Generative Adversarial Networks, Tero Karras, Miika Aittala, Samuli Laine, Erik Härkönen, Janne Hellsten, Jaakko Lehtinen, Timo Aila, NeurIPS 2021, arXiv 2106.12423',
  files: [
    fileAt(
      `https://api.ngc.nvidia.com/v2/models/nvidia/research/stylegan3/versions/1/files/stylegan3-${kind}-${set}-${size}x${size}.pkl`,
    ),
  ],
});

const both = (set: string, data: string, size: number): OfficialModel[] => [
  stylegan3('t', set, data, size),
  stylegan3('r', set, data, size),
];

const xl = (set: string, data: string, size: number): OfficialModel => ({
  name: `stylegan-xl-${set}-${size}`,
  architecture: 'stylegan3',
  task: `generation of images, ${size}x${size}`,
  supervision: set === 'imagenet' || set === 'cifar10' ? 'labels (the condition), adversarial' : unlabelled,
  data,
  licence: 'MIT',
  source: 'autonomousvision/stylegan-xl',
  paper:
    'StyleGAN-XL: Scaling StyleGAN to Large Diverse Datasets, Axel Sauer, Katja Schwarz, Andreas Geiger, SIGGRAPH 2022, arXiv 2202.00273',
  files: [
    fileAt(
      `https://s3.eu-central-1.amazonaws.com/avg-projects/stylegan_xl/models/${set === 'cifar10' ? set : `${set}${size}`}.pkl`,
    ),
  ],
});

export const styleGan3s: readonly OfficialModel[] = [
  ...both('ffhq', 'FFHQ', 1024),
  ...both('ffhqu', 'FFHQ-U (unaligned)', 1024),
  ...both('ffhqu', 'FFHQ-U (unaligned)', 256),
  ...both('metfaces', 'MetFaces', 1024),
  ...both('metfacesu', 'MetFaces-U (unaligned)', 1024),
  ...both('afhqv2', 'AFHQv2', 512),
  ...[16, 32, 64, 128, 256, 512, 1024].map((size) => xl('imagenet', 'ImageNet-1k', size)),
  xl('cifar10', 'CIFAR-10', 32),
  ...[256, 512, 1024].map((size) => xl('ffhq', 'FFHQ', size)),
  ...[256, 512, 1024].map((size) => xl('pokemon', 'Pokemon', size)),
];
