import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { float32 } from '../../src/graph/tensor.ts';
import { addMoments } from '../../src/mining/correlation/moment-graph.ts';
import { targetGrids, type MinedLayer } from '../../src/mining/correlation/plan.ts';
import type { Grid } from '../../src/mining/correlation/grid.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { runOnce } from '../../src/runtime/run-once.ts';
import { interpolate, normal } from './fixtures.ts';

const engine = nodeEngine();
const grid = (height: number, width = height): Grid => ({ height, width });

/** Moments from the graph, and in float64 from maps that are interpolated one by one. */
async function bothWays(n: number, layers: readonly MinedLayer[], targets: readonly (readonly Grid[])[]) {
  const b = new GraphBuilder({ name: 'moments' });
  const centred = new Map(
    layers.map((layer) => [layer, b.input(layer.layer, [n, layer.units, layer.grid.height, layer.grid.width])]),
  );
  const { sum, square } = addMoments(b, layers, centred, targets);
  b.output(sum, 'sum');
  b.output(square, 'square');
  const maps = layers.map(({ units, grid: { height, width } }, i) => normal(50 + i, n * units * height * width));
  const feeds = Object.fromEntries(
    layers.map((layer, i) => [layer.layer, float32(centred.get(layer)!.shape, maps[i])]),
  );
  const tensors = await runOnce(engine, b.build(), feeds);

  const expected = { sum: [] as number[], square: [] as number[] };
  const scale: number[] = [];
  for (let image = 0; image < n; image++) {
    layers.forEach((layer, i) => {
      const size = layer.grid.height * layer.grid.width;
      for (const target of targets[i]) {
        for (let u = 0; u < layer.units; u++) {
          const start = (image * layer.units + u) * size;
          const values = interpolate(maps[i].subarray(start, start + size), layer.grid, target);
          expected.sum.push(values.reduce((total, v) => total + v, 0));
          expected.square.push(values.reduce((total, v) => total + v * v, 0));
          scale.push(values.length);
        }
      }
    });
  }
  /** Largest difference, per position of the target. */
  const error = (name: 'sum' | 'square') => {
    expect(tensors[name].shape).toEqual([n, expected[name].length / n]);
    const got = tensors[name].data as Float32Array;
    return Math.max(...expected[name].map((value, i) => Math.abs(value - got[i]) / scale[i]));
  };
  return { sum: error('sum'), square: error('square') };
}

const layerOf = (name: string, units: number, own: Grid): MinedLayer => ({ layer: name, units, grid: own, offset: 0 });

describe('moments on target grids', () => {
  it.each<[string, Grid, Grid[]]>([
    ['the own grid alone', grid(7), [grid(7)]],
    ['several', grid(14), [14, 16, 28, 32, 56, 64].map((size) => grid(size))],
    ['ratios that are not whole', grid(7), [grid(7), grid(8), grid(11), grid(56)]],
    ['one that grows in height only', grid(4, 6), [grid(4, 6), grid(8, 6)]],
    ['one that grows in width only', grid(4, 6), [grid(4, 6), grid(4, 9)]],
    ['either axis, and both', grid(4, 6), [grid(4, 6), grid(8, 6), grid(4, 9), grid(5, 13)]],
    ['a single position', grid(1), [grid(1), grid(8), grid(3, 5)]],
    ['a row', grid(1, 6), [grid(1, 6), grid(4, 6), grid(2, 9)]],
    ['a column', grid(5, 1), [grid(5, 1), grid(5, 3), grid(7, 1)]],
    ['without the own grid', grid(2), [grid(3, 2)]],
  ])('agree with explicit interpolation in float64: %s', async (_, own, targets) => {
    const error = await bothWays(3, [layerOf('x', 5, own)], [targets]);
    expect(error.sum).toBeLessThan(1e-6);
    expect(error.square).toBeLessThan(2e-6);
  });

  it('of maps that are taken piece by piece keep their order, layer by layer, target by target, unit by unit', async () => {
    const layers = [layerOf('x', 700, grid(14)), layerOf('y', 3, grid(28)), layerOf('z', 41, grid(9, 20))];
    const others = [layerOf('w', 1, grid(28)), layerOf('v', 1, grid(16, 9))];
    const model = (name: string, own: readonly MinedLayer[]) => ({ name, layers: own, units: 0 });
    const [targets] = targetGrids([model('a', layers), model('b', others)], [[0, 1]]);
    expect(targets.map((grids) => grids.length)).toEqual([3, 1, 3]);
    // 3.8 MB of the first layer.
    const error = await bothWays(7, layers, targets);
    expect(error.sum).toBeLessThan(1e-6);
    expect(error.square).toBeLessThan(2e-6);
  });
});
