// The published ResNet-50 of CLIP: its image tower is what is used.
// Facts from clip/clip.py, LICENSE and model-card.md of openai/CLIP.

import { fileAt, type OfficialModel } from './model.ts';

// The address has the SHA-256 as its folder.
const sha256 = 'afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762';

export const clips: readonly OfficialModel[] = [
  {
    name: 'clip-rn50',
    architecture: 'clip-resnet',
    task: 'matching of images and texts',
    supervision: 'text',
    data: 'image-text pairs (not published)',
    licence: 'MIT; the model card advises research only',
    source: 'openai/CLIP, RN50',
    paper:
      'Learning Transferable Visual Models From Natural Language Supervision, Alec Radford, Jong Wook Kim, Chris Hallacy et al., ICML 2021, arXiv 2103.00020',
    input: {
      height: 224,
      width: 224,
      mean: [0.48145466, 0.4578275, 0.40821073],
      std: [0.26862954, 0.26130258, 0.27577711],
      resize: 'bicubic',
      antialias: true,
    },
    files: [fileAt(`https://openaipublic.azureedge.net/clip/models/${sha256}/RN50.pt`, { sha256 })],
  },
];
