// StyleGAN2 in training, as the adversarial recipes take it: the zoo's own builder over weights that move.
// No style mixing and no path length regularisation, as the official code trains on CIFAR-10.

import { present, required } from '../../../lookup.ts';
import { shapesOf } from '../../../zoo/from-checkpoint.ts';
import { spread } from '../../../zoo/latents.ts';
import { layersOf, synthesise } from '../../../zoo/stylegan2/stylegan2.ts';
import { nvlabsMapping, nvlabsSynthesis, stylegan2Nvlabs } from '../../../zoo/stylegan2/nvlabs.ts';
import type { TrainingGenerator } from '../generator.ts';
import { LiveWeights } from '../../loop/live-weights.ts';
import { standInCard } from '../../recipe/stand-in-card.ts';
import { freshStyleGan2, movesInStyleGan2, sideOf, type StyleGan2Sizes } from './tensors.ts';

/** Fraction of the old mean w in the new one. Source: `w_avg_beta` of the official code. */
const meanDecay = 0.995;

/**
 * A StyleGAN2 of colours of all sizes added up. The learning rate is equalised: weights are standard normal and scaled at
 * run time, those of the mapping network move a hundredth of what others do. State tensors have the official names.
 * Source: Karras et al., "Analyzing and improving the image quality of StyleGAN", 2020; Karras et al., "Training
 * generative adversarial networks with limited data", 2020, for small images.
 */
export function styleGan2Generator(sizes: StyleGan2Sizes, seed: number): TrainingGenerator {
  const state = freshStyleGan2(sizes, seed);
  const config = present(stylegan2Nvlabs.recognise(shapesOf(state), {}), 'architecture');
  const size = sideOf(sizes);
  const noise = Object.fromEntries(
    [...state]
      .filter(([name]) => name.endsWith('.noise_const'))
      .map(([name, { shape }]) => [name.replace('.noise_const', ''), [1, ...shape]]),
  );
  return {
    state,
    trainable: [...state.keys()].filter(movesInStyleGan2),
    z: sizes.z,
    classes: sizes.classes ?? 0,
    size,
    noise,
    addTo(b, live, { z, classes, noise: drawn }) {
      const weights = new LiveWeights(state, b.name, (name) => (movesInStyleGan2(name) ? live(name) : undefined));
      const w = nvlabsMapping(b, { z, c: classes }, weights, config);
      const synthesis = nvlabsSynthesis(weights, config);
      const ws = spread(b, w, layersOf(synthesis));
      const { output } = synthesise(b, ws, weights, synthesis, drawn ? (layer) => drawn[layer] : 'const');
      const mean = live('mapping.w_avg');
      const step = b.mul(b.sub(b.reduceMean(w, [0]), mean), 1 - meanDecay);
      return {
        images: b.add(b.mul(output, 0.5), 0.5),
        updates: { 'mapping.w_avg': b.add(mean, step) },
      };
    },
    network: (trained) =>
      Promise.resolve(new Map([...state.keys()].map((name) => [name, required(trained, name, 'tensor')]))),
    card: standInCard(sizes.classes ? 'stylegan2-ada-cifar10' : 'stylegan2-ada-ffhq', {
      architecture: stylegan2Nvlabs.name,
    }),
  };
}
