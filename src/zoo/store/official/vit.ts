// Published vision transformers: DINO's and MAE's.
// Facts from the READMEs, hubconf.py and util/datasets.py of facebookresearch/dino and facebookresearch/mae.

import { fileAt, type OfficialModel } from './model.ts';
import { dino } from './dino.ts';

const mae = (size: string, md5: string) =>
  ({
    architecture: 'vit',
    task: 'masked autoencoding',
    supervision: 'none (self-supervised)',
    data: 'ImageNet-1k, without labels',
    licence: 'CC-BY-NC-4.0 (no commercial use)',
    source: 'facebookresearch/mae, pre-trained checkpoint (encoder)',
    paper:
      'Masked Autoencoders Are Scalable Vision Learners, Kaiming He, Xinlei Chen, Saining Xie, Yanghao Li, Piotr Dollár, Ross Girshick, CVPR 2022, arXiv 2111.06377',
    input: dino('').input,
    files: [fileAt(`https://dl.fbaipublicfiles.com/mae/pretrain/mae_pretrain_vit_${size}.pth`, { md5 })],
  }) as const;

export const transformers: readonly OfficialModel[] = [
  { name: 'dino-vits16', architecture: 'vit', ...dino('dino_deitsmall16_pretrain') },
  { name: 'dino-vits8', architecture: 'vit', ...dino('dino_deitsmall8_pretrain') },
  { name: 'dino-vitb16', architecture: 'vit', ...dino('dino_vitbase16_pretrain') },
  { name: 'dino-vitb8', architecture: 'vit', ...dino('dino_vitbase8_pretrain') },
  { name: 'mae-vitb16', ...mae('base', '8cad7c') },
  { name: 'mae-vitl16', ...mae('large', 'b8b06e') },
  { name: 'mae-vith14', ...mae('huge', '9bdbb0') },
];
