// The tensors of a masked autoencoder that does not exist yet: the official names and shapes, with fresh weights.
// How they are used is in network.ts; which of them are shipped, in recipe.ts.

import { float32, sizeOf, type Tensor } from '../../graph/tensor.ts';
import { fillNormal, randomAt } from '../../random.ts';
import type { MaeSizes } from './network.ts';
import { vitShapes } from '../dino/vit-tensors.ts';

/**
 * Fresh tensors of encoder and decoder. Matrices, the patches' filters among them, are uniform by Glorot; tokens normal
 * with standard deviation 0.02; scales 1 and biases 0; positions those of `sinCosPositions`.
 * Source: He et al., "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022, `initialize_weights` of its code.
 */
export function freshMae(sizes: MaeSizes, seed: number): Map<string, Tensor> {
  const { grid } = sizes;
  return new Map(
    [...shapesOfMae(sizes)].map(([name, shape], stream) => {
      if (name.endsWith('pos_embed')) return [name, sinCosPositions(grid, shape[2])];
      const values = new Float32Array(sizeOf(shape));
      if (name.endsWith('_token')) fillNormal(values, 0.02, seed, stream);
      else if (shape.length > 1) fillGlorot(values, shape, seed, stream);
      else if (name.endsWith('.weight')) values.fill(1);
      return [name, float32(shape, values)];
    }),
  );
}

/** Names and shapes: an encoder and a decoder are a ViT each, in but the decoder's way from and to patches. */
export function shapesOfMae({ patch, grid, encoder, decoder }: MaeSizes): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const [name, shape] of vitShapes({ patch, grid, ...encoder })) shapes.set(name, shape);
  const layer = (name: string, to: number, from: number) => {
    shapes.set(`${name}.weight`, [to, from]);
    shapes.set(`${name}.bias`, [to]);
  };
  shapes.set('mask_token', [1, 1, decoder.width]);
  layer('decoder_embed', decoder.width, encoder.width);
  for (const [name, shape] of vitShapes({ patch, grid, ...decoder })) {
    if (!/^(cls_token|patch_embed)/.test(name)) shapes.set(`decoder_${name}`, shape);
  }
  layer('decoder_pred', 3 * patch * patch, decoder.width);
  return shapes;
}

/** Uniform within sqrt(6 / (fan in + fan out)). Source: Glorot and Bengio, AISTATS 2010, as PyTorch's `xavier_uniform_`. */
function fillGlorot(values: Float32Array, [to, ...from]: readonly number[], seed: number, stream: number): void {
  const bound = Math.sqrt(6 / (to + sizeOf(from)));
  for (let i = 0; i < values.length; i++) values[i] = bound * (2 * randomAt(seed, i, stream) - 1);
}

/**
 * Fixed position embeddings of a square grid, `[1, 1 + grid^2, width]`: zeros for the class token, then row by row. The
 * first half of the channels tells the column, the second the row: of each, sines and then cosines at frequencies that
 * fall from 1 to nearly 1 / 10000 by equal factors.
 * Source: `get_2d_sincos_pos_embed` of the code of He et al., 2022.
 * @param width a multiple of 4.
 */
export function sinCosPositions(grid: number, width: number): Tensor {
  const quarter = width / 4;
  const data = new Float32Array((1 + grid * grid) * width);
  for (let patch = 0; patch < grid * grid; patch++) {
    const row = (1 + patch) * width;
    [patch % grid, Math.floor(patch / grid)].forEach((position, half) => {
      for (let i = 0; i < quarter; i++) {
        const angle = position / 10000 ** (i / quarter);
        data[row + 2 * half * quarter + i] = Math.sin(angle);
        data[row + (2 * half + 1) * quarter + i] = Math.cos(angle);
      }
    });
  }
  return float32([1, 1 + grid * grid, width], data);
}
