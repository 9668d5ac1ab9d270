// Mining on another device than the CPU: the same run on both, with times and what differs.
//
//   npm run bench device -- DEVICE PHOTOS [--samples 200] [--models NAME,...] [--scores exact|screened]
//
// DEVICE is webgpu, cuda, coreml or dml, as --device takes it. Shipped encoders, the null and both halves.

import { parseArgs } from 'node:util';
import { mine, type Dictionary } from 'rosetta-neurons';
import { openPhotos } from 'rosetta-neurons/images/node';
import { devices, type Device } from 'rosetta-neurons/runtime';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import type { Model } from 'rosetta-neurons/zoo';
import { loadModel } from 'rosetta-neurons/zoo/node';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    samples: { type: 'string', default: '200' },
    models: { type: 'string', default: 'class-resnet,dino-resnet,dino-vit,mae-vit,clip-resnet' },
    scores: { type: 'string', default: 'exact' },
  },
});
const device = devices.find((name) => name === positionals[0]);
const photoPath = positionals[1];
if (!device || !photoPath) {
  console.error(`usage: npm run bench device -- DEVICE PHOTOS, where DEVICE is one of ${devices.join(', ')}`);
  process.exit(2);
}

const models: Model[] = [];
for (const name of values.models.split(',')) {
  models.push((await loadModel(new URL(`../zoo/${name}.json`, import.meta.url).pathname, { name })).model);
}

async function run(on: Device) {
  const photos = await openPhotos(photoPath, {
    samples: Number(values.samples),
    fallback: { height: 32, width: 32 },
  });
  const start = performance.now();
  let networks = 0;
  let last = start;
  const dictionary = await mine({
    engine: nodeEngine({ device: on }),
    models,
    images: photos,
    scores: values.scores === 'screened' ? 'screened' : 'exact',
    memory: 3 * 2 ** 30,
    onProgress({ stage }) {
      const now = performance.now();
      if (stage === 'correlating') networks += (now - last) / 1000;
      last = now;
    },
  });
  await photos.close();
  console.log(
    `${on}: ${((performance.now() - start) / 1000).toFixed(1)} s in all, ${networks.toFixed(1)} s of them correlating`,
  );
  return { dictionary, networks };
}

const own = await run('cpu');
const other = await run(device);
console.log(`${device} takes ${(other.networks / own.networks).toFixed(2)} times the time of the CPU to correlate`);
console.log(
  '| models | pairs | q < 0.01 | replicated | in both | largest difference of r |\n|---|---|---|---|---|---|',
);
const key = ({ a, b }: Dictionary['pairs'][number]['pairs'][number]) => `${a} ${b}`;
own.dictionary.pairs.forEach((list, i) => {
  const found = new Map(other.dictionary.pairs[i].pairs.map((pair) => [key(pair), pair.r]));
  const shared = list.pairs.flatMap((pair) => {
    const r = found.get(key(pair));
    return r === undefined ? [] : [Math.abs(r - pair.r)];
  });
  const both = (name: 'pairs' | 'significant' | 'replicated') =>
    `${list.counts[name]}, ${other.dictionary.pairs[i].counts[name]}`;
  const row = [list.models.join(' -- '), both('pairs'), both('significant'), both('replicated'), shared.length];
  console.log(`| ${row.join(' | ')} | ${Math.max(0, ...shared).toExponential(0)} |`);
});
