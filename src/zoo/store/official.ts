// The published models that the store knows, in the order in which they are listed.
// A model is an entry of a file in official/; taps, latents and settings are left to the family.

import { bigGans } from './official/biggan.ts';
import { clips } from './official/clip.ts';
import { resnets } from './official/resnet.ts';
import { styleGan2s } from './official/stylegan2.ts';
import { styleGan3s } from './official/stylegan3.ts';
import { transformers } from './official/vit.ts';
import type { OfficialModel } from './official/model.ts';

export const officialModels: readonly OfficialModel[] = [
  ...resnets,
  ...transformers,
  ...clips,
  ...bigGans,
  ...styleGan2s,
  ...styleGan3s,
];
