// All targets of the campaign: a new reader of files gets one here.

import type { Target } from '../target.ts';
import { cache } from './cache.ts';
import { checkpoints } from './checkpoints.ts';
import { images } from './images.ts';
import { run } from './run.ts';
import { states } from './states.ts';
import { texts } from './texts.ts';
import { onnx } from './onnx.ts';

export const targets: readonly Target[] = [...checkpoints, ...onnx, ...images, ...texts, ...run, ...states, ...cache];
