// The tensors of a ViT that does not exist yet: names and shapes of DINO's code and timm's, with fresh weights.
// The network itself is the zoo's.

import { float32, sizeOf, type Tensor } from '../../graph/tensor.ts';
import { fillNormal, randomAt } from '../../random.ts';

export interface VitSizes {
  /** Side of a patch, in pixels. */
  readonly patch: number;
  /** Channels of a token. */
  readonly width: number;
  /** Number of blocks. */
  readonly depth: number;
  /** Channels between the two layers of an MLP; four times the width, usually. */
  readonly hidden: number;
  /** Side of the grid of patches. */
  readonly grid: number;
}

/** Deviation of the normal distribution of fresh weights. DINO and timm cut it at -2 and 2, which no number reaches. */
const std = 0.02;

/**
 * Fresh weights of a ViT without a head: normal with standard deviation 0.02 for layers, class token and positions, 0 for biases,
 * 1 for scales, and the filters of the patches uniform to 1 / sqrt(fan in), as PyTorch begins convolutions.
 * Source: `VisionTransformer` of Caron et al., ICCV 2021 (facebookresearch/dino).
 */
export const freshVit = (sizes: VitSizes, seed: number): Map<string, Tensor> => freshLayers(vitShapes(sizes), seed);

/** Names and shapes of the tensors. */
export function vitShapes({ patch, width, depth, hidden, grid }: VitSizes): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const layer = (name: string, shape: readonly number[]) => {
    shapes.set(`${name}.weight`, shape);
    shapes.set(`${name}.bias`, [shape[0]]);
  };
  shapes.set('cls_token', [1, 1, width]);
  shapes.set('pos_embed', [1, 1 + grid * grid, width]);
  layer('patch_embed.proj', [width, 3, patch, patch]);
  for (let i = 0; i < depth; i++) {
    const name = `blocks.${i}`;
    layer(`${name}.norm1`, [width]);
    layer(`${name}.attn.qkv`, [3 * width, width]);
    layer(`${name}.attn.proj`, [width, width]);
    layer(`${name}.norm2`, [width]);
    layer(`${name}.mlp.fc1`, [hidden, width]);
    layer(`${name}.mlp.fc2`, [width, hidden]);
  }
  layer('norm', [width]);
  return shapes;
}

/** What has four axes is filters, and what has one and is called weight a scale. */
function freshLayers(shapes: ReadonlyMap<string, readonly number[]>, seed: number): Map<string, Tensor> {
  return new Map(
    [...shapes].map(([name, shape], stream) => {
      const values = new Float32Array(sizeOf(shape));
      if (shape.length === 4) {
        const bound = 1 / Math.sqrt(sizeOf(shape.slice(1)));
        for (let i = 0; i < values.length; i++) values[i] = bound * (2 * randomAt(seed, i, stream) - 1);
      } else if (shape.length > 1) fillNormal(values, std, seed, stream);
      else if (name.endsWith('.weight')) values.fill(1);
      return [name, float32(shape, values)];
    }),
  );
}
