// Published StyleGAN2: in the form of rosinality's PyTorch code, and NVIDIA's own PyTorch release with ADA.
// Facts from the READMEs and licences of rosinality/stylegan2-pytorch, NVlabs/stylegan2-ada-pytorch and
// yossigandelsman/rosetta_neurons.

import { fileAt, type OfficialModel } from './model.ts';

/** Folder in which the authors of "Rosetta Neurons" keep the converted files that they used. */
const paperFolder = 'https://drive.google.com/drive/folders/1NGKgKxcyor7enTMcFcO9B55RSmAU_eHx';
const repository = 'https://github.com/rosinality/stylegan2-pytorch';

const stylegan2 = { supervision: 'none (adversarial)' } as const;
const paper2 =
  'Analyzing and Improving the Image Quality of StyleGAN, Tero Karras, Samuli Laine, Miika Aittala, Janne Hellsten, Jaakko Lehtinen, Timo Aila, CVPR 2020, arXiv 1912.04958';
const paperAda =
  'Training Generative Adversarial Networks with Limited Data, Tero Karras, Miika Aittala, Janne Hellsten, Samuli Laine, Jaakko Lehtinen, Timo Aila, NeurIPS 2020, arXiv 2006.06676';
const nvidia = 'NVIDIA Source Code License (research and evaluation only, no commercial use)';

/** Weights of NVIDIA's TensorFlow release, which are converted by rosinality's convert_weight.py. */
const converted = (name: string, data: string, size: number, inPaperFolder: boolean): OfficialModel => {
  const file = `stylegan2-${name}-config-f.pt`;
  const convert = `convert NVIDIA's stylegan2-${name}-config-f.pkl with convert_weight.py of ${repository}`;
  const manual = inPaperFolder ? `download ${file} from ${paperFolder} with a browser, or ${convert}` : convert;
  return {
    name: `stylegan2-${name}`,
    architecture: 'stylegan2-rosinality',
    ...stylegan2,
    task: `generation of images, ${size}x${size}`,
    data,
    licence: nvidia,
    source: 'NVlabs/stylegan2, config F, converted by rosinality/stylegan2-pytorch',
    paper: paper2,
    files: [{ file, url: inPaperFolder ? paperFolder : repository, manual }],
  };
};

const faces: OfficialModel = {
  name: 'stylegan2-ffhq-256',
  architecture: 'stylegan2-rosinality',
  ...stylegan2,
  task: 'generation of images, 256x256',
  data: 'FFHQ',
  licence: 'MIT (the code); none is stated for the weights',
  source: 'rosinality/stylegan2-pytorch, 550,000 iterations',
  paper: paper2,
  files: [
    {
      file: '550000.pt',
      url: 'https://drive.google.com/open?id=1PQutd-JboOCOZqmd95XWxWrO8gGEvRcO',
      manual: 'download it from https://drive.google.com/open?id=1PQutd-JboOCOZqmd95XWxWrO8gGEvRcO with a browser',
    },
  ],
};

const ada = (name: string, data: string, size: number, paper = paperAda): OfficialModel => ({
  name: `stylegan2-ada-${name}`,
  architecture: 'stylegan2-nvlabs',
  ...stylegan2,
  task: `generation of images, ${size}x${size}`,
  data,
  licence: nvidia,
  source: `NVlabs/stylegan2-ada-pytorch, ${name}.pkl`,
  paper,
  files: [fileAt(`https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/${name}.pkl`)],
});

export const styleGan2s: readonly OfficialModel[] = [
  converted('ffhq', 'FFHQ', 1024, true),
  converted('cat', 'LSUN Cat', 256, true),
  converted('horse', 'LSUN Horse', 256, true),
  converted('car', 'LSUN Car', 512, true),
  converted('church', 'LSUN Church', 256, false),
  faces,
  ada('ffhq', 'FFHQ', 1024, paper2),
  ada('metfaces', 'MetFaces (transfer from FFHQ)', 1024),
  ada('afhqcat', 'AFHQ Cat', 512),
  ada('afhqdog', 'AFHQ Dog', 512),
  ada('afhqwild', 'AFHQ Wild', 512),
  { ...ada('cifar10', 'CIFAR-10', 32), supervision: 'labels (the condition), adversarial' },
  ada('brecahad', 'BreCaHAD', 512),
];
