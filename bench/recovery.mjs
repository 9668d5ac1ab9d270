// Can a latent be found again from the maps of its image alone? Small networks of every family of generators, in the
// official file formats: samples of known latents are searched from a random start each, by the agreement of units, in every
// space; and by random search with three times as many forward passes, about what a step costs.
// usage: npm run bench recovery -- [--only FOLDER,...] [--runs N] [--steps N] [--units N]

import { parseArgs } from 'node:util';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import {
  agreementTerm,
  generatorMaps,
  optimise,
  sampleLatents,
  spaces,
  stepGraph,
  stepOutputs,
} from 'rosetta-neurons/synthesis';
import { loadModel } from 'rosetta-neurons/zoo/node';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    runs: { type: 'string', default: '16' },
    steps: { type: 'string', default: '300' },
    units: { type: 'string', default: '120' },
  },
});
const files = {
  biggan_deep: 'pytorch_model.bin',
  stylegan2_rosinality: 'stylegan2-small-config-f.pt',
  stylegan2_ada: 'network-small.pkl',
  stylegan3r: 'stylegan3r_small.pkl',
  styleganxl: 'imagenet32_small.pkl',
};
const reached = 0.95;
const [runs, steps, count] = [Number(values.runs), Number(values.steps), Number(values.units)];
const engine = nodeEngine();

/** Every so-manieth unit over all layers, with the maps that it has on the images of these latents as targets. */
async function targetsOf(generator, latents) {
  const total = generator.taps.reduce((sum, { channels }) => sum + channels, 0);
  const every = Math.max(1, total / count);
  let at = 0;
  const wanted = new Map();
  for (const { layer, channels } of generator.taps) {
    const units = [];
    for (let unit = 0; unit < channels; unit++)
      if (Math.floor(++at / every) > Math.floor((at - 1) / every)) units.push(unit);
    if (units.length) wanted.set(layer, units);
  }
  // Means and deviations over other samples, as a run would have them.
  const others = await sampleLatents(engine, generator, { samples: 32, seed: 999 });
  const { maps: many } = await generatorMaps(engine, generator, others, wanted);
  const { maps } = await generatorMaps(engine, generator, latents, wanted);
  return [...wanted].map(([layer, units]) => {
    const [n, , height, width] = many.get(layer).shape;
    const plane = height * width;
    const { data } = many.get(layer);
    const series = (k) =>
      Array.from({ length: n }, (_, i) =>
        data.subarray((i * units.length + k) * plane, (i * units.length + k + 1) * plane),
      );
    const means = Float32Array.from(
      units,
      (_, k) =>
        series(k)
          .flatMap((map) => [...map])
          .reduce((s, v) => s + v, 0) /
        (n * plane),
    );
    const deviations = Float32Array.from(units, (_, k) =>
      Math.sqrt(
        series(k)
          .flatMap((map) => [...map])
          .reduce((s, v) => s + (v - means[k]) ** 2, 0) /
          (n * plane),
      ),
    );
    const target = maps.get(layer);
    const centred = target.data.map((v, i) => v - means[Math.floor(i / plane) % units.length]);
    return {
      layer,
      units,
      means,
      deviations,
      target: { ...target, data: centred },
      weights: new Float32Array(units.length).fill(1),
      targetNames: units.map((unit) => `${layer}/${unit}`),
    };
  });
}

const share = (r) => `${[...r].filter((value) => value > reached).length} of ${r.length}`;
const mean = (r) => ([...r].reduce((sum, v) => sum + v, 0) / r.length).toFixed(3);

console.log(`${runs} known latents, one random start each, ${steps} steps; random search: ${3 * steps} samples each`);
console.log('| generator | space | start, mean r | search, mean r | r > 0.95 | random, mean r | r > 0.95 |');
console.log(`|${'---|'.repeat(7)}`);
for (const [folder, file] of Object.entries(files)) {
  if (values.only && !values.only.split(',').includes(folder)) continue;
  const path = new URL(`../test/golden/${folder}/${file}`, import.meta.url).pathname;
  const { model: generator } = await loadModel(path, { name: folder });
  const truncation = { truncation: 1 };
  const known = await sampleLatents(engine, generator, { samples: runs, seed: 1, ...truncation });
  const groups = await targetsOf(generator, known);
  const term = agreementTerm(groups);
  for (const space of spaces) {
    const draw = (seed) => sampleLatents(engine, generator, { samples: runs, seed, space, ...truncation });
    const start = await draw(2);
    const work = optimise({
      engine,
      generator,
      generatorOptions: truncation,
      start,
      terms: [term],
      steps,
      every: steps,
      freeClass: true,
    });
    let first;
    let step = await work.next();
    for (; !step.done; step = await work.next()) first ??= step.value.terms.rosetta.map((loss) => 1 - loss);
    const found = step.value.terms.rosetta.map((loss) => 1 - loss);

    const shapes = Object.entries(start).map(([name, { shape }]) => [name, shape]);
    const judge = stepGraph({ generator, generatorOptions: truncation, latents: shapes, terms: [term], free: [] });
    const session = await engine.open(judge.graph);
    const best = new Float32Array(runs).fill(-1);
    for (let i = 0; i < 3 * steps; i++) {
      const outputs = await session.run({ ...(await draw(1000 + i)), ...judge.given });
      outputs.tensors[stepOutputs.loss].data.forEach((loss, row) => (best[row] = Math.max(best[row], 1 - loss)));
      outputs.dispose();
    }
    await session.release();
    console.log(
      `| ${folder} | ${space} | ${mean(first)} | ${mean(found)} | ${share(found)} | ${mean(best)} | ${share(best)} |`,
    );
  }
}
