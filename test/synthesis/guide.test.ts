// Targets from photos against float64 by another formula of interpolation, and r as the agreement term gives it for them.

import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { float32, type Float32Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { largerGrid } from '../../src/mining/correlation/grid.ts';
import type { Encoder, Generator } from '../../src/zoo/model.ts';
import { agreementTerm } from '../../src/synthesis/terms/agreement.ts';
import { photoTargets } from '../../src/synthesis/guide.ts';
import { guidingPairs, type GuidingPair } from '../../src/synthesis/guiding-pairs.ts';
import type { Scene } from '../../src/synthesis/terms/terms.ts';
import { largestDifference } from '../golden.ts';
import { interpolate, linearModel, normal } from '../mining/fixtures.ts';
import { a, b, encoders, engine, everything, gan, smallRun } from './run.ts';
import { runOnce } from '../../src/runtime/run-once.ts';

const { dictionary, moments } = await smallRun();
const images = float32(
  [2, 3, 6, 5],
  normal(77, 180).map((value) => 0.5 + 0.2 * value),
);
// Mined pairs, and some by hand: a guide that is wider but lower, and units that occur again.
const pairs: GuidingPair[] = [
  ...guidingPairs(dictionary, 'gan', { ...everything, weights: 'r' }).pairs,
  ...[0, 5, 3, 5].flatMap((index, i) =>
    gan.taps.map(({ layer }) => ({
      unit: { layer, index: i },
      guide: { model: 'b', layer: 'y', index },
      r: 0.5,
      weight: 0.5,
    })),
  ),
];

/** All maps of an encoder on the photos, by its own graph. */
async function mapsOf(encoder: Encoder): Promise<Map<string, Float32Tensor>> {
  const builder = new GraphBuilder();
  const { taps } = encoder.addTo(builder, builder.input('images', images.shape));
  for (const [layer, map] of taps) builder.output(builder.identity(map), `tap ${layer}`);
  const tensors = await runOnce(engine, builder.build(), { images });
  return new Map([...taps.keys()].map((layer) => [layer, tensors[`tap ${layer}`] as Float32Tensor]));
}

const raw = new Map(await Promise.all(encoders.map(async (e) => [e.name, await mapsOf(e)] as const)));

function mapAt({ shape: [, units, height, width], data }: Float32Tensor, row: number, unit: number): Float32Array {
  const size = height * width;
  return data.subarray((row * units + unit) * size, (row * units + unit + 1) * size);
}

describe('targets from photos', () => {
  it('are the guides’ maps less the run’s means, on the larger grid, by float64', async () => {
    const { groups, order } = await photoTargets({ engine, encoders, images, pairs, generator: gan, moments });
    expect([...order].sort((x, y) => x - y)).toEqual(pairs.map((_, i) => i));
    const seen = groups.map(({ layer, target }) => `${layer} ${target.shape.slice(2).join('x')}`);
    // g/1 is 3x3, g/2 5x2; x and z are 3x3, y 2x4.
    expect([...seen].sort()).toEqual(['g/1 3x3', 'g/1 3x4', 'g/2 5x3', 'g/2 5x4']);
    let next = 0;
    for (const { layer, units, means, stds, target, weights, targetNames } of groups) {
      const own = order.slice(next, (next += units.length));
      expect(own).toEqual([...own].sort((x, y) => x - y));
      const tap = gan.taps.find((t) => t.layer === layer)!;
      expect(target.shape[0]).toBe(2);
      own.forEach((i, k) => {
        const { unit, guide, r } = pairs[i];
        expect([layer, units[k], weights[k]]).toEqual([unit.layer, unit.index, Math.fround(r)]);
        expect(targetNames[k]).toBe(`${guide.model}/${guide.layer}/${guide.index}`);
        const moment = moments.momentsOf('gan', layer, [unit.index]);
        expect([means[k], stds[k]]).toEqual([moment.means[0], moment.stds[0]]);
        const maps = raw.get(guide.model)!.get(guide.layer)!;
        const [height, width] = maps.shape.slice(2);
        const grid = largerGrid(tap, { height, width });
        expect(target.shape.slice(2)).toEqual([grid.height, grid.width]);
        const mean = moments.momentsOf(guide.model, guide.layer, [guide.index]).means[0];
        for (const row of [0, 1]) {
          const expected = interpolate(mapAt(maps, row, guide.index), { height, width }, grid).map((v) => v - mean);
          expect(largestDifference(mapAt(target, row, k), expected)).toBeLessThanOrEqual(1e-6);
        }
      });
    }
    expect(next).toBe(pairs.length);
  });

  it('give r as its formula does, by float64', async () => {
    const { groups, order } = await photoTargets({ engine, encoders, images, pairs, generator: gan, moments });
    const builder = new GraphBuilder();
    const feeds: Record<string, Tensor> = {};
    const given = (name: string, tensor: Tensor) => {
      feeds[name] = tensor;
      return builder.input(name, tensor.shape);
    };
    const known = new Map(
      gan.taps.map(({ layer, channels, height, width }, l) => [
        layer,
        float32([2, channels, height, width], normal(500 + l, 2 * channels * height * width)),
      ]),
    );
    const taps = new Map([...known].map(([layer, map]) => [layer, given(`map ${layer}`, map)]));
    const scene = { b: builder, n: 2, generator: gan, built: { taps }, given } as unknown as Scene;
    const { loss, details } = agreementTerm(groups).addTo(scene);
    builder.output(builder.identity(loss), 'loss');
    builder.output(builder.identity(details!.r), 'r');
    const tensors = await runOnce(engine, builder.build(), feeds);

    const rows = [0, 1].map((row) =>
      order.map((i) => {
        const { unit, guide } = pairs[i];
        const centredMap = (model: string, maps: Float32Tensor, layer: string, index: number) => {
          const [height, width] = maps.shape.slice(2);
          const mean = moments.momentsOf(model, layer, [index]).means[0];
          const centred = Float64Array.from(mapAt(maps, row, index), (value) => value - mean);
          return { centred, grid: { height, width } };
        };
        const x = centredMap('gan', known.get(unit.layer)!, unit.layer, unit.index);
        const t = centredMap(guide.model, raw.get(guide.model)!.get(guide.layer)!, guide.layer, guide.index);
        const grid = largerGrid(x.grid, t.grid);
        const [u, v] = [x, t].map(({ centred, grid: own }) => interpolate(centred, own, grid));
        const dot = (p: Float64Array, q: Float64Array) => p.reduce((sum, value, j) => sum + value * q[j], 0);
        return dot(u, v) / Math.sqrt(dot(u, u) * dot(v, v));
      }),
    );
    expect(tensors.r.shape).toEqual([2, pairs.length]);
    expect(largestDifference(tensors.r.data as Float32Array, rows.flat())).toBeLessThanOrEqual(3e-6);
    const weights = order.map((i) => pairs[i].r);
    const total = weights.reduce((sum, w) => sum + w, 0);
    const losses = rows.map((r) => 1 - r.reduce((sum, value, k) => sum + value * weights[k], 0) / total);
    expect(largestDifference(tensors.loss.data as Float32Array, losses)).toBeLessThanOrEqual(3e-6);
  });

  it('take only the encoders that guide', async () => {
    const own = pairs.filter(({ guide }) => guide.model === 'b').slice(0, 3);
    const unused = linearModel('unused', [], 5);
    const options = { engine, encoders: [unused, b], images, pairs: own, generator: gan, moments };
    const { groups, order } = await photoTargets(options);
    expect(groups.flatMap(({ targetNames }) => targetNames)).toEqual(
      order.map((i) => `b/${own[i].guide.layer}/${own[i].guide.index}`),
    );
  });

  const other = linearModel('a', [{ layer: 'x', channels: 4, height: 3, width: 3 }], 3);
  const layerless = linearModel('b', [{ layer: 'y', channels: 7, height: 2, width: 4 }], 4);
  const refused: [string, readonly Encoder[], Generator, RegExp][] = [
    ['an encoder is missing', [a], gan, /the pairs are guided by b, and the encoders are a; load b too, or choose pairs without it/],
    ['all encoders are missing', [], gan, /and the encoders are none; load/],
    ['a layer has other channels', [other, b], gan, /the pairs need the layer x of a: the model has 4 units there, its run 160 units there\. The run was mined with other layers; load the model with the same --taps/],
    ['a layer is missing', [a, layerless], gan, /the layer z of b: the model has no such layer, its run 160 units there/],
    ['the generator has other layers', encoders, { ...gan, taps: gan.taps.slice(1) }, /the layer g\/1 of gan: the model has no such layer/],
    ['the generator is not in the run', encoders, { ...gan, name: 'new' }, /the run in run has no moments of new, only of a, gan/],
  ]; // prettier-ignore
  it.each(refused)('are refused when %s', async (_, some, generator, message) => {
    const making = photoTargets({ engine, encoders: some, images, pairs, generator, moments });
    await expect(making).rejects.toThrow(message);
    await expect(making).rejects.toBeInstanceOf(UserError);
  });
});
