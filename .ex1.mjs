import { writeFile } from 'node:fs/promises';
import { writeSafetensorsFile } from 'rosetta-neurons/checkpoint/node';
import { loadPixels } from 'rosetta-neurons/images/node';
import { nodeEngine, nodeFolder } from 'rosetta-neurons/runtime/node';
import { cardText, recipeKinds, train } from 'rosetta-neurons/training';

const recipe = {
  name: 'small',
  kind: 'class',
  architecture: { depths: [1, 1], planes: [8, 16], stem: 8 },
  objective: {},
  schedule: {
    batch: 8,
    epochs: 2,
    optimiser: { kind: 'adam' },
    rate: { kind: 'cosine', peak: 0.002, warmUp: 0.1 },
  },
  seed: 1,
};
const engine = nodeEngine();
const photos = await loadPixels(process.argv[2], { size: { height: 16, width: 16 } });
const kind = recipeKinds.find(({ kind }) => kind === recipe.kind);
const plan = await kind.plan(recipe, photos, { tensors: () => Promise.reject(new Error('this kind names no file')) });

const work = train({ ...plan, engine, folder: nodeFolder('/tmp/tt/'), recipe, seed: recipe.seed });
let step = await work.next();
for (; !step.done; step = await work.next()) console.log(step.value.step, step.value.loss);
await writeSafetensorsFile('/tmp/tt/small.safetensors', await plan.network(step.value.state, engine));
await writeFile('/tmp/tt/small.json', cardText(recipe, plan));
