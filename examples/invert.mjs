// Inverts a photo into a generator by the pairs of a run.
//
//   node examples/invert.mjs RUN GENERATOR=CHECKPOINT ENCODER=CHECKPOINT PHOTO OUT.png
//
// The names must be those that the run was mined with.

import { readFile, writeFile } from 'node:fs/promises';
import { decodeImage, encodePng } from 'rosetta-neurons/images/node';
import { readDictionary, readMoments } from 'rosetta-neurons/mining';
import { nodeEngine, nodeFolder } from 'rosetta-neurons/runtime/node';
import { guidingPairs, invert, photoTargets } from 'rosetta-neurons/synthesis';
import { loadModel } from 'rosetta-neurons/zoo/node';

const [run, generatorPath, encoderPath, photo, out] = process.argv.slice(2);
if (!out) {
  console.error('usage: node examples/invert.mjs RUN GENERATOR=CHECKPOINT ENCODER=CHECKPOINT PHOTO OUT.png');
  process.exit(2);
}
const load = async (text) => {
  const [name, path] = text.split(/=(.*)/s);
  return (await loadModel(path, { name })).model;
};

const engine = nodeEngine();
const [generator, encoder] = [await load(generatorPath), await load(encoderPath)];
const folder = nodeFolder(run);
const [dictionary, moments] = [await readDictionary(folder, run), await readMoments(folder, run)];

// The photo at the size of the generator's images, as a batch of one.
const { height, width } = generator.card.latent;
const { data } = await decodeImage(await readFile(photo), { height, width });
const picture = { dtype: 'float32', shape: [1, 3, height, width], data };

const { pairs } = guidingPairs(dictionary, generator.name, { guides: [encoder.name] });
const targets = await photoTargets({ engine, encoders: [encoder], images: picture, pairs, generator, moments });

const { image, before, after, metrics } = await invert({
  engine,
  generator,
  targets,
  pairs,
  picture,
  weights: { rosetta: 1, pixel: 10 },
  onProgress: ({ stage, done, total }) => process.stderr.write(`\r${stage}: ${done} of ${total}   `),
});
console.log(
  `\n${pairs.length} pairs: r ${before.mean.toFixed(3)} -> ${after.mean.toFixed(3)}, PSNR ${metrics.psnr.toFixed(1)} dB`,
);
await writeFile(out, await encodePng(image.data, height, width));
