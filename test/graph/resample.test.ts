import { beforeAll, describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import {
  resample,
  resampleMatrix,
  timesLeft,
  timesRight,
  transposed,
  type ResampleOptions,
} from '../../src/graph/resample.ts';
import { float32 } from '../../src/graph/tensor.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { golden, largestDifference, type Golden } from '../golden.ts';
import { runOnce } from '../../src/runtime/run-once.ts';

let ops: (name: string) => Golden;
beforeAll(async () => {
  ops = await golden('ops');
});

/** torch computes positions and weights in float32; at position 60 its cubic weights are off by 1e-5. */
const tolerance = 2e-5;

describe('resampling as torch does', () => {
  const cases: [string, ResampleOptions][] = [
    ['bicubic_32_to_28', { mode: 'bicubic' }],
    ['bicubic_16_to_28', { mode: 'bicubic' }],
    ['bicubic_64_to_28', { mode: 'bicubic' }],
    ['bicubic_13x9_to_20x24', { mode: 'bicubic' }],
    ['bicubic_antialias_32_to_14', { mode: 'bicubic', antialias: true }],
    ['bilinear_7_to_16', { mode: 'bilinear' }],
    ['bilinear_14_to_9', { mode: 'bilinear' }],
  ];
  it.each(cases)('%s', async (name, options) => {
    const x = ops(`${name}/x`);
    const y = ops(`${name}/y`);
    const b = new GraphBuilder();
    const [, , height, width] = y.shape;
    b.output(resample(b, b.input('x', x.shape), { height, width }, options), 'y');
    const tensors = await runOnce(nodeEngine(), b.build(), { x: float32(x.shape, x.data) });
    expect(tensors.y.shape).toEqual(y.shape);
    expect(largestDifference(tensors.y.data as Float32Array, y.data)).toBeLessThan(tolerance);
  });

  it('takes a step of its own (torch with a scale factor)', async () => {
    // scale factors 6.1 / 4 and 5.1 / 4: the step is their inverse, not 4 / 6 and 4 / 5
    const x = ops('bicubic_scale_factor_4_to_6/x');
    const y = ops('bicubic_scale_factor_4_to_6/y');
    const b = new GraphBuilder();
    const input = b.input('x', x.shape);
    const left = resampleMatrix(4, 6, { mode: 'bicubic', step: 4 / 6.1 });
    const right = transposed(resampleMatrix(4, 5, { mode: 'bicubic', step: 4 / 5.1 }), 5, 4);
    b.output(timesLeft(b, timesRight(b, input, right), left), 'y');
    const tensors = await runOnce(nodeEngine(), b.build(), { x: float32(x.shape, x.data) });
    expect(largestDifference(tensors.y.data as Float32Array, y.data)).toBeLessThan(tolerance);
  });
});
