// An `onProgress` that notes what it is told, and cuts the work off like a power failure: nothing more is saved.

import type { MineProgress } from '../../src/mining/progress.ts';

/** @param count throws `cut` when told so often. */
export function cutAfter(count: number) {
  const seen: MineProgress[] = [];
  return {
    seen,
    onProgress: (progress: MineProgress): void => {
      seen.push(progress);
      if (seen.length === count) throw new Error('cut');
    },
  };
}
