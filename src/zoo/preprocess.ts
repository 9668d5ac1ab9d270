// From images in [0, 1] to a network's own input: resize and normalisation, as part of its graph.

import type { GraphBuilder, Value } from '../graph/builder.ts';
import { resample } from '../graph/resample.ts';
import { float32 } from '../graph/tensor.ts';
import type { Input } from './card.ts';

/** `[n, 3, h, w]` RGB in [0, 1] -> `[n, 3, card.input.height, card.input.width]`, normalised. */
export function preprocess(b: GraphBuilder, images: Value, input: Input): Value {
  const { mean, std, resize, antialias } = input;
  const sized = resample(b, images, input, { mode: resize, antialias });
  const channels = (values: readonly number[]) => b.constant(float32([1, 3, 1, 1], values));
  return b.div(b.sub(sized, channels(mean)), channels(std));
}
