// The paper's zoo at full size with random weights, mined over samples of BigGAN-deep-256 in bounded memory: it proves
// size, not science. What more samples would cost is told from the batches after the first of every pass.
// usage: npm run bench paper-zoo -- [--samples 16] [--memory GIB] [--scores auto|exact|screened] [--generators biggan_deep_256,...] [--folder DIR] [--out DIR]

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mine, type MineProgress } from 'rosetta-neurons';
import { float32, GraphBuilder } from 'rosetta-neurons/graph';
import { mapsOf } from 'rosetta-neurons/mining';
import type { Engine } from 'rosetta-neurons/runtime';
import { writeSafetensorsFile } from 'rosetta-neurons/checkpoint/node';
import { generatedSource, sampleShape, type ImageSource } from 'rosetta-neurons/images';
import { nodeEngine, nodeFolder } from 'rosetta-neurons/runtime/node';
import { loadModel } from 'rosetta-neurons/zoo/node';
import type { Model } from 'rosetta-neurons/zoo';
import { asArguments, peakBytes, resultOf } from './stand-ins/child.ts';
import { cardOf, tensorsOf } from './stand-ins/networks.ts';

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '16' },
    memory: { type: 'string', default: '6' },
    generators: { type: 'string', default: 'biggan_deep_256' },
    folder: { type: 'string' },
    out: { type: 'string' },
    step: { type: 'string' },
    scores: { type: 'string', default: 'auto' },
  },
});

const encoders = ['torchvision_resnet50', 'dino_resnet50', 'dino_vitb16', 'mae_vit_base', 'clip_rn50'];
const generators = values.generators.split(',');

/** When the first batch of a pass and its last were done, and how many samples these are. */
interface PassTimes {
  readonly first: number;
  readonly start: number;
  last: number;
  end: number;
}

async function prepare(folder: string, name: string) {
  const own = join(folder, name);
  mkdirSync(own, { recursive: true });
  if (existsSync(join(own, 'card.json'))) return;
  await writeSafetensorsFile(join(own, 'weights.safetensors'), tensorsOf(name));
  writeFileSync(join(own, 'card.json'), JSON.stringify({ ...cardOf(name), file: 'weights.safetensors' }));
}

/** Samples that the networks alone are timed with. */
const timed = 4;

/** Seconds a sample for running every network once, and nothing else: the mean of some batches after a first. */
async function forwardSeconds(
  engine: Engine,
  models: readonly Model[],
  images: readonly ImageSource[],
): Promise<number> {
  let seconds = 0;
  for (const source of images) {
    const here = models.flatMap((model, m) =>
      model.kind === 'encoder' || source.generated?.generator === model ? [m] : [],
    );
    const b = new GraphBuilder({ name: 'forward' });
    // One number of each map keeps it from being left out; the maps stay inside.
    for (const [m, layers] of mapsOf(models)(b, source, timed, here).maps) {
      for (const [layer, value] of layers) b.output(b.reduceMax(value, [0, 1, 2, 3]), `${m} ${layer}`);
    }
    const session = await engine.open(b.build());
    const times: number[] = [];
    for (let turn = 0; turn < 6; turn++) {
      for await (const { data } of source.batches([0, 1, 2, 3], timed)) {
        const start = performance.now();
        (await session.run({ samples: float32([timed, ...sampleShape(source)], data) })).dispose();
        times.push((performance.now() - start) / 1000 / timed);
      }
    }
    await session.release();
    // The first touches fresh memory.
    seconds += times.slice(1).reduce((sum, time) => sum + time, 0) / (times.length - 1);
  }
  return seconds;
}

function scoresOf(text: string): 'auto' | 'exact' | 'screened' {
  if (text === 'auto' || text === 'exact' || text === 'screened') return text;
  throw new Error(`--scores is auto, exact or screened, not ${text}`);
}

