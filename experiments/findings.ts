// What the networks of the zoo have in common, and what that is good for: mines the zoo and its untrained twins, asks which
// pairs hold on photos, inverts photos with and without pairs, edits, and writes a document of numbers and pictures.
// Every stage keeps its result in --out: an interrupted run goes on, and only what depends on a change is measured again.
// usage: npm run experiment findings -- [--zoo DIR] [--data PHOTOS] [--judge FILE] [--out DIR] [--write FILE] [--only STAGE,...]
//        [--samples N] [--mined N] [--photos N] [--edits N] [--steps N] [--starts N] [--truncation N] [--generators NAME,...]

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import type { Encoder, Generator } from 'rosetta-neurons/zoo';
import { loadModel } from 'rosetta-neurons/zoo/node';
import { mineOnPhotos, mineTwins, mineZoo, readRun, type Run } from './findings/counts.ts';
import { editSamples, type StageOptions } from './findings/edits.ts';
import { invertPhotos } from './findings/inversion.ts';
import { writeFindings } from './findings/page/page.ts';
import type { EditsResult, FindingsOptions, InversionResult, Timed } from './findings/results.ts';
import { fileHash, loadZoo, readPhotos, resultFolder, tell } from './findings/stages.ts';

const measuredStages = ['counts', 'twins', 'photos', 'inversion', 'edits'] as const;
type Stage = (typeof measuredStages)[number];
const stages: readonly string[] = [...measuredStages, 'write'];
const { values } = parseArgs({
  options: {
    zoo: { type: 'string', default: 'zoo' },
    data: { type: 'string', default: '../shared/data/cifar10-test.tar.gz' },
    judge: { type: 'string', default: '../shared/checkpoints/cifar-resnets/resnet56-4bfd9763.th' },
    out: { type: 'string', default: join(tmpdir(), 'rosetta-findings') },
    write: { type: 'string', default: 'docs/findings.md' },
    only: { type: 'string', default: stages.join(',') },
    /** What is mined: samples of each generator, and photos. */
    samples: { type: 'string', default: '400' },
    mined: { type: 'string', default: '1000' },
    /** Photos that are inverted, images that are edited, of each generator. */
    photos: { type: 'string', default: '100' },
    edits: { type: 'string', default: '10' },
    steps: { type: 'string', default: '120' },
    starts: { type: 'string', default: '2' },
    truncation: { type: 'string', default: '1' },
    generators: { type: 'string' },
  },
});
const chosen = values.only.split(',');
const unknown = chosen.find((stage) => !stages.includes(stage));
if (unknown !== undefined) fail(`there is no stage ${unknown}; the stages are ${stages.join(', ')}`);
const options: FindingsOptions = {
  data: values.data,
  samples: Number(values.samples),
  mined: Number(values.mined),
  photos: Number(values.photos),
  edits: Number(values.edits),
  steps: Number(values.steps),
  starts: Number(values.starts),
  truncation: Number(values.truncation),
};

const engine = nodeEngine();
const zoo = await loadZoo(values.zoo);
if (!zoo.generators.length || zoo.encoders.length < 2) {
  const found = [...zoo.encoders, ...zoo.generators].map(({ name }) => name).join(', ') || 'nothing';
  fail(
    `${values.zoo} must hold at least two encoders and a generator, NAME.json beside its weights; it holds ${found}`,
  );
}
const asked = values.generators?.split(',');
const generators = zoo.generators.filter(({ name }) => !asked || asked.includes(name));
const results = resultFolder(values.out);

/** What the stages depend on: a change of it measures them, and what follows from them, again. */
const mining = { zoo: zoo.hashes, samples: options.samples, truncation: options.truncation };
const judged = () => ({ ...mining, judge: fileHash(values.judge), steps: options.steps });
const depends: Readonly<Record<Stage, () => unknown>> = {
  counts: () => mining,
  twins: () => mining,
  photos: () => ({ ...mining, data: fileHash(values.data), mined: options.mined }),
  inversion: () => ({ ...judged(), data: fileHash(values.data), photos: options.photos, starts: options.starts }),
  edits: () => ({ ...judged(), edits: options.edits }),
};

/** The result of a stage: as it was kept; measured, if the stage is asked for; or undefined. */
async function stage<T extends Timed>(name: Stage, measure: () => Promise<T>): Promise<T | undefined> {
  const kept = results.read<T>(name, depends[name]());
  if (kept || !chosen.includes(name)) return kept;
  const result = await measure();
  tell(`${name}: ${result.seconds.toFixed(0)} s`, true);
  return results.keep(name, depends[name](), result);
}

/** The same for stages that have a result for each generator and go on where they were; `complete` tells the finished. */
async function stageOfEach<T extends Timed>(
  name: Stage,
  run: Run,
  judge: Encoder,
  complete: (result: T) => boolean,
  measure: (given: StageOptions<T>) => Promise<T>,
): Promise<Record<string, T>> {
  const all: Record<string, T> = {};
  for (const generator of generators) {
    const file = `${name}-${generator.name}`;
    let result = results.read<T>(file, depends[name]());
    if (chosen.includes(name) && !(result && complete(result))) {
      const keep = (partial: T) => results.keep(file, depends[name](), partial);
      result = await measure({ engine, generator, encoders: zoo.encoders, judge, options, ...run, done: result, keep });
      tell(`${file}: ${result.seconds.toFixed(0)} s`, true);
    }
    if (result) all[generator.name] = result;
  }
  return all;
}

const counts = await stage('counts', () => mineZoo({ engine, zoo, options, folder: values.out }));
if (!counts) fail(`the zoo is not mined in ${values.out}; run the stage counts first`);
const run = await readRun(values.out);
const twins = await stage('twins', () => mineTwins({ engine, zoo, options, dictionary: run.dictionary }));
const photos = await stage('photos', () => mineOnPhotos({ engine, zoo, options, dictionary: run.dictionary }));
if (!['inversion', 'edits', 'write'].some((name) => chosen.includes(name))) process.exit();
const { model: judge } = await loadModel(values.judge, { name: 'judge', taps: ['layer1', 'layer2', 'layer3'] });
if (judge.kind !== 'encoder') fail(`${values.judge} is a generator; the judge must be an encoder`);
const inversion = await stageOfEach<InversionResult>(
  'inversion',
  run,
  judge,
  ({ rows, none }) => none !== undefined || rows.length >= options.photos,
  async (given) => {
    const size = given.generator.card.latent;
    return invertPhotos({ ...given, photos: await readPhotos(options.data, options.photos, 1, size) });
  },
);
const edits = await stageOfEach<EditsResult>(
  'edits',
  run,
  judge,
  ({ samples, none }) => none !== undefined || samples.length >= options.edits,
  editSamples,
);
if (chosen.includes('write')) {
  const { classes } = await readPhotos(options.data, 1, 1, { height: 32, width: 32 });
  const found = { dictionary: run.dictionary, counts, twins, photos, inversion, edits };
  await writeFindings({ path: values.write, options, found, classes, sizes: sizesOf(zoo.generators) });
  console.log(values.write);
}

function sizesOf(all: readonly Generator[]) {
  return Object.fromEntries(
    all.map(({ name, card: { latent } }) => [name, { height: latent.height, width: latent.width }]),
  );
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
