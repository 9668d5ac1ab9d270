// The paper's zoo at full size with random weights, mined over samples of BigGAN-deep-256 in bounded memory: it proves
// size, not science. What more samples would cost is told from the batches after the first of every pass.
// usage: npm run bench paper-zoo -- [--samples 16] [--memory GIB] [--generators biggan_deep_256,...] [--folder DIR] [--out DIR]

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mine } from 'rosetta-neurons';
import { writeSafetensorsFile } from 'rosetta-neurons/checkpoint/node';
import { generatedSource } from 'rosetta-neurons/images';
import { nodeEngine, nodeFolder } from 'rosetta-neurons/runtime/node';
import { loadModel } from 'rosetta-neurons/zoo/node';
import { cardOf, tensorsOf } from './stand-ins/networks.mjs';

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '16' },
    memory: { type: 'string', default: '6' },
    generators: { type: 'string', default: 'biggan_deep_256' },
    folder: { type: 'string' },
    out: { type: 'string' },
    step: { type: 'string' },
  },
});

const encoders = ['torchvision_resnet50', 'dino_resnet50', 'dino_vitb16', 'mae_vit_base', 'clip_rn50'];
const generators = values.generators.split(',');

async function prepare(folder, name) {
  const own = join(folder, name);
  mkdirSync(own, { recursive: true });
  if (existsSync(join(own, 'card.json'))) return;
  await writeSafetensorsFile(join(own, 'weights.safetensors'), tensorsOf(name));
  writeFileSync(join(own, 'card.json'), JSON.stringify({ ...cardOf(name), file: 'weights.safetensors' }));
}

async function run(folder, samples) {
  const start = performance.now();
  const models = [];
  for (const name of [...generators, ...encoders]) {
    const compiled = { folder: join(folder, 'compiled') };
    models.push((await loadModel(join(folder, name, 'card.json'), { name, compiled })).model);
  }
  const loaded = (performance.now() - start) / 1000;
  const images = models.slice(0, generators.length).map((generator) => generatedSource(generator, { samples }));
  const out = join(values.out ?? folder, `run-${samples}`);
  const stages = {};
  /** By pass: when its first batch and its last were done, and how many samples these are. */
  const passes = [];
  let last = performance.now();
  let shown = 0;
  const onProgress = ({ stage, done, total }) => {
    const now = performance.now();
    stages[stage] = (stages[stage] ?? 0) + (now - last) / 1000;
    if (stage === 'correlating' && done > 0) {
      const pass = Math.floor((done - 1) / (samples * generators.length));
      passes[pass] ??= { first: done, start: now };
      if (done > passes[pass].first) Object.assign(passes[pass], { last: done, end: now });
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
    engine: nodeEngine(),
    models,
    images,
    anchors: [generators.length === 1 ? generators[0] : encoders[0]],
    memory: Number(values.memory) * 2 ** 30,
    folder: nodeFolder(out),
    saveEvery: 1e6,
    onProgress,
  });
  return {
    samples,
    models: described.length,
    units: described.reduce((sum, { units }) => sum + units, 0),
    unitPairs: pairs.reduce((sum, { models: [a, b] }) => {
      const units = (name) => described.find((model) => model.name === name).units;
      return sum + units(a) * units(b);
    }, 0),
    pairs: pairs.reduce((sum, { counts }) => sum + counts.pairs, 0),
    sets: sets.length,
    loaded,
    stages,
    passes: passes.length,
    /** Of all passes together; the first batch of a pass has its start in it. */
    perSample: passes.reduce(
      (sum, { first, start, last: most, end }) => sum + (end - start) / 1000 / (most - first),
      0,
    ),
    seconds: (performance.now() - start) / 1000,
    peak: (1024 * process.resourceUsage().maxRSS) / 2 ** 30,
  };
}

if (values.step) {
  console.log(`\n${JSON.stringify(await run(values.folder, Number(values.step)))}`);
} else {
  const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'rosetta-paper-zoo-'));
  for (const name of [...generators, ...encoders]) await prepare(folder, name);
  for (const samples of values.samples.split(',')) {
    const more = Object.entries({ ...values, folder, step: samples }).flatMap(([k, v]) => (v ? [`--${k}`, v] : []));
    const { stdout, status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...more], {
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`the run over ${samples} samples failed`);
    const result = JSON.parse(stdout.trim().split('\n').at(-1));
    const stages = Object.entries(result.stages).map(([stage, time]) => `${stage} ${time.toFixed(0)} s`);
    console.log(
      `${samples} samples of each generator: ${result.models} models, ${result.units} units, ` +
        `${(result.unitPairs / 1e9).toFixed(2)}e9 pairs of units; ${result.seconds.toFixed(0)} s ` +
        `(models loaded in ${result.loaded.toFixed(0)} s; ${stages.join(', ')}), peak ${result.peak.toFixed(1)} GiB, ` +
        `${result.pairs} mutual neighbours, ${result.sets} sets`,
    );
    const thousand = result.seconds + (1000 - samples) * result.perSample;
    console.log(
      `${result.perSample.toFixed(1)} s for each further sample in ${result.passes} passes: ` +
        `1,000 samples would take ${(thousand / 3600).toFixed(1)} hours`,
    );
  }
  if (!values.folder) rmSync(folder, { recursive: true, force: true });
}
