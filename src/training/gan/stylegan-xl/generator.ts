// StyleGAN-XL in training, as the adversarial recipes take it: the zoo's own builder over weights that move.
// No style mixing, no path length regularisation, no growing: one stage, as the official code trains its first.

import { present, required } from '../../../lookup.ts';
import type { GraphBuilder, Value } from '../../../graph/builder.ts';
import { float32, sizeOf } from '../../../graph/tensor.ts';
import { shapesOf } from '../../../zoo/from-checkpoint.ts';
import { stylegan3 } from '../../../zoo/stylegan3/stylegan3.ts';
import type { StyleGan3Config } from '../../../zoo/stylegan3/config.ts';
import type { TrainingGenerator } from '../generator.ts';
import { LiveWeights } from '../../loop/live-weights.ts';
import { standInCard } from '../../recipe/stand-in-card.ts';
import { planSynthesis } from './layers.ts';
import { freshStyleGanXl, isRunning, mappingDefaults, movesInStyleGanXl, type StyleGanXlSizes } from './tensors.ts';

/** Fraction of the old value in a running mean. Of w: for each image. Source: `w_avg_beta` of the official code. */
const meanDecay = 0.998;
/**
 * Images after which half of an old power of a layer's input is left: a tenth of the official `magnitude_ema_beta`, for
 * trainings that are shorter by far more.
 */
const powerHalfLife = 2e3;

/**
 * A class-conditional StyleGAN-XL of one stage. State tensors have the official names; the embedding of classes, which
 * the official code takes from another network, has fixed, orthogonal rows here, and its projection is trained. Values
 * are not clamped, as only half precision needs it.
 *
 * Running means are read as they are before the step: the image is that of the zoo's builder for the same tensors.
 * Source: Sauer et al., "StyleGAN-XL: Scaling StyleGAN to large diverse datasets", 2022.
 * @throws UserError when no layers lead from the first band to the last, see `planSynthesis`.
 */
export function styleGanXlGenerator(sizes: StyleGanXlSizes, seed: number): TrainingGenerator {
  const { z, classes, size, mappingRate } = { ...mappingDefaults, ...sizes };
  const state = freshStyleGanXl(sizes, seed);
  const { input, layers } = planSynthesis(sizes);
  const network = {
    resolution: size,
    outputScale: 0.25,
    mappingRate,
    input: { ...input, width: input.size, height: input.size },
    layers: layers.map(({ layer }) => layer),
  };
  const recognised = present(stylegan3.recognise(shapesOf(state), {}), 'architecture');
  // The means are of the maps with their margins.
  const config: StyleGan3Config = { ...recognised, network, margins: 'keep' };
  const follows = (name: string) => movesInStyleGanXl(name) || isRunning(name);
  return {
    state,
    trainable: [...state.keys()].filter(movesInStyleGanXl),
    z,
    classes,
    size,
    addTo(b, live, { z: latent, classes: c }) {
      const weights = new LiveWeights(state, b.name, (name) => (follows(name) ? live(name) : undefined));
      const { taps, output, ws } = stylegan3.addTo(b, { z: latent, c }, weights, config, {
        truncation: 1,
        noise: 'const',
      });
      const inputs = ['synthesis.input', ...network.layers.map(({ name }) => `synthesis.${name}`)];
      const powers = network.layers.map(({ name }, i): [string, Value] => {
        const buffer = `synthesis.${name}.magnitude_ema`;
        return [buffer, runningPower(b, live(buffer), required(taps, inputs[i], 'layer'))];
      });
      const w = b.reshape(b.slice(ws, { axes: [1], starts: [0], ends: [1] }), [ws.shape[0], ws.shape[2]]);
      const means = runningMeans(b, live('mapping.w_avg'), w, present(c, 'class'));
      return {
        images: b.add(b.mul(output, 0.5), 0.5),
        updates: { ...Object.fromEntries(powers), 'mapping.w_avg': means },
      };
    },
    network: (trained) =>
      Promise.resolve(new Map([...state.keys()].map((name) => [name, required(trained, name, 'tensor')]))),
    card: standInCard('stylegan-xl-cifar10-32', { architecture: stylegan3.name, config: { network } }),
  };
}

/** The mean square of a layer's input, followed. */
function runningPower(b: GraphBuilder, power: Value, maps: Value): Value {
  const decay = 0.5 ** (maps.shape[0] / powerHalfLife);
  const sum = b.reduceSumSquare(maps, [...maps.shape.keys()]);
  return b.add(b.mul(power, decay), b.mul(sum, (1 - decay) / sizeOf(maps.shape)));
}

/**
 * The mean w of each class, followed image by image: of m images of a class the last has the fraction 1 - decay, the one
 * before it decay times that, and so on, and decay^m is left of what was.
 * @param means `[classes, w]`. @param w `[n, w]`. @param c one-hot, `[n, classes]`.
 */
function runningMeans(b: GraphBuilder, means: Value, w: Value, c: Value): Value {
  const n = w.shape[0];
  const power = (count: Value) => b.exp(b.mul(count, Math.log(meanDecay)));
  const later = b.constant(
    float32(
      [n, n],
      Float32Array.from({ length: n * n }, (_, at) => +(at % n > Math.floor(at / n))),
    ),
  );
  const alike = b.gemm(c, c, undefined, { transB: true });
  const shares = b.mul(power(b.reduceSum(b.mul(alike, later), [1], true)), 1 - meanDecay);
  const left = b.mul(means, b.reshape(power(b.reduceSum(c, [0])), [c.shape[1], 1]));
  return b.gemm(c, b.mul(w, shares), left, { transA: true });
}
