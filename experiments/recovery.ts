// Can a latent be found again from the maps of its image alone? Small networks of every family of generators, in the
// official file formats: samples of known latents are searched from a random start each, by the agreement of units, in every
// space, and from the best of 32 samples; and by random search with three times as many forward passes as steps, which is
// more than a step costs.
// usage: npm run experiment recovery -- [--only FOLDER,...] [--runs N] [--steps N] [--units N]

import { parseArgs } from 'node:util';
import { float32, toFloat32 } from 'rosetta-neurons/graph';
import { withSession } from 'rosetta-neurons/runtime';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import {
  agreementTerm,
  generatorMaps,
  optimise,
  sampleLatents,
  spaces,
  stepGraph,
  stepOutputs,
  type LatentName,
  type Latents,
  type StepProgress,
  type TargetGroup,
} from 'rosetta-neurons/synthesis';
import type { Generator } from 'rosetta-neurons/zoo';
import { smallGenerators } from './small/generators.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    runs: { type: 'string', default: '16' },
    steps: { type: 'string', default: '300' },
    units: { type: 'string', default: '120' },
  },
});
const reached = 0.95;
const candidates = 32;
const [runs, steps, count] = [Number(values.runs), Number(values.steps), Number(values.units)];
const engine = nodeEngine();

/** Every so-manieth unit over all layers, with the maps that it has on the images of these latents as targets. */
async function targetsOf(generator: Generator, latents: Latents): Promise<TargetGroup[]> {
  const total = generator.taps.reduce((sum, { channels }) => sum + channels, 0);
  const every = Math.max(1, total / count);
  let at = 0;
  const wanted = new Map<string, number[]>();
  for (const { layer, channels } of generator.taps) {
    const units: number[] = [];
    for (let unit = 0; unit < channels; unit++)
      if (Math.floor(++at / every) > Math.floor((at - 1) / every)) units.push(unit);
    if (units.length) wanted.set(layer, units);
  }
  // Means and standard deviations over other samples, as a run would have them.
  const others = await sampleLatents(engine, generator, { samples: 32, seed: 999 });
  const { maps: many } = await generatorMaps(engine, generator, others, wanted);
  const { maps } = await generatorMaps(engine, generator, latents, wanted);
  return [...wanted].map(([layer, units]) => {
    const [seen, target] = [many.get(layer), maps.get(layer)];
    if (!seen || !target) throw new Error(`${generator.name} has no maps of ${layer}`);
    const [n, , height, width] = seen.shape;
    const plane = height * width;
    const { data } = seen;
    const series = (k: number) =>
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
    const stds = Float32Array.from(units, (_, k) =>
      Math.sqrt(
        series(k)
          .flatMap((map) => [...map])
          .reduce((s, v) => s + (v - means[k]) ** 2, 0) /
          (n * plane),
      ),
    );
    const centred = target.data.map((v, i) => v - means[Math.floor(i / plane) % units.length]);
    return {
      layer,
      units,
      means,
      stds,
      target: { ...target, data: centred },
      weights: new Float32Array(units.length).fill(1),
      targetNames: units.map((unit) => `${layer}/${unit}`),
    };
  });
}

const fraction = (r: ArrayLike<number>) => `${Array.from(r).filter((value) => value > reached).length} of ${r.length}`;
const mean = (r: ArrayLike<number>) => (Array.from(r).reduce((sum, v) => sum + v, 0) / r.length).toFixed(3);

console.log(`${runs} known latents, one random start each, ${steps} steps; random search: ${3 * steps} samples each`);
console.log(
  '| generator | space | start, mean r | search, mean r | r > 0.95 | from the best of 32, mean r | r > 0.95 | random search, mean r | r > 0.95 |',
);
console.log(`|${'---|'.repeat(9)}`);
for await (const generator of smallGenerators(values.only)) {
  const folder = generator.name;
  const truncation = { truncation: 1 };
  const known = await sampleLatents(engine, generator, { samples: runs, seed: 1, ...truncation });
  const groups = await targetsOf(generator, known);
  const term = agreementTerm(groups);
  for (const space of spaces) {
    const draw = (seed: number) => sampleLatents(engine, generator, { samples: runs, seed, space, ...truncation });
    const start = await draw(2);
    const agreement = (terms: StepProgress['terms']) => Array.from(terms.rosetta, (loss) => 1 - loss);
    const searched = async (from: Latents) => {
      const options = { engine, generator, generatorOptions: truncation, terms: [term], steps, every: steps };
      let first: number[] = [];
      const onProgress = ({ done, terms }: StepProgress) => {
        if (done === 1) first = agreement(terms);
      };
      const { terms } = await optimise({ ...options, start: from, freeClass: true, onProgress });
      return { first, found: agreement(terms) };
    };
    // Random search: the best sample of each target, and the best of the first few as a start.
    const shapes = Object.entries(start).map(([name, { shape }]) => [name as LatentName, shape] as const);
    const judge = stepGraph({ generator, generatorOptions: truncation, latents: shapes, terms: [term], free: [] });
    const best = new Float32Array(runs).fill(-1);
    const leaders: Latents = Object.fromEntries(
      Object.entries(start).map(([name, { shape, data }]) => [name, float32(shape, data.slice())]),
    );
    await withSession(engine, judge.graph, async (session) => {
      for (let i = 0; i < 3 * steps; i++) {
        const drawn = await draw(1000 + i);
        const outputs = await session.run({ ...drawn, ...judge.given });
        toFloat32(outputs.tensors[stepOutputs.loss]).forEach((loss, row) => {
          if (1 - loss <= best[row]) return;
          best[row] = 1 - loss;
          if (i >= candidates) return;
          for (const [name, { data }] of Object.entries(drawn)) {
            const size = data.length / runs;
            leaders[name as LatentName]?.data.set(data.subarray(row * size, (row + 1) * size), row * size);
          }
        });
        outputs.dispose();
      }
    });
    const [plain, led] = [await searched(start), await searched(leaders)];
    const cells = [
      mean(plain.first),
      mean(plain.found),
      fraction(plain.found),
      mean(led.found),
      fraction(led.found),
      mean(best),
      fraction(best),
    ];
    console.log(`| ${[folder, space, ...cells].join(' | ')} |`);
  }
}
