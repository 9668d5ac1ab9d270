// Running a graph once: what is given back, and which error is told.

import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { float32 } from '../../src/graph/tensor.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { runOnce } from '../../src/runtime/run-once.ts';
import { BatchSession, withSession } from '../../src/runtime/with-session.ts';

const graph = (() => {
  const b = new GraphBuilder({ name: 'same' });
  b.output(b.identity(b.input('x', [2])), 'y');
  return b.build();
})();
const x = float32([2], new Float32Array([1, 2]));

/** An engine that notes what is called, and overwrites disposed memory. */
function fake(failing: { run?: boolean; release?: boolean } = {}) {
  const calls: string[] = [];
  const engine: Engine = {
    device: 'cpu',
    open: () => {
      calls.push('open');
      return Promise.resolve({
        run(feeds) {
          calls.push('run');
          if (failing.run) return Promise.reject(new Error('the run failed'));
          const data = Float32Array.from(feeds.x.data as Float32Array);
          const dispose = () => {
            calls.push('dispose');
            data.fill(NaN);
          };
          return Promise.resolve({ tensors: { y: float32([...feeds.x.shape], data) }, dispose });
        },
        release() {
          calls.push('release');
          return failing.release ? Promise.reject(new Error('the release failed')) : Promise.resolve();
        },
      });
    },
  };
  return { engine, calls };
}

test('outputs are copies, which outlive their disposal', async () => {
  const { engine, calls } = fake();
  expect(await runOnce(engine, graph, { x })).toEqual({ y: x });
  expect(calls).toEqual(['open', 'run', 'dispose', 'release']);
});

test('a run that fails releases the session', async () => {
  const { engine, calls } = fake({ run: true });
  await expect(runOnce(engine, graph, { x })).rejects.toThrow('the run failed');
  expect(calls).toEqual(['open', 'run', 'release']);
});

test('an error of the release is told, but does not hide that of the run', async () => {
  await expect(runOnce(fake({ release: true }).engine, graph, { x })).rejects.toThrow('the release failed');
  await expect(runOnce(fake({ run: true, release: true }).engine, graph, { x })).rejects.toThrow('the run failed');
});

test('batches of one size share a session, another size opens another', async () => {
  const { engine, calls } = fake();
  const sizes: number[] = [];
  const session = new BatchSession(engine, (feeds) => {
    sizes.push(feeds.x.shape[0]);
    return graph;
  });
  for (const n of [2, 2, 1]) (await session.run({ x: float32([n], new Float32Array(n)) })).dispose();
  await session.release();
  expect(sizes).toEqual([2, 1]);
  expect(calls.filter((call) => call === 'open' || call === 'release')).toEqual(['open', 'release', 'open', 'release']);
  await session.release();
  expect(calls.filter((call) => call === 'release')).toHaveLength(2);
});

test('a session is released when its work fails, and the error of the work is told', async () => {
  const { engine, calls } = fake({ release: true });
  const work = () => Promise.reject(new Error('the work failed'));
  await expect(withSession(engine, graph, work)).rejects.toThrow('the work failed');
  expect(calls).toEqual(['open', 'release']);
});
