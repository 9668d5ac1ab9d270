// Shifts a generated image by a quarter of its width, by moving the maps of the generator's Rosetta units.
//
//   node examples/edit.mjs RUN GENERATOR=CHECKPOINT SEED BEFORE.png AFTER.png
//
// The name must be the one that the run was mined with.

import { writeFile } from 'node:fs/promises';
import { encodePng } from 'rosetta-neurons/images/node';
import { readDictionary, readMoments } from 'rosetta-neurons/mining';
import { nodeEngine, nodeFolder } from 'rosetta-neurons/runtime/node';
import { edit, parseEditScript, sampleLatents } from 'rosetta-neurons/synthesis';
import { loadModel } from 'rosetta-neurons/zoo/node';

const [run, generatorPath, seed, before, after] = process.argv.slice(2);
if (!after) {
  console.error('usage: node examples/edit.mjs RUN GENERATOR=CHECKPOINT SEED BEFORE.png AFTER.png');
  process.exit(2);
}
const [name, path] = generatorPath.split(/=(.*)/s);
const { model: generator } = await loadModel(path, { name });
const engine = nodeEngine();
const folder = nodeFolder(run);

const result = await edit({
  engine,
  generator,
  latents: await sampleLatents(engine, generator, { samples: 1, seed: Number(seed) }),
  dictionary: await readDictionary(folder, run),
  moments: await readMoments(folder, run),
  script: parseEditScript({ version: 1, edits: [{ type: 'shift', dx: 0.25, dy: 0 }] }),
  onProgress: ({ stage, done, total }) => process.stderr.write(`\r${stage}: ${done} of ${total}   `),
});
console.log(
  `\nr of the units with their shifted maps: ${result.before.all.toFixed(3)} -> ${result.after.all.toFixed(3)}`,
);
const { height, width } = generator.card.latent;
await writeFile(before, await encodePng(result.original.data, height, width));
await writeFile(after, await encodePng(result.image.data, height, width));
