// Every official full-size network, with random weights: how long it takes to build, to start and to run, and how much
// memory that needs. Each step runs in a process of its own, whose peak memory is counted.
// usage: npm run bench zoo -- [--only NAME,NAME] [--batch N] [--runs N] [--folder DIR]

import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeSafetensorsFile } from 'rosetta-neurons/checkpoint/node';
import { float32, sizeOf, totalMultiplyAdds, type Graph } from 'rosetta-neurons/graph';
import { withSession } from 'rosetta-neurons/runtime';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import { modelGraph } from 'rosetta-neurons/zoo';
import { loadModel } from 'rosetta-neurons/zoo/node';
import { asArguments, gib, peakBytes, resultOf } from './stand-ins/child.ts';
import { cardOf, names, shapesOf, tensorsOf } from './stand-ins/networks.ts';
import { gemmRate } from './stand-ins/maps.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    batch: { type: 'string' },
    runs: { type: 'string', default: '4' },
    folder: { type: 'string' },
    step: { type: 'string' },
  },
});

const seconds = (start: number) => (performance.now() - start) / 1000;

const feedsOf = (graph: Graph) =>
  Object.fromEntries(
    graph.inputs.map(({ name, shape }) => [
      name,
      float32(
        shape as readonly number[],
        Float32Array.from({ length: sizeOf(shape as readonly number[]) }, (_, i) => Math.sin(12.9898 * i + 1)),
      ),
    ]),
  );

/** What is measured of a network whose files are in a folder, each in a process of its own. */
const steps = {
  /** Writes a checkpoint of random weights, with a card beside it. */
  async write(name: string, folder: string) {
    mkdirSync(folder, { recursive: true });
    await writeSafetensorsFile(join(folder, 'weights.safetensors'), tensorsOf(name));
    writeFileSync(join(folder, 'card.json'), JSON.stringify({ ...cardOf(name), file: 'weights.safetensors' }));
    return { megabytes: statSync(join(folder, 'weights.safetensors')).size / 1e6 };
  },
  /** From the checkpoint: time to build and open, time of a run. */
  async run(name: string, folder: string) {
    const engine = nodeEngine();
    const rate = (await gemmRate(engine)) / 2;
    const start = performance.now();
    const { model } = await loadModel(join(folder, 'card.json'), { name });
    const batch = Number(values.batch ?? (model.kind === 'encoder' ? 8 : name.includes('styleganxl') ? 1 : 2));
    const graph = modelGraph(model, { batch });
    const build = seconds(start);
    const opening = performance.now();
    return withSession(engine, graph, async (session) => {
      const open = seconds(opening);
      const feeds = feedsOf(graph);
      const times: number[] = [];
      for (let i = 0; i <= Number(values.runs); i++) {
        const begun = performance.now();
        (await session.run(feeds)).dispose();
        // The first run touches fresh memory.
        if (i > 0) times.push(seconds(begun));
      }
      const best = Math.min(...times);
      const products = totalMultiplyAdds(graph) / batch;
      const units = model.taps.reduce((sum, { channels }) => sum + channels, 0);
      const fraction = (products * batch) / best / rate;
      return { batch, units, build, open, image: best / batch, products, fraction, rate, peak: peakBytes() };
    });
  },
  /** Compiles: what the first start from the command line costs on top. */
  async compile(name: string, folder: string) {
    const start = performance.now();
    await loadModel(join(folder, 'card.json'), { name, compiled: { folder: join(folder, 'compiled') } });
    return { seconds: seconds(start) };
  },
  /** From the compiled copy to the first image. */
  async cached(name: string, folder: string) {
    const engine = nodeEngine();
    const start = performance.now();
    const compiled = { folder: join(folder, 'compiled') };
    const { model } = await loadModel(join(folder, 'card.json'), { name, compiled });
    const graph = modelGraph(model, { batch: 1 });
    return withSession(engine, graph, async (session) => {
      const opened = seconds(start);
      (await session.run(feedsOf(graph))).dispose();
      return { seconds: opened, first: seconds(start), peak: peakBytes() };
    });
  },
};
type Steps = typeof steps;

if (values.step) {
  const { step, only, folder } = values;
  if (!only || !folder || !Object.hasOwn(steps, step)) throw new Error('--step goes with --only and --folder');
  const result = await steps[step as keyof Steps](only, folder);
  console.log(`\n${JSON.stringify(result)}`);
} else {
  const root = values.folder ?? mkdtempSync(join(tmpdir(), 'rosetta-zoo-'));
  const chosen = values.only ? values.only.split(',') : names;
  const unknown = chosen.find((name) => !names.includes(name));
  if (unknown) throw new Error(`no network "${unknown}"; there are ${names.join(', ')}`);
  console.log(
    '| network | units | parameters | GFLOP an image | batch | s an image | fraction of GEMM rate | build, s | open, s | peak | compile, s | start from cache, s | peak then |',
  );
  console.log(`|${'---|'.repeat(13)}`);
  for (const name of chosen) {
    const folder = join(root, name);
    const step = <Kind extends keyof Steps>(kind: Kind) => {
      const more = asArguments({ step: kind, only: name, folder, batch: values.batch, runs: values.runs });
      return resultOf<Awaited<ReturnType<Steps[Kind]>>>(import.meta.url, more, `${kind} of ${name}`);
    };
    try {
      step('write');
      const run = step('run');
      const compile = step('compile');
      const cached = step('cached');
      const parameters = [...shapesOf(name).values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
      console.log(
        `| ${[
          name,
          run.units,
          `${(parameters / 1e6).toFixed(1)} M`,
          ((2 * run.products) / 1e9).toFixed(1),
          run.batch,
          run.image.toFixed(3),
          `${Math.round(100 * run.fraction)} % of ${Math.round((2 * run.rate) / 1e9)}`,
          run.build.toFixed(1),
          run.open.toFixed(1),
          gib(run.peak),
          compile.seconds.toFixed(1),
          cached.seconds.toFixed(1),
          gib(cached.peak),
        ].join(' | ')} |`,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  if (!values.folder) rmSync(root, { recursive: true, force: true });
}
