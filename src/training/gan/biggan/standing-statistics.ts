// Statistics of a BigGAN's normalisations: those of a batch in training, and those that are kept for every truncation.
// What the normalisations belong to is in zoo/biggan/biggan.ts.

import { required } from '../../../lookup.ts';
import { GraphBuilder, type Value } from '../../../graph/builder.ts';
import { float32, type Tensor, floats } from '../../../graph/tensor.ts';
import { normalAt } from '../../../random.ts';
import type { Engine } from '../../../runtime/engine.ts';
import { withSession } from '../../../runtime/with-session.ts';
import { addBigGan, type BigGanConfig } from '../../../zoo/biggan/biggan.ts';
import { conditionalNorms, lastNorm, perNorm, type BigGanNorms } from '../../../zoo/biggan/weights.ts';
import { Weights } from '../../../zoo/weights.ts';

/** Mean and variance of each channel, `[c]`. */
export interface Statistics {
  readonly mean: Value;
  readonly variance: Value;
}

/**
 * Normalisations by the statistics of the batch.
 * @param seen is told the statistics of each normalisation, by its name.
 */
export function batchNorms(
  weights: Weights,
  eps: number,
  seen: (name: string, statistics: Statistics) => void = () => undefined,
): BigGanNorms {
  const taken = (b: GraphBuilder, x: Value, name: string) => {
    const statistics = batchStatistics(b, x);
    seen(name, statistics);
    const inverse = b.op('Reciprocal', [b.sqrt(b.add(statistics.variance, eps))])[0];
    return { inverse, level: b.mul(statistics.mean, inverse) };
  };
  return {
    conditional(b, block, channels, gains, offsets) {
      const [gain, offset] = [gains, offsets].map((values) => perNorm(b, values, channels));
      return (x, i) => {
        const { inverse, level } = taken(b, x, `${block}.${conditionalNorms[i]}`);
        const column = (value: Value): Value => b.reshape(value, [channels[i], 1, 1]);
        return {
          scale: b.mul(gain[i], column(inverse)),
          shift: b.sub(offset[i], b.mul(gain[i], column(level))),
        };
      };
    },
    last(b, x) {
      const channels = x.shape[1];
      const [gain, bias] = ['weight', 'bias'].map((part) => weights.constant(b, `${lastNorm}.${part}`, [channels]));
      const { inverse, level } = taken(b, x, lastNorm);
      const column = (value: Value): Value => b.reshape(value, [channels, 1, 1]);
      return { scale: column(b.mul(gain, inverse)), shift: column(b.sub(bias, b.mul(gain, level))) };
    },
  };
}

/**
 * Mean and variance of each channel, from sums over each map: engines are fast at those. ONNX's BatchNormalization would take
 * both at once, but ONNX Runtime writes its results over its inputs, even over constants that several of them share.
 */
function batchStatistics(b: GraphBuilder, x: Value): Statistics {
  const [, , height, width] = x.shape;
  const mean = b.reduceMean(b.reduceMean(x, [2, 3]), [0]);
  const squares = b.div(b.reduceMean(b.reduceSumSquare(x, [2, 3]), [0]), height * width);
  // Rounding may take a variance of zero below it.
  return { mean, variance: b.max(b.sub(squares, b.mul(mean, mean)), 0) };
}

export interface StandingOptions {
  /** Images of one batch, and number of batches for each truncation. */
  readonly batch?: number;
  readonly batches?: number;
  readonly seed?: number;
}

/** Where the truncated normal distribution of z ends, in standard deviations. */
const bound = 2;

/**
 * The statistics that a network keeps for its truncations, over samples of all classes in turn: `running_means` and
 * `running_vars` of every normalisation. Each batch is normalised by its own statistics. The samples of all truncations
 * are the same, but for their scale.
 * @param tensors of the network, by official name; statistics need not be among them.
 * Source: "standing statistics" of Brock et al., "Large scale GAN training", 2019, section 4.1.
 */
export async function standingStatistics(
  tensors: ReadonlyMap<string, Tensor>,
  config: BigGanConfig,
  engine: Engine,
  { batch = 64, batches = 4, seed = 0 }: StandingOptions = {},
): Promise<Map<string, Tensor>> {
  const { graph, channels } = statisticsGraph(tensors, config, batch);
  const rows = config.statistics;
  const sums = new Map(
    [...channels].map(([name, width]) => [
      name,
      { first: new Float64Array(rows * width), second: new Float64Array(rows * width) },
    ]),
  );
  await withSession(engine, graph, async (session) => {
    for (let k = 0; k < batches; k++) {
      const { z, c } = standingSamples(config, batch, k, seed);
      for (let row = 0; row < rows; row++) {
        const truncation = row / (rows - 1);
        const scaled = float32(
          [batch, config.z],
          z.map((value) => value * truncation),
        );
        const outputs = await session.run({ z: scaled, c });
        for (const [name, { first, second }] of sums) {
          const [mean, variance] = [outputs.tensors[`mean ${name}`], outputs.tensors[`variance ${name}`]].map(
            ({ data }) => floats(data),
          );
          mean.forEach((value, i) => {
            first[row * mean.length + i] += value / batches;
            second[row * mean.length + i] += (variance[i] + value * value) / batches;
          });
        }
        outputs.dispose();
      }
    }
  });
  return new Map(
    [...sums].flatMap(([name, { first, second }]): [string, Tensor][] => {
      const shape = [rows, required(channels, name, 'layer')];
      return [
        [`${name}.running_means`, float32(shape, Float32Array.from(first))],
        [
          `${name}.running_vars`,
          float32(
            shape,
            Float32Array.from(second, (value, i) => Math.max(0, value - first[i] ** 2)),
          ),
        ],
      ];
    }),
  );
}

/** The network with the statistics of its normalisations as outputs, from `z` and `c`. */
function statisticsGraph(tensors: ReadonlyMap<string, Tensor>, config: BigGanConfig, batch: number) {
  const b = new GraphBuilder({ name: 'statistics' });
  const weights = new Weights(tensors, 'the network in training');
  const channels = new Map<string, number>();
  const norms = batchNorms(weights, config.eps, (name, { mean, variance }) => {
    channels.set(name, mean.shape[0]);
    b.output(mean, `mean ${name}`);
    b.output(variance, `variance ${name}`);
  });
  addBigGan(
    b,
    { z: b.input('z', [batch, config.z]), c: b.input('c', [batch, config.classes]) },
    weights,
    config,
    norms,
  );
  return { graph: b.build(), channels };
}

/** What is given to the network in batch `k`, at truncation 1: z without those beyond two standard deviations, classes in turn. */
export function standingSamples({ z: length, classes }: BigGanConfig, batch: number, k: number, seed: number) {
  const z = Float32Array.from({ length: batch * length }, (_, i) => {
    const counter = k * batch * length + i;
    let stream = 0;
    let value = normalAt(seed, counter, stream);
    while (Math.abs(value) > bound) value = normalAt(seed, counter, ++stream);
    return value;
  });
  const c = new Float32Array(batch * classes);
  for (let i = 0; i < batch; i++) c[i * classes + ((k * batch + i) % classes)] = 1;
  return { z, c: float32([batch, classes], c) };
}
