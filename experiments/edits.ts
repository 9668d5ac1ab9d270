// How far edits reach their targets: small networks of every family of generators, in the official file formats, each mined
// with a small ResNet; every kind of edit of a sample, in w+. Weights are random, so that the pictures mean nothing; that the
// maps go where they are told does not depend on it.
// usage: npm run experiment edits -- [--only FOLDER,...] [--steps N] [--samples N]

import { parseArgs } from 'node:util';
import { generatedSource } from 'rosetta-neurons/images';
import { mine, readDictionary, readMoments } from 'rosetta-neurons/mining';
import { memoryFolder } from 'rosetta-neurons/runtime';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import { edit, parseEditScript, sampleLatents, type EditAgreement, type Edited } from 'rosetta-neurons/synthesis';
import { loadModel } from 'rosetta-neurons/zoo/node';
import { goldenFile, smallGenerators } from './small/generators.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    steps: { type: 'string', default: '150' },
    samples: { type: 'string', default: '3' },
  },
});
const engine = nodeEngine();

const kinds = (sets: readonly string[]) => [
  { type: 'shift', dx: 0.25, dy: 0 },
  { type: 'zoom', factor: 1.3 },
  { type: 'rotate', degrees: 20 },
  { type: 'copy-paste', from: [0, 0, 0.5, 0.5], to: [0.5, 0.5, 1, 1] },
  { type: 'strengthen', factor: 2, units: { sets } },
  { type: 'weaken', factor: 0.5, units: { sets } },
  { type: 'erase', units: { sets }, box: [0, 0, 0.5, 1] },
  { type: 'class', class: 2 },
];

console.log(
  `mean over ${values.samples} samples, ${values.steps} steps; r of units with their targets, before -> after`,
);
console.log('| generator | edit | r of edited units | r of held units | distance in strength |');
console.log(`|${'---|'.repeat(5)}`);
for await (const generator of smallGenerators(values.only)) {
  const folder = generator.name;
  const { model: encoder } = await loadModel(goldenFile('torchvision_resnet50', 'resnet50_small.pth'), {
    name: 'resnet',
    settings: { size: '64' },
  });
  const run = memoryFolder();
  await mine({
    engine,
    folder: run,
    models: [generator, encoder],
    images: [generatedSource(generator, { samples: 128 })],
  });
  const [dictionary, moments] = [await readDictionary(run, folder), await readMoments(run, folder)];
  for (const one of kinds(dictionary.sets.slice(0, 3).map(({ id }) => id))) {
    if (one.type === 'class' && !generator.card.latent.classes) continue;
    const script = parseEditScript({ version: 1, edits: [one] });
    const results: Edited[] = [];
    for (let seed = 0; seed < Number(values.samples); seed++) {
      const latents = await sampleLatents(engine, generator, { samples: 1, seed: 40 + seed });
      results.push(
        await edit({
          engine,
          generator,
          latents,
          dictionary,
          moments,
          script,
          steps: Number(values.steps),
          every: 1000,
        }),
      );
    }
    const told = (key: keyof EditAgreement, digits = 3) => {
      if (results[0].after[key] === undefined) return '';
      const mean = (when: 'before' | 'after') =>
        results.reduce((sum, result) => sum + (result[when][key] ?? NaN), 0) / results.length;
      return `${mean('before').toFixed(digits)} -> ${mean('after').toFixed(digits)}`;
    };
    console.log(`| ${folder} | ${one.type} | ${told('edited')} | ${told('held')} | ${told('level')} |`);
  }
}
