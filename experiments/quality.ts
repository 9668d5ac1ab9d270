// How good the networks of the zoo are, beside baselines: what encoders tell of photos, and how generated images lie among
// photos. Needs the archives of CIFAR-10, and for generators a judge that took no part in any training: the ResNet-56 of
// github.com/akamaster/pytorch_resnet_cifar10. Every network has a row of its untrained twin beside it.
// usage: npm run experiment quality -- [--zoo DIR] [--data DIR] [--judge FILE] [--only NAME,...] [--train N] [--test N]
//        [--samples N] [--out FILE]

import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadTensors } from 'rosetta-neurons/checkpoint/node';
import type { Float32Tensor } from 'rosetta-neurons/graph';
import { chooseSamples, generatedSource, type ImageSource } from 'rosetta-neurons/images';
import { loadPixels, type LabelledPixels } from 'rosetta-neurons/images/node';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import type { Encoder, Generator, Model } from 'rosetta-neurons/zoo';
import { loadModel } from 'rosetta-neurons/zoo/node';
import {
  classFeatures,
  cosines,
  features,
  frechetDistance,
  gaussianOf,
  largest,
  linearProbe,
  manifoldOf,
  nearestNeighbours,
  photoSource,
  pixelFeatures,
  precisionRecall,
  recallAt,
  top1Accuracy,
  noun,
  templates,
  type Readout,
} from 'rosetta-neurons/training';
import type { ImageQuality, Measured, QualityEntry, Results, Sorted } from './quality/results.ts';

const { values } = parseArgs({
  options: {
    zoo: { type: 'string', default: 'zoo' },
    data: { type: 'string', default: '../shared/data' },
    judge: { type: 'string', default: '../shared/checkpoints/cifar-resnets/resnet56-4bfd9763.th' },
    only: { type: 'string' },
    train: { type: 'string', default: '50000' },
    test: { type: 'string', default: '10000' },
    samples: { type: 'string', default: '10000' },
    out: { type: 'string', default: 'docs/quality.json' },
  },
});
const engine = nodeEngine();
const twinSeed = 1;
const samples = Number(values.samples);
const percent = (fraction: number | undefined) => (fraction === undefined ? '' : (100 * fraction).toFixed(2));
const only = values.only?.split(',');

/** Results by network; those of an earlier run with other networks stay. */
const results = (existsSync(values.out) ? JSON.parse(readFileSync(values.out, 'utf8')) : {}) as Results;
function keep(name: string, result: QualityEntry): void {
  results[name] = result;
  writeFileSync(values.out, `${JSON.stringify(results, null, 2)}\n`);
}

async function photosOf(part: 'train' | 'test'): Promise<LabelledPixels> {
  const path = join(values.data, `cifar10-${part}.tar.gz`);
  const all = await loadPixels(path, { size: { height: 32, width: 32 }, strict: true });
  const chosen = chooseSamples(all.n, Number(values[part]), 0);
  const length = 3 * all.height * all.width;
  const pixels = new Uint8Array(chosen.length * length);
  chosen.forEach((i, row) => pixels.set(all.pixels.subarray(i * length, (i + 1) * length), row * length));
  const labels = Int32Array.from(chosen, (i) => all.labels[i]);
  return { ...all, pixels, labels, names: chosen.map((i) => all.names[i]), n: chosen.length };
}

const names = readdirSync(values.zoo)
  .filter((file) => file.endsWith('.json') && existsSync(join(values.zoo, file.replace(/json$/, 'safetensors'))))
  .map((file) => file.slice(0, -5))
  .filter((name) => !only || only.includes(name));
const missing = only?.find((name) => !names.includes(name));
if (missing !== undefined) {
  console.error(`${values.zoo} has no network ${missing}`);
  process.exit(2);
}
const networks: Model[] = [];
for (const name of names) {
  networks.push((await loadModel(join(values.zoo, `${name}.json`), { name, taps: ['**'] })).model);
}
const encoders = networks.filter((model): model is Encoder => model.kind === 'encoder');
const generators = networks.filter((model): model is Generator => model.kind === 'generator');

