// Mines two networks over a folder of photos and prints the ten best pairs.
//
//   node examples/mine.mjs PHOTOS FIRST_CHECKPOINT SECOND_CHECKPOINT [RUN_FOLDER]

import { mine } from 'rosetta-neurons';
import { openPhotos } from 'rosetta-neurons/images/node';
import { nodeEngine, nodeFolder } from 'rosetta-neurons/runtime/node';
import { loadModel } from 'rosetta-neurons/zoo/node';

const [photoPath, first, second, folder] = process.argv.slice(2);
if (!second) {
  console.error('usage: node examples/mine.mjs PHOTOS FIRST_CHECKPOINT SECOND_CHECKPOINT [RUN_FOLDER]');
  process.exit(2);
}

const { model: a } = await loadModel(first, { name: 'a' });
const { model: b } = await loadModel(second, { name: 'b' });
const photos = await openPhotos(photoPath, { samples: 500, fallback: a.card.input });

const dictionary = await mine({
  engine: nodeEngine(),
  models: [a, b],
  images: photos,
  folder: folder ? nodeFolder(folder) : undefined,
  onProgress: ({ stage, done, total }) => process.stderr.write(`\r${stage} ${done}/${total}   `),
});
await photos.close();

const [{ pairs, counts }] = dictionary.pairs;
console.log(
  `\n${counts.pairs} pairs, ${counts.significant} with q < 0.01, ${counts.replicated} of these found by both halves`,
);
for (const pair of pairs.slice(0, 10)) {
  console.log(`${pair.r.toFixed(3)} (${pair.rNull?.toFixed(3)} under the null)  ${pair.a}  ${pair.b}`);
}
