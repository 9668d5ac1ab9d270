// What a mining run tells of itself while it works.

import type { Progress } from '../progress.ts';

export interface MineProgress extends Progress {
  readonly stage: 'correlating' | 'screening' | 'concepts' | 'clustering' | 'exemplars' | 'writing';
  readonly unit: 'images' | 'pairs' | 'sets' | 'files';
}
