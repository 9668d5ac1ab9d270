// BigGAN-deep in training, as the adversarial recipes take it: the zoo's own builder over weights that move.
// Normalisations are by the batch; the statistics of the truncations are taken when the network is shipped.

import { present, required } from '../../../lookup.ts';
import type { GraphBuilder, Value } from '../../../graph/builder.ts';
import { float32, sizeOf, type Tensor, floats } from '../../../graph/tensor.ts';
import { biggan, addBigGan } from '../../../zoo/biggan/biggan.ts';
import { singularVectors } from '../../../zoo/biggan/weights.ts';
import { shapesOf } from '../../../zoo/from-checkpoint.ts';
import { bigGanTensors, sideOf, type BigGanSizes } from './tensors.ts';
import type { TrainingGenerator } from '../generator.ts';
import { LiveWeights } from '../../loop/live-weights.ts';
import { standInCard } from '../../recipe/stand-in-card.ts';
import { batchNorms, standingStatistics, type StandingOptions } from './standing-statistics.ts';

/** Tensors of the official network that training does not have: they are taken afterwards. */
const isStatistic = (name: string): boolean => /\.running_(means|vars)$/.test(name);
/**
 * What gradients do not move: vectors that follow the weights, and biases right before a normalisation, which takes them
 * out. Those stay zero.
 */
const stays = (name: string): boolean => /\.weight_[uv]$|\.conv_[012]\.bias$/.test(name);

/** Rounds of power iteration for the network that is shipped; a step of training makes one. */
const rounds = 50;

/**
 * A BigGAN-deep. State tensors have the official names. A weight is divided by u' W v of the vectors that the last update
 * left, and the updates make one power iteration.
 * @param standing how many samples statistics are taken of in the end.
 * @throws UserError when the sizes do not fit each other.
 * Source: Brock et al., "Large scale GAN training for high fidelity natural image synthesis", 2019, appendix B.
 */
export function bigGanGenerator(sizes: BigGanSizes, seed: number, standing: StandingOptions = {}): TrainingGenerator {
  const tensors = bigGanTensors(sizes, seed);
  const config = present(biggan.recognise(shapesOf(tensors), {}), 'architecture');
  const state = new Map([...tensors].filter(([name]) => !isStatistic(name)));
  const layers = [...state.keys()]
    .filter((name) => name.endsWith('.weight_orig'))
    .map((name) => name.replace(/\.weight_orig$/, ''));
  return {
    state,
    trainable: [...state.keys()].filter((name) => !stays(name)),
    z: sizes.z,
    classes: sizes.classes,
    size: sideOf(sizes),
    addTo(b, live, { z, classes }) {
      const weights = new LiveWeights(state, b.name, live);
      const { output } = addBigGan(b, { z, c: classes }, weights, config, batchNorms(weights, config.eps));
      const updates = layers.flatMap((layer) => {
        const { u, v } = iterated(b, live(`${layer}.weight_orig`), live(`${layer}.weight_u`));
        return [[`${layer}.weight_u`, u] as const, [`${layer}.weight_v`, v] as const];
      });
      return { images: b.add(b.mul(output, 0.5), 0.5), updates: Object.fromEntries(updates) };
    },
    async network(trained, engine) {
      const network = new Map<string, Tensor>(
        [...state.keys()].map((name) => [name, required(trained, name, 'tensor')]),
      );
      for (const layer of layers) {
        const { data, shape } = required(network, `${layer}.weight_orig`, 'tensor');
        const { u, v } = singularVectors(floats(data), shape[0], rounds);
        network.set(`${layer}.weight_u`, float32([u.length], u));
        network.set(`${layer}.weight_v`, float32([v.length], v));
      }
      const statistics = await standingStatistics(network, config, engine, standing);
      return new Map(
        [...tensors.keys()].map((name) => [name, network.get(name) ?? required(statistics, name, 'tensor')]),
      );
    },
    card: standInCard('biggan-deep-128', { architecture: biggan.name }),
  };
}

/** The vectors of a weight, as a matrix W, after one power iteration: v = W'u / |W'u|, u = W v / |W v|. */
function iterated(b: GraphBuilder, weight: Value, u: Value): { u: Value; v: Value } {
  const rows = u.shape[0];
  const matrix = b.reshape(weight, [rows, sizeOf(weight.shape) / rows]);
  const unit = (x: Value): Value => b.op('LpNormalization', [b.reshape(x, [sizeOf(x.shape)])])[0];
  const v = unit(b.gemm(b.reshape(u, [1, rows]), matrix));
  return { u: unit(b.gemm(matrix, b.reshape(v, [v.shape[0], 1]))), v };
}
