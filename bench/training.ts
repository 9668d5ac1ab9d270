// What a step of each recipe costs: photos a second, and the rate of its products as a fraction of the machine's GEMM rate,
// measured in the same run. Photos are noise; nothing is learnt.
// usage: npm run bench training -- [--recipes zoo/recipes] [--only NAME,NAME] [--runs N]

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadTensors } from 'rosetta-neurons/checkpoint/node';
import { float32, toFloat32, totalMultiplyAdds, type Tensor } from 'rosetta-neurons/graph';
import type { Engine } from 'rosetta-neurons/runtime';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import {
  beginState,
  parseRecipe,
  recipeKinds,
  StepRunner,
  type TrainingState,
  type TrainingStep,
} from 'rosetta-neurons/training';
import { gemmRate } from './stand-ins/maps.ts';

const { values } = parseArgs({
  options: {
    recipes: { type: 'string', default: 'zoo/recipes' },
    only: { type: 'string' },
    runs: { type: 'string', default: '5' },
  },
});

const nouns = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];
const n = 512;
const side = 32;
const photos = {
  n,
  height: side,
  width: side,
  pixels: Uint8Array.from({ length: n * 3 * side * side }, (_, i) => (i * 2654435761) >>> 24),
  labels: Int32Array.from({ length: n }, (_, i) => i % nouns.length),
  classes: nouns,
  names: Array.from({ length: n }, (_, i) => `${nouns[i % nouns.length]}/${nouns[i % nouns.length]}_s_${i}.png`),
};

const filesBeside = (recipe: string) => ({ tensors: (name: string) => loadTensors(resolve(dirname(recipe), name)) });

/** Seconds of the fastest update after the first two, which touch fresh memory. */
async function secondsOf(
  engine: Engine,
  part: TrainingStep,
  state: TrainingState,
  batch: Readonly<Record<string, Tensor>>,
) {
  const runner = await StepRunner.open(engine, part);
  const times: number[] = [];
  for (let i = 0; i < 2 + Number(values.runs); i++) {
    const start = performance.now();
    await runner.run(state, batch, 1e-4);
    if (i >= 2) times.push((performance.now() - start) / 1000);
  }
  const own = new Map([...state].map(([name, tensor]) => [name, float32(tensor.shape, toFloat32(tensor).slice())]));
  await runner.release();
  return { seconds: Math.min(...times), state: own };
}

const engine = nodeEngine();
const gemm = (await gemmRate(engine)) / 1e9;
console.log(`GEMM rate: ${gemm.toFixed(0)} GFLOP/s\n`);
console.log(
  '| recipe | part | batch | operators | M multiply-adds a photo | ms a step | photos/s | GFLOP/s | of GEMM |',
);
console.log('|---|---|---:|---:|---:|---:|---:|---:|---:|');
const chosen = values.only?.split(',');
const recipes = readdirSync(values.recipes).filter((name) => name.endsWith('.json'));
const missing = chosen?.find((name) => !recipes.includes(`${name}.json`));
if (missing !== undefined) throw new Error(`${values.recipes} has no recipe ${missing}`);
for (const file of recipes) {
  const path = join(values.recipes, file);
  const recipe = parseRecipe(readFileSync(path, 'utf8'), path, recipeKinds);
  if (chosen && !chosen.includes(recipe.name)) continue;
  const { batch: size } = recipe.schedule;
  const plan = await recipeKinds.find(({ kind }) => kind === recipe.kind)!.plan(recipe, photos, filesBeside(path));
  let state = beginState(plan.state, plan.parts);
  const batches = await plan.batch(0);
  for (const part of plan.parts) {
    const fed = batches[part.name];
    if (!fed) continue;
    const measured = await secondsOf(engine, part, state, fed);
    ({ state } = measured);
    const { seconds } = measured;
    const products = totalMultiplyAdds(part.graph);
    const rate = (2 * products) / seconds / 1e9;
    const row = [
      recipe.name,
      part.name,
      size,
      part.graph.nodes.length,
      (products / size / 1e6).toFixed(0),
      (1000 * seconds).toFixed(0),
      (size / seconds).toFixed(0),
      rate.toFixed(0),
      `${((100 * rate) / gemm).toFixed(0)} %`,
    ];
    console.log(`| ${row.join(' | ')} |`);
  }
}