async function run(folder: string, samples: number) {
  const start = performance.now();
  const models: Model[] = [];
  for (const name of [...generators, ...encoders]) {
    const compiled = { folder: join(folder, 'compiled') };
    models.push((await loadModel(join(folder, name, 'card.json'), { name, compiled })).model);
  }
  const loaded = (performance.now() - start) / 1000;
  const images = models.flatMap((model) => (model.kind === 'generator' ? [generatedSource(model, { samples })] : []));
  const engine = nodeEngine();
  const forwardBefore = await forwardSeconds(engine, models, images);
  const out = join(values.out ?? folder, `run-${samples}`);
  const stages: Record<string, number> = {};
  const passes: PassTimes[] = [];
  let last = performance.now();
  let shown = 0;
  const onProgress = ({ stage, done, total }: MineProgress) => {
    const now = performance.now();
    stages[stage] = (stages[stage] ?? 0) + (now - last) / 1000;
    if (stage === 'correlating' && done > 0) {
      const pass = Math.floor((done - 1) / (samples * generators.length));
      passes[pass] ??= { first: done, start: now, last: done, end: now };
      // The end of a pass is told once more when its scores are taken in.
      if (done > passes[pass].last) Object.assign(passes[pass], { last: done, end: now });
    }
    last = now;
    if (now - shown > 30_000) {
      console.error(`${stage} ${done} of ${total} (${((now - start) / 1000).toFixed(0)} s)`);
      shown = now;
    }
  };
  const {
    models: described,
    pairs,
    sets,
  } = await mine({
    engine,
    models,
    images,
    anchors: [generators.length === 1 ? generators[0] : encoders[0]],
    memory: Number(values.memory) * 2 ** 30,
    folder: nodeFolder(out),
    scores: scoresOf(values.scores),
    saveEvery: 1e6,
    onProgress,
  });
  const forward = (forwardBefore + (await forwardSeconds(engine, models, images))) / 2;
  return {
    samples,
    models: described.length,
    units: described.reduce((sum, { units }) => sum + units, 0),
    unitPairs: pairs.reduce((sum, { models: [a, b] }) => {
      const units = (name: string) => described.find((model) => model.name === name)?.units ?? 0;
      return sum + units(a) * units(b);
    }, 0),
    pairs: pairs.reduce((sum, { counts }) => sum + counts.pairs, 0),
    sets: sets.length,
    loaded,
    forward,
    stages,
    passes: passes.length,
    /** Of all passes together; the first batch of a pass has its start in it. */
    perSample: passes.reduce(
      (sum, { first, start, last: most, end }) => sum + (end - start) / 1000 / Math.max(1, most - first),
      0,
    ),
    seconds: (performance.now() - start) / 1000,
    peak: peakBytes() / 2 ** 30,
  };
}

if (values.step) {
  if (!values.folder) throw new Error('--step goes with --folder');
  console.log(`\n${JSON.stringify(await run(values.folder, Number(values.step)))}`);
} else {
  const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'rosetta-paper-zoo-'));
  for (const name of [...generators, ...encoders]) await prepare(folder, name);
  for (const samples of values.samples.split(',')) {
    const more = asArguments({ ...values, folder, step: samples });
    const what = `the run over ${samples} samples`;
    const result = resultOf<Awaited<ReturnType<typeof run>>>(import.meta.url, more, what);
    const stages = Object.entries(result.stages).map(([stage, time]) => `${stage} ${time.toFixed(0)} s`);
    console.log(
      `${samples} samples of each generator: ${result.models} models, ${result.units} units, ` +
        `${(result.unitPairs / 1e9).toFixed(2)}e9 pairs of units; ${result.seconds.toFixed(0)} s ` +
        `(models loaded in ${result.loaded.toFixed(0)} s; ${stages.join(', ')}), peak ${result.peak.toFixed(1)} GiB, ` +
        `${result.pairs} mutual neighbours, ${result.sets} sets`,
    );
    const thousand = result.seconds + (1000 - Number(samples)) * result.perSample;
    console.log(
      `${result.perSample.toFixed(2)} s for each further sample in ${result.passes} passes, ` +
        `${(result.perSample / result.forward).toFixed(2)} times the forward passes (${result.forward.toFixed(2)} s): ` +
        `1,000 samples would take ${(thousand / 3600).toFixed(2)} hours`,
    );
  }
  if (!values.folder) rmSync(folder, { recursive: true, force: true });
}
