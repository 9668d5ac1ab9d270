import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inOrder } from '../../src/images/in-order.ts';

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

describe('inOrder', () => {
  it.each([
    [1, 1],
    [1, 5],
    [3, 1],
    [3, 7],
    [100, 100],
  ])('keeps the order with %i at a time and %i ahead', async (parallel, ahead) => {
    let running = 0;
    let most = 0;
    const work = async (item: number): Promise<number> => {
      most = Math.max(most, ++running);
      await sleep((item * 7) % 5);
      running--;
      return item * item;
    };
    expect(await collect(inOrder(range(30), work, { parallel, ahead }))).toEqual(range(30).map((i) => i * i));
    expect(most).toBe(Math.min(parallel, ahead, 30));
  });

  it('goes on while the consumer is busy, but not further than allowed', async () => {
    let started = 0;
    const results = inOrder(range(100), () => Promise.resolve(started++), { parallel: 2, ahead: 10 });
    expect(started).toBe(0);
    await results.next();
    await sleep(5);
    expect(started).toBe(11);
    await results.return();
    await sleep(5);
    expect(started).toBe(11);
  });

  it('yields nothing for nothing', async () => {
    expect(await collect(inOrder([], () => Promise.resolve(1), { parallel: 2, ahead: 2 }))).toEqual([]);
  });

  it('throws a rejection at its place, after the results before it and none after', async () => {
    const seen: number[] = [];
    const work = async (item: number): Promise<number> => {
      if (item === 0) await sleep(10);
      if (item >= 3) throw new Error(`no ${item}`);
      return item;
    };
    const all = async (): Promise<void> => {
      for await (const item of inOrder(range(9), work, { parallel: 9, ahead: 9 })) seen.push(item);
    };
    // Items 4 to 8 reject too, unasked: the runner of the tests reports it if that counts as unhandled.
    await expect(all()).rejects.toThrow('no 3');
    expect(seen).toEqual([0, 1, 2]);
    await sleep(5);
  });

  it('waits for the work that runs when left early', async () => {
    let running = 0;
    const work = async (item: number): Promise<number> => {
      running++;
      await sleep(item === 0 ? 0 : 20);
      running--;
      return item;
    };
    for await (const item of inOrder(range(50), work, { parallel: 4, ahead: 20 })) {
      expect(item).toBe(0);
      expect(running).toBeGreaterThan(0);
      break;
    }
    expect(running).toBe(0);
  });
});
