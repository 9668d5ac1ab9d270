// Screened scores against exact ones on real networks: what a dictionary takes from them, pair of models by pair.
//
//   npm run bench screening -- PHOTOS [--checkpoints FOLDER] [--samples 400] [--models NAME,...] [--only zoo|twins|checkpoints]
//
// zoo: encoders that are shipped, over 400 photos; twins: the same networks untrained, among each other;
// checkpoints: all files of a folder, over 2,000 photos.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mine, type Dictionary } from 'rosetta-neurons';
import { openPhotos } from 'rosetta-neurons/images/node';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import type { Model } from 'rosetta-neurons/zoo';
import { loadModel } from 'rosetta-neurons/zoo/node';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    checkpoints: { type: 'string' },
    samples: { type: 'string', default: '400' },
    models: { type: 'string', default: 'class-resnet,dino-resnet,dino-vit,mae-vit,clip-resnet' },
    memory: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
});
const [photoPath] = positionals;
if (!photoPath) {
  console.error('usage: npm run bench screening -- PHOTOS [--checkpoints FOLDER]; --help tells the rest');
  process.exit(2);
}

type Scores = 'exact' | 'screened';

async function run(models: readonly Model[], samples: number, scores: Scores) {
  const photos = await openPhotos(photoPath, { samples, fallback: { height: 32, width: 32 } });
  const start = performance.now();
  const memory = Number(values.memory) * 2 ** 30;
  const dictionary = await mine({ engine: nodeEngine(), models, images: photos, scores, memory });
  await photos.close();
  return { dictionary, seconds: (performance.now() - start) / 1000 };
}

async function compare(name: string, models: readonly Model[], samples: number): Promise<void> {
  const exact = await run(models, samples, 'exact');
  const screened = await run(models, samples, 'screened');
  const report = screened.dictionary.screening;
  if (!report) throw new Error('the run was not screened');
  const { audit, candidates, unsure, width } = report;
  console.log(
    `\n${name}, ${samples} photos: exact ${exact.seconds.toFixed(0)} s, screened ${screened.seconds.toFixed(0)} s`,
  );
  console.log(
    `sketches of ${width}; ${candidates} candidates; ${unsure} unsure; audit: ${audit.found} of ${audit.units} ` +
      `(${audit.interval.join(' to ')}), largest error ${audit.largestError.toFixed(1)} deviations`,
  );
  console.log(
    '| models | pairs | q < 0.01 | replicated | missed | added | largest difference of r | of q, where q < 0.05 |',
  );
  console.log('|---|---|---|---|---|---|---|---|');
  exact.dictionary.pairs.forEach((list, i) => print(list, screened.dictionary.pairs[i]));
  const counts = ({ setCounts }: Dictionary) =>
    Object.entries(setCounts)
      .map(([anchor, count]) => `${anchor || 'none'} ${count}`)
      .join(', ');
  console.log(`sets: ${counts(exact.dictionary)}; screened: ${counts(screened.dictionary)}`);
}

type List = Dictionary['pairs'][number];

function print(exact: List, screened: List): void {
  const key = ({ a, b }: List['pairs'][number]) => `${a} ${b}`;
  const known = new Map(exact.pairs.map((pair) => [key(pair), pair]));
  let [r, q, common] = [0, 0, 0];
  for (const pair of screened.pairs) {
    const other = known.get(key(pair));
    if (!other) continue;
    common++;
    r = Math.max(r, Math.abs(pair.r - other.r));
    if ((other.q ?? 1) < 0.05) q = Math.max(q, Math.abs((pair.q ?? 0) - (other.q ?? 0)));
  }
  const both = (name: 'pairs' | 'significant' | 'replicated') => {
    const [x, y] = [exact.counts[name], screened.counts[name]];
    return x === y ? String(x) : `${x}, screened ${y}`;
  };
  const row = [
    exact.models.join(' -- '), both('pairs'), both('significant'), both('replicated'),
    exact.pairs.length - common, screened.pairs.length - common, r.toExponential(0), q.toExponential(0),
  ]; // prettier-ignore
  console.log(`| ${row.join(' | ')} |`);
}

const load = async (files: readonly string[], nameOf: (file: string) => string) => {
  const models: Model[] = [];
  for (const file of files) models.push((await loadModel(file, { name: nameOf(file) })).model);
  return models;
};

if (values.only !== 'checkpoints') {
  const names = values.models.split(',');
  const files = names.map((name) => new URL(`../zoo/${name}.json`, import.meta.url).pathname);
  const zoo = await load(files, (file) => names[files.indexOf(file)]);
  if (values.only !== 'twins') await compare('shipped encoders', zoo, Number(values.samples));
  if (values.only !== 'zoo') await compare('untrained encoders', zoo.map((model) => model.twin(7)), Number(values.samples)); // prettier-ignore
}
if (values.checkpoints && (!values.only || values.only === 'checkpoints')) {
  const { checkpoints } = values;
  const files = readdirSync(checkpoints).filter((file) => file.endsWith('.th'));
  const models = await load(files.map((file) => join(checkpoints, file)), (file) => file.split('/').at(-1)?.split('-')[0] ?? file); // prettier-ignore
  await compare('four CIFAR ResNets', models, 2000);
}
