// Fresh weights in the shapes of trained ones: the untrained twin of a network.
// By the conventions of PyTorch's initialisation, told from names and shapes alone.

import { fillNormal } from '../random.ts';
import { float32, sizeOf, type Tensor } from '../graph/tensor.ts';

/**
 * Untrained weights: He-normal (fan in) for convolutions and matrices, 1 for the scales of normalisations and 0 for
 * their biases, means 0 and variances 1.
 * Source: He et al., "Delving Deep into Rectifiers", 2015.
 */
export function freshWeights(tensors: ReadonlyMap<string, Tensor>, seed: number): Map<string, Tensor> {
  let stream = 0;
  const out = new Map<string, Tensor>();
  for (const [name, { shape, dtype, data }] of tensors) {
    stream++;
    if (dtype.startsWith('int') || dtype.startsWith('uint') || dtype === 'bool') {
      out.set(name, { shape, dtype, data });
      continue;
    }
    out.set(name, float32(shape, freshValues(name, shape, seed, stream)));
  }
  return out;
}

function freshValues(name: string, shape: readonly number[], seed: number, stream: number): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  if (shape.length >= 2) {
    const std = Math.sqrt(2 / sizeOf(shape.slice(1)));
    fillNormal(values, std, seed, stream);
  } else if (/(^|\.)(running_var|weight|gamma)$/.test(name)) {
    values.fill(1);
  }
  return values;
}
