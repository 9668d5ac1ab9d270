// The table of gradient rules by operator. An operator that is not in it has none.

import type { GradientRules } from '../rule.ts';
import { activations } from './activation.ts';
import { arithmetic } from './arithmetic.ts';
import { convolution } from './convolution/convolution.ts';
import { indexing } from './indexing.ts';
import { linear } from './linear.ts';
import { normalization } from './normalization.ts';
import { pooling } from './pooling.ts';
import { reduction } from './reduction.ts';
import { resizing } from './resize.ts';
import { shape } from './shape.ts';
import { softmax } from './softmax.ts';

export const gradientRules: GradientRules = {
  ...arithmetic,
  ...activations,
  ...linear,
  ...reduction,
  ...softmax,
  ...normalization,
  ...convolution,
  ...pooling,
  ...resizing,
  ...shape,
  ...indexing,
};
