// Batch normalisation in training where one set of running statistics serves several batches, as crops of several sizes do.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/autodiff/reverse.ts';
import { simplify } from '../../../src/autodiff/simplify.ts';
import { float32, type Tensor } from '../../../src/graph/tensor.ts';
import { TrainingBuilder } from '../../../src/training/loop/training-builder.ts';
import { engine } from '../../zoo/fixtures.ts';

const channels = 3;
const sizes = [4, 6];
const wave = (shape: number[], phase: number): Tensor =>
  float32(
    shape,
    Float32Array.from({ length: shape.reduce((a, c) => a * c, 1) }, (_, i) => Math.sin(1.7 * i + phase) + phase),
  );
const feeds: Record<string, Tensor> = {
  x0: wave([2, channels, sizes[0], sizes[0]], 1),
  x1: wave([2, channels, sizes[1], sizes[1]], 3),
};
for (const name of ['mean', 'variance', 'mean1', 'variance1']) feeds[name] = float32([channels], [0.5, 0.5, 0.5]);

/** Gradients by both maps of a product of losses: both are normalised before either gradient is made. */
async function gradientsWith(second: readonly [string, string]): Promise<number[][]> {
  const b = new TrainingBuilder({ name: 'twice' });
  const statistics = new Set(['mean', 'variance', ...second]);
  const inputs = new Map([...statistics].map((name) => [name, b.input(name, [channels])]));
  const ones = b.constant(float32([channels], [1, 2, 3]));
  const xs = sizes.map((size, i) => b.input(`x${i}`, [2, channels, size, size]));
  const names = [['mean', 'variance'], second];
  const losses = xs.map((x, i) => {
    const [mean, variance] = names[i].map((name) => inputs.get(name)!);
    const y = b.batchNormalization(x, ones, ones, mean, variance);
    return b.reduceMean(b.mul(b.mul(y, y), y), [0, 1, 2, 3]);
  });
  const found = gradients(b, b.mul(losses[0], losses[1]), xs);
  found.forEach((value, i) => b.output(value, `d${i}`));
  const session = await engine.open(simplify(b.build()));
  const given = Object.fromEntries([...xs.map((_, i) => `x${i}`), ...statistics].map((n) => [n, feeds[n]]));
  const outputs = await session.run(given);
  const values = found.map((_, i) => [...(outputs.tensors[`d${i}`].data as Float32Array)]);
  outputs.dispose();
  await session.release();
  return values;
}

describe('batch normalisation in training', () => {
  it('normalises each batch by its own statistics where several share the running ones', async () => {
    const shared = await gradientsWith(['mean', 'variance']);
    const apart = await gradientsWith(['mean1', 'variance1']);
    shared.forEach((gradient, i) =>
      gradient.forEach((value, at) => expect(Math.abs(value - apart[i][at])).toBeLessThan(1e-6)),
    );
  });
});