console.error('reading photos ...');
const [train, test] = [await photosOf('train'), await photosOf('test')];
const classes = test.classes;

if (encoders.length) await measureEncoders();
if (generators.length) await measureGenerators();

/** A network, and the same architecture with fresh weights. */
const withTwin = <M extends Encoder | Generator>(model: M) =>
  [
    ['trained', model],
    ['untrained', model.twin(twinSeed) as M],
  ] as const;

async function measureEncoders() {
  console.log(`\nEncoders: ${test.n} test photos, sorted by ${train.n} training photos; % right`);
  console.log('| network | features | length | k-NN | linear probe | own classes |');
  console.log(`|${'---|'.repeat(6)}`);
  const pixels = await sorted(
    { features: { pixels: pixelFeatures(train) } },
    { features: { pixels: pixelFeatures(test) } },
  );
  print('none', pixels);
  keep('pixels', { train: train.n, test: test.n, features: pixels });
  for (const model of encoders) {
    const text = model.card.architecture === 'clip-resnet' ? await textOf(model.name) : undefined;
    const both: Partial<Record<'trained' | 'untrained', Measured>> = {};
    for (const [key, network] of withTwin(model)) {
      const [known, asked] = [await read(network, train), await read(network, test)];
      const found = await sorted(known, asked);
      const own = asked.logits ?? (text && cosines(asked.features['joint space'], text.classes));
      const top1 = own && top1Accuracy(largest(own), test.labels);
      print(network.name, found, top1);
      const recall = text && recallAt(cosines(asked.features['joint space'], text.nouns), text.own, [1, 5]);
      both[key] = {
        features: found,
        ...(own && { top1 }),
        ...(recall && {
          captions: { of: text.count, at1: recall[0], at5: recall[1], commonest: text.commonest },
        }),
      };
    }
    keep(model.name, { train: train.n, test: test.n, ...both });
    if (text) {
      const said = (of: Measured | undefined) =>
        `R@1 ${percent(of?.captions?.at1)} %, R@5 ${percent(of?.captions?.at5)} %`;
      console.error(
        `${model.name}: own noun among ${text.count}: ${said(both.trained)}; untrained ${said(both.untrained)}; ` +
          `always the commonest nouns ${percent(text.commonest[0])} %, ${percent(text.commonest[1])} %`,
      );
    }
  }
}

/** Which features of a network are measured, by name, and whether its output are logits. */
function readoutsOf({ card: { architecture, config } }: Encoder): Record<string, Readout> {
  if (architecture === 'vit') return { 'class token': 'output', 'mean of patches': { pooled: 'norm' } };
  const stage = {
    pooled: `${architecture === 'clip-resnet' ? 'visual.' : ''}layer${(config as { depths: readonly number[] }).depths.length}`,
  };
  return architecture === 'clip-resnet' ? { 'joint space': 'output', 'last stage': stage } : { 'last stage': stage };
}

interface Read {
  readonly features: Readonly<Record<string, Float32Tensor>>;
  readonly logits?: Float32Tensor;
}

async function read(model: Encoder, photos: LabelledPixels): Promise<Read> {
  const readouts: Record<string, Readout> = { ...readoutsOf(model), output: 'output' };
  const { output, ...found } = await features({ engine, model, images: photoSource(photos), readouts });
  const logits = model.card.architecture === 'resnet' && output.shape[1] === classes.length ? output : undefined;
  return { features: found, logits };
}

/** Share that is right, by features: of nearest neighbours, and of a linear probe. */
async function sorted(known: Read, asked: Read): Promise<Record<string, Sorted>> {
  const shares: Record<string, Sorted> = {};
  for (const [name, rows] of Object.entries(known.features)) {
    const options = {
      engine,
      train: { features: rows, labels: train.labels },
      test: asked.features[name],
      classes: classes.length,
    };
    const knn = top1Accuracy(await nearestNeighbours(options), test.labels);
    const probe = top1Accuracy((await linearProbe(options)).predicted, test.labels);
    shares[name] = { length: rows.shape[1], knn, probe };
  }
  return shares;
}

