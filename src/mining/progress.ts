// What a mining run tells of itself while it works.

import type { Progress } from '../progress.ts';

export interface MineProgress extends Progress {
  readonly stage: 'correlating' | 'concepts' | 'exemplars' | 'writing';
  readonly unit: 'images' | 'files';
}
