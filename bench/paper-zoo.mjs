// The paper's zoo at full size with random weights, mined over samples of BigGAN-deep-256 in bounded memory: it proves
// size, not science. Runs with two numbers of samples tell what more would cost.
// usage: npm run bench paper-zoo -- [--samples 16,32] [--memory GIB] [--generators biggan_deep_256,...] [--folder DIR] [--out DIR]

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
import { cardOf, tensorsOf } from './full-shapes.mjs';

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '16,32' },
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
  const work = mine({
    engine: nodeEngine(),
    models,
    images,
    anchor: generators.length === 1 ? generators[0] : encoders[0],
    memory: Number(values.memory) * 2 ** 30,
    folder: nodeFolder(out),
    saveEvery: 1e6,
  });
  const stages = {};
  let last = performance.now();
  let shown = 0;
  let step = await work.next();
  for (; !step.done; step = await work.next()) {
    const { stage, done, total } = step.value;
    const now = performance.now();
    stages[stage] = (stages[stage] ?? 0) + (now - last) / 1000;
    last = now;
    if (now - shown > 30_000) {
      console.error(`${stage} ${done} of ${total} (${((now - start) / 1000).toFixed(0)} s)`);
      shown = now;
    }
  }
  const { models: described, pairs, sets } = step.value;
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
    seconds: (performance.now() - start) / 1000,
    peak: (1024 * process.resourceUsage().maxRSS) / 2 ** 30,
  };
}

if (values.step) {
  console.log(`\n${JSON.stringify(await run(values.folder, Number(values.step)))}`);
} else {
  const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'rosetta-paper-zoo-'));
  for (const name of [...generators, ...encoders]) await prepare(folder, name);
  const results = [];
  for (const samples of values.samples.split(',')) {
    const more = Object.entries({ ...values, folder, step: samples }).flatMap(([k, v]) => (v ? [`--${k}`, v] : []));
    const { stdout, status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...more], {
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`the run over ${samples} samples failed`);
    const result = JSON.parse(stdout.trim().split('\n').at(-1));
    results.push(result);
    const stages = Object.entries(result.stages).map(([stage, time]) => `${stage} ${time.toFixed(0)} s`);
    console.log(
      `${samples} samples of each generator: ${result.models} models, ${result.units} units, ` +
        `${(result.unitPairs / 1e9).toFixed(2)}e9 pairs of units; ${result.seconds.toFixed(0)} s ` +
        `(models loaded in ${result.loaded.toFixed(0)} s; ${stages.join(', ')}), peak ${result.peak.toFixed(1)} GiB, ` +
        `${result.pairs} mutual neighbours, ${result.sets} sets`,
    );
  }
  const [a, b] = results;
  if (b) {
    const each = (b.seconds - a.seconds) / (b.samples - a.samples);
    const thousand = a.seconds + (1000 - a.samples) * each;
    console.log(
      `${each.toFixed(1)} s for each further sample: 1,000 samples would take ${(thousand / 3600).toFixed(1)} hours`,
    );
  }
  if (!values.folder) rmSync(folder, { recursive: true, force: true });
}
