// Statistics that a BigGAN keeps for its truncations, against float64.
// The network that they belong to is tested in biggan.test.ts.

import { describe, expect, it } from 'vitest';
import { toFloat32 } from '../../../src/graph/tensor.ts';
import { bigGanTensors } from '../../../src/training/gan/biggan/tensors.ts';
import { standingSamples, standingStatistics } from '../../../src/training/gan/biggan/standing-statistics.ts';
import { biggan } from '../../../src/zoo/biggan/biggan.ts';
import { shapesOf } from '../../../src/zoo/from-checkpoint.ts';
import { engine, normal } from '../networks.ts';

const sizes = { z: 6, embedding: 5, classes: 3, channels: [16, 8, 4], attention: 8 };
const network = bigGanTensors(sizes, 1).set('generator.gen_z.bias', normal([256], 0.5, 2));
const config = biggan.recognise(shapesOf(network), {})!;

describe('standing statistics', () => {
  it('are those of all samples together, for every truncation', async () => {
    const options = { batch: 4, batches: 3, seed: 5 };
    const statistics = await standingStatistics(network, config, engine, options);
    expect(statistics.size).toBe(2 * (4 * 4 + 1));
    // Before the first normalisation there are the maps of gen_z, [n, 4, 4, channels]: here in float64.
    const name = 'generator.layers.0.bn_0';
    const values = (tensor: string) => Float64Array.from(toFloat32(network.get(tensor)!));
    const [weight, u, v] = ['orig', 'u', 'v'].map((part) => values(`generator.gen_z.weight_${part}`));
    const [bias, embeddings] = [values('generator.gen_z.bias'), values('embeddings.weight')];
    const length = sizes.z + sizes.embedding;
    const dot = (row: number, x: Float64Array) =>
      x.reduce((sum, value, i) => sum + value * weight[row * length + i], 0);
    const sigma = u.reduce((sum, value, row) => sum + value * dot(row, v), 0);
    for (const row of [0, 17, 50]) {
      const perChannel = Array.from({ length: 16 }, () => [] as number[]);
      for (let k = 0; k < options.batches; k++) {
        const { z, c } = standingSamples(config, options.batch, k, options.seed);
        for (let i = 0; i < options.batch; i++) {
          const label = toFloat32(c)
            .subarray(3 * i, 3 * i + 3)
            .indexOf(1);
          expect(label).toBe((k * options.batch + i) % 3);
          const w = Float64Array.from({ length }, (_, e) =>
            e < sizes.z ? (z[i * sizes.z + e] * row) / 50 : embeddings[(e - sizes.z) * 3 + label],
          );
          for (let out = 0; out < 256; out++) perChannel[out % 16].push(dot(out, w) / sigma + bias[out]);
        }
      }
      const [means, variances] = ['running_means', 'running_vars'].map((part) => statistics.get(`${name}.${part}`)!);
      expect(means.shape).toEqual([51, 16]);
      perChannel.forEach((all, channel) => {
        const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
        const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length;
        expect(Math.abs(toFloat32(means)[row * 16 + channel] - mean)).toBeLessThan(1e-5);
        expect(Math.abs(toFloat32(variances)[row * 16 + channel] - variance)).toBeLessThan(1e-5);
      });
    }
  });
});
