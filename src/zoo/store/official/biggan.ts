// Published BigGAN-deep, converted to PyTorch. The configuration is a file of its own beside the weights.
// Facts from the README, LICENSE and model.py of huggingface/pytorch-pretrained-BigGAN.

import { fileAt, type OfficialModel } from './model.ts';

const model = (size: number, megabytes: number): OfficialModel => {
  const address = `https://s3.amazonaws.com/models.huggingface.co/biggan/biggan-deep-${size}`;
  return {
    name: `biggan-deep-${size}`,
    architecture: 'biggan-deep',
    task: `generation of images, ${size}x${size}`,
    supervision: 'labels (the condition), adversarial',
    data: 'ImageNet-1k',
    licence: 'MIT (the conversion); that of the original weights is not stated with it',
    source: `huggingface/pytorch-pretrained-BigGAN, biggan-deep-${size}, from the weights of DeepMind`,
    paper:
      'Large Scale GAN Training for High Fidelity Natural Image Synthesis, Andrew Brock, Jeff Donahue, Karen Simonyan, ICLR 2019, arXiv 1809.11096',
    files: [
      fileAt(`${address}-pytorch_model.bin`, { about: megabytes * 1e6 }),
      fileAt(`${address}-config.json`, { file: 'config.json' }),
    ],
  };
};

export const bigGans: readonly OfficialModel[] = [model(128, 201), model(256, 224), model(512, 225)];
