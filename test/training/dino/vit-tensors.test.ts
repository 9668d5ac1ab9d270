// Fresh tensors of a ViT: names and shapes of the official code, and what the numbers are drawn from.

import { describe, expect, it } from 'vitest';
import { toFloat32 } from '../../../src/graph/tensor.ts';
import { freshVit } from '../../../src/training/dino/vit-tensors.ts';
import { modelFromTensors, shapesOf } from '../../../src/zoo/from-checkpoint.ts';
import { fullShapes, zeroTensors } from '../../zoo/shapes.ts';

describe('fresh tensors of a ViT', () => {
  it('have the names and shapes of the official DINO ViT-S/16', () => {
    const tensors = freshVit({ patch: 16, width: 384, depth: 12, hidden: 1536, grid: 14 }, 1);
    expect(Object.fromEntries(shapesOf(tensors))).toEqual(
      Object.fromEntries(shapesOf(zeroTensors(fullShapes.dino_vits16))),
    );
    const { model } = modelFromTensors(tensors, { name: 'm' });
    expect(model.card.config).toMatchObject({ patch: 16, width: 384, depth: 12, hidden: 1536, grid: 14, heads: 6 });
  });

  it('are drawn as the official ones, and by the seed alone', () => {
    const sizes = { patch: 4, width: 64, depth: 1, hidden: 256, grid: 8 };
    const tensors = freshVit(sizes, 3);
    const values = (name: string) => toFloat32(tensors.get(name)!);
    const std = (x: Float32Array) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length);
    for (const name of ['pos_embed', 'blocks.0.attn.qkv.weight', 'blocks.0.mlp.fc1.weight']) {
      // 4160 numbers at least: the standard error of a standard deviation is 1.1 % of it.
      expect(Math.abs(std(values(name)) / 0.02 - 1), name).toBeLessThan(0.05);
    }
    // Uniform to 1 / sqrt(48): a standard deviation of that by sqrt(3).
    expect(Math.abs(std(values('patch_embed.proj.weight')) * Math.sqrt(3 * 48) - 1)).toBeLessThan(0.05);
    expect(Math.max(...values('patch_embed.proj.weight').map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(48));
    expect(new Set(values('blocks.0.norm1.weight'))).toEqual(new Set([1]));
    expect(new Set(values('blocks.0.mlp.fc2.bias'))).toEqual(new Set([0]));
    expect(freshVit(sizes, 3)).toEqual(tensors);
    expect(freshVit(sizes, 4).get('pos_embed')).not.toEqual(tensors.get('pos_embed'));
  });
});
