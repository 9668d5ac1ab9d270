// End to end on real, third-party networks: the four CIFAR-10 ResNets of github.com/akamaster/pytorch_resnet_cifar10.
// Prints the accuracy of each (proof that they are read rightly), time and memory of mining, and what the controls say.
//
//   npm run experiment cifar-resnets -- FOLDER_OF_CHECKPOINTS PHOTOS [--samples 2000] [--out RUN] [--accuracy]

import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { collectActivations, mine, type Exemplars } from 'rosetta-neurons';
import { openPhotos, thumbnail } from 'rosetta-neurons/images/node';
import { reportChunks } from 'rosetta-neurons/report';
import { nodePageScript } from 'rosetta-neurons/report/node';
import { nodeEngine, nodeFolder } from 'rosetta-neurons/runtime/node';
import { loadModel } from 'rosetta-neurons/zoo/node';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { samples: { type: 'string', default: '2000' }, out: { type: 'string' }, accuracy: { type: 'boolean' } },
});
const [checkpoints, photoPath] = positionals;
if (!photoPath) {
  console.error(
    'usage: npm run experiment cifar-resnets -- FOLDER_OF_CHECKPOINTS PHOTOS [--samples N] [--out RUN] [--accuracy]',
  );
  process.exit(2);
}
const engine = nodeEngine();
const files = readdirSync(checkpoints).filter((file) => file.endsWith('.th'));

async function load(taps?: readonly string[]) {
  const models = files.map((file) => loadModel(join(checkpoints, file), { name: file.split('-')[0], taps }));
  return (await Promise.all(models)).map(({ model }) => model);
}

if (values.accuracy) {
  const photos = await openPhotos(photoPath, { fallback: { height: 32, width: 32 } });
  const classOf = (index: number) => photos.names[index].split('/').at(-2);
  const classes = [...new Set(photos.samples.map(classOf))].sort();
  for (const model of await load(['layer3'])) {
    const input = { source: photos, samples: photos.samples };
    const results = await collectActivations({ engine, model, input, batch: 100, memory: 8e9 });
    const output = results.get('output');
    if (!output) throw new Error(`${model.name} has no output`);
    const { data, shape } = output;
    let right = 0;
    for (let i = 0; i < shape[0]; i++) {
      const logits = data.subarray(i * shape[1], (i + 1) * shape[1]);
      if (classes[logits.indexOf(Math.max(...logits))] === classOf(photos.samples[i])) right++;
    }
    console.log(`${model.name}: ${((100 * right) / shape[0]).toFixed(2)} % of ${shape[0]} right`);
  }
  await photos.close();
}

for (const twins of [false, true]) {
  const start = performance.now();
  const photos = await openPhotos(photoPath, { samples: Number(values.samples), fallback: { height: 32, width: 32 } });
  const folder = nodeFolder(!twins && values.out ? values.out : mkdtempSync(join(tmpdir(), 'rosetta-bench-')));
  const models = await load();
  const dictionary = await mine({
    engine,
    models,
    images: photos,
    folder,
    twins,
    anchors: [models[0].name],
    thumbnails: thumbnail,
  });
  const json = new TextDecoder().decode(await folder.read('exemplars/exemplars.json'));
  const exemplars = JSON.parse(json) as Exemplars;
  const images = new Map<string, Uint8Array>();
  for (const [id, { file }] of Object.entries(exemplars.images)) {
    const image = await folder.read(`exemplars/${file}`);
    if (image) images.set(id, image);
  }
  const input = { dictionary, exemplars, images, maps: await folder.read('exemplars/maps.bin') };
  await folder.write('index.html', reportChunks(input, await nodePageScript()));
  await photos.close();

  const seconds = (performance.now() - start) / 1000;
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(
    `\n${twins ? 'with twins' : 'four networks'}: ${seconds.toFixed(0)} s, peak memory so far ${peak.toFixed(0)} MB`,
  );
  console.log('| models | pairs | q < 0.01 | replicated | noise would give |\n|---|---|---|---|---|');
  for (const { models: names, counts } of dictionary.pairs) {
    const { pairs, significant, replicated, expectedOfNoise } = counts;
    console.log(`| ${names.join(' -- ')} | ${pairs} | ${significant} | ${replicated} | ${expectedOfNoise} |`);
  }
  console.log(`${dictionary.sets.length} Rosetta sets, ${dictionary.concepts.length} concepts`);
}