function print(network: string, found: Readonly<Record<string, Sorted>>, top1?: number): void {
  for (const [name, { length, knn, probe }] of Object.entries(found)) {
    console.log(`| ${[network, name, length, percent(knn), percent(probe), percent(top1)].join(' | ')} |`);
    top1 = undefined;
  }
}

/** Features of the classes' names, and of the nouns of all test photos, by CLIP's text tower. */
async function textOf(name: string) {
  const { file } = JSON.parse(readFileSync(join(values.zoo, `${name}.json`), 'utf8')) as { file: string };
  const tensors = await loadTensors(join(values.zoo, file));
  const found = test.names.map(noun);
  const nouns = [...new Set(found)].sort();
  const own = found.map((caption) => nouns.indexOf(caption));
  const counts = nouns.map((_, i) => own.filter((at) => at === i).length).sort((a, b) => b - a);
  const fraction = (k: number) => counts.slice(0, k).reduce((sum, count) => sum + count, 0) / own.length;
  return {
    classes: await classFeatures(engine, tensors, classes, templates),
    nouns: await classFeatures(engine, tensors, nouns, templates),
    own,
    count: nouns.length,
    commonest: [fraction(1), fraction(5)],
  };
}

async function measureGenerators() {
  const { model: judge } = await loadModel(values.judge, { name: 'judge', taps: ['layer3'] });
  if (judge.kind !== 'encoder') throw new Error(`${values.judge} is a generator; the judge must be an encoder`);
  const judged = (images: ImageSource) =>
    features({ engine, model: judge, images, readouts: { logits: 'output', pooled: { pooled: 'layer3' } } });
  const photos = await judged(photoSource(test));
  const [real, realManifold] = [gaussianOf(photos.pooled), manifoldOf(photos.pooled)];
  const row = async (name: string, images: ImageSource, asked?: ArrayLike<number>): Promise<ImageQuality> => {
    const { logits, pooled } = await judged(images);
    const result = {
      images: pooled.shape[0],
      frechet: frechetDistance(real, gaussianOf(pooled)),
      ...precisionRecall(realManifold, manifoldOf(pooled)),
      ...(asked && { accuracy: top1Accuracy(largest(logits), asked) }),
    };
    const { frechet, precision, recall } = result;
    const cells = [frechet.toFixed(3), percent(precision), percent(recall), percent(result.accuracy)];
    console.log(`| ${[name, ...cells].join(' | ')} |`);
    return result;
  };

  console.log(
    `\nGenerators: ${samples} samples against ${test.n} test photos, by the ${photos.pooled.shape[1]} pooled features of ResNet-56 ` +
      '(distances are not those of Inception-v3); % but for the distance',
  );
  console.log('| images | Fréchet distance | precision | recall | classified as the class asked for |');
  console.log(`|${'---|'.repeat(5)}`);
  const some = chooseSamples(train.n, samples, 1);
  const photoLabels = some.map((i) => train.labels[i]);
  const reference = await row('training photos', { ...photoSource(train), samples: some }, photoLabels);
  keep('training photos', { test: test.n, ...reference });
  for (const model of generators) {
    const both: Partial<Record<'trained' | 'untrained', Measured>> = {};
    for (const [key, network] of withTwin(model)) {
      const source = generatedSource(network, { samples, truncation: 1 });
      const { classes: drawn } = source.generated.latents(Array.from({ length: samples }, (_, i) => i));
      const conditional = network.card.latent.classes === classes.length;
      both[key] = await row(network.name, source, conditional ? drawn.map((k) => k ?? -1) : undefined);
    }
    keep(model.name, { test: test.n, ...both });
  }
}
