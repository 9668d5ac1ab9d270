import { describe, expect, it } from 'vitest';
import { mine } from '../../src/mining/mine.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { linearModel, noiseImages } from './fixtures.ts';
import type { MineProgress } from '../../src/mining/progress.ts';

const layer = { layer: 'x', channels: 6, height: 4, width: 4 };
const options = () => ({
  engine: nodeEngine(),
  models: [linearModel('a', [layer], 1), linearModel('b', [layer], 2)],
  images: noiseImages(40),
  batch: 4,
});

describe('mining', () => {
  it('waits for what is told of its progress, in order, and returns the dictionary', async () => {
    const seen: MineProgress[] = [];
    let within = 0;
    const dictionary = await mine({
      ...options(),
      async onProgress(progress) {
        expect(++within).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 1));
        within--;
        seen.push(progress);
      },
    });
    expect(dictionary.pairs).toHaveLength(1);
    const correlating = seen.filter(({ stage }) => stage === 'correlating').map(({ done }) => done);
    expect(correlating).toEqual([0, ...Array.from({ length: 10 }, (_, i) => 4 * (i + 1)), 40]);
    expect(seen.at(-1)).toMatchObject({ stage: 'writing', unit: 'files', done: 4, total: 4 });
  });

  it('leaves timers and signals of the process their turn between batches, and stops for its signal', async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const reason = new Error('enough');
    const work = mine({
      ...options(),
      signal: controller.signal,
      onProgress({ done }) {
        seen.push(done);
        if (done === 8) setImmediate(() => controller.abort(reason));
      },
    });
    await expect(work).rejects.toBe(reason);
    // The batch after it may have begun.
    expect(seen.at(-1)).toBeLessThanOrEqual(16);
  });

  it('ends with what the progress callback throws', async () => {
    const onProgress = () => Promise.reject(new Error('no room for a line'));
    await expect(mine({ ...options(), onProgress })).rejects.toThrow('no room for a line');
  });
});
