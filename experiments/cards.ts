// The cards of the shipped zoo: puts what `npm run experiment quality` measured into the cards, and writes the page of the zoo,
// with goals, contact sheets (`npm run experiment contact-sheets`) and recipes.
// usage: npm run experiment cards -- [--zoo DIR] [--quality FILE] [--out FILE]

import { existsSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { loadTensors } from 'rosetta-neurons/checkpoint/node';
import type { Measured, Results } from './quality/results.ts';
import { table } from './findings/statistics.ts';

const { values } = parseArgs({
  options: {
    zoo: { type: 'string', default: 'zoo' },
    quality: { type: 'string', default: 'docs/quality.json' },
    out: { type: 'string', default: 'docs/zoo.md' },
  },
});

const photos = 50000;

/** What each network was to reach, by a measure of its card. */
const goals: Readonly<Record<string, readonly [measure: string, goal: number] | undefined>> = {
  'class-resnet': ['top-1, % of test photos', 90],
  'dino-resnet': ['k-NN by last stage, % of test photos', 65],
  'dino-vit': ['k-NN by class token, % of test photos', 65],
  'mae-vit': ['linear probe of mean of patches, % of test photos', 60],
  'clip-resnet': ['zero-shot top-1, % of test photos', 80],
  biggan: ['samples classified as the class asked for, %', 80],
  'stylegan-xl': ['samples classified as the class asked for, %', 80],
};

/** What is read of a card and a recipe; the rest is passed on. */
interface Card {
  readonly name: string;
  readonly file: string;
  readonly task: string;
  readonly supervision: string;
  readonly source: string;
  readonly paper?: string;
  quality?: readonly Quality[];
}
interface Quality {
  readonly measure: string;
  readonly value: number;
  readonly untrained?: number;
}
interface RecipeFacts {
  readonly architecture: { readonly classes?: number };
  readonly schedule: { readonly batch: number; readonly epochs: number };
}
interface Network {
  readonly card: Omit<Card, 'file'>;
  readonly quality: readonly Quality[];
  /** Of weights. */
  readonly numbers: number;
  readonly bytes: number;
  readonly recipe: RecipeFacts;
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));
const percent = (fraction: number) => round(100 * fraction, 2);
const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

/** What was measured of a network, or of its untrained twin, by measure. */
function measuresOf(
  name: string,
  { features = {}, top1, captions, frechet, precision = NaN, recall = NaN, accuracy }: Measured,
): Record<string, number> {
  const found: Record<string, number> = {};
  if (top1 !== undefined) {
    found[`${name === 'clip-resnet' ? 'zero-shot top-1' : 'top-1'}, % of test photos`] = percent(top1);
  }
  for (const [feature, { knn, probe }] of Object.entries(features)) {
    found[`k-NN by ${feature}, % of test photos`] = percent(knn);
    found[`linear probe of ${feature}, % of test photos`] = percent(probe);
  }
  if (captions) {
    found[`own noun among ${captions.of}, % of test photos`] = percent(captions.at1);
    found[`own noun among the first 5 of ${captions.of}, % of test photos`] = percent(captions.at5);
  }
  if (frechet !== undefined) {
    found['Fréchet distance by ResNet-56'] = round(frechet, 3);
    found['precision by ResNet-56, %'] = percent(precision);
    found['recall by ResNet-56, %'] = percent(recall);
  }
  if (accuracy !== undefined) found['samples classified as the class asked for, %'] = percent(accuracy);
  return found;
}

/** A file is whole or as it was. */
function write(path: string, text: string): void {
  writeFileSync(`${path}.part`, text);
  renameSync(`${path}.part`, path);
}

const measured = json(values.quality) as Results;
const names = readdirSync(values.zoo)
  .filter((file) => file.endsWith('.safetensors'))
  .map((file) => file.replace(/\.safetensors$/, ''));
const networks: Network[] = [];
for (const name of names) {
  const path = join(values.zoo, `${name}.json`);
  const { file, ...card } = json(path) as Card;
  delete card.quality;
  const { trained, untrained } = measured[name] ?? {};
  const twin = untrained ? measuresOf(name, untrained) : {};
  const quality = Object.entries(trained ? measuresOf(name, trained) : {}).map(([measure, value]) => ({
    measure,
    value,
    ...(measure in twin && { untrained: twin[measure] }),
  }));
  write(path, `${JSON.stringify({ ...card, ...(quality.length && { quality }), file }, null, 2)}\n`);
  const weights = join(values.zoo, file);
  const tensors = [...(await loadTensors(weights)).values()];
  const numbers = tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  networks.push({
    card,
    quality,
    numbers,
    bytes: statSync(weights).size,
    recipe: json(recipePath(name)) as RecipeFacts,
  });
}
write(values.out, `${page().join('\n\n')}\n`);
console.log(`${values.out}: ${networks.length} networks, ${mega(networks.reduce((sum, { bytes }) => sum + bytes, 0))}`);

function recipePath(name: string): string {
  return join(values.zoo, 'recipes', `${name}.json`);
}

function mega(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function link(path: string): string {
  return relative(dirname(values.out), path).replaceAll('\\', '/');
}

function page(): string[] {
  const { pixels, 'training photos': photosAlone } = measured;
  const raw = pixels?.features?.pixels;
  const rows = networks.map(({ card, quality, numbers, bytes }) => {
    const [measure, goal] = goals[card.name] ?? [];
    const reached = quality.find((each) => each.measure === measure)?.value;
    return [
      `[${card.name}](#${card.name})`,
      card.supervision,
      `${(numbers / 1e6).toFixed(2)} M`,
      mega(bytes),
      measure ? `${measure}: **${reached ?? 'not measured'}**` : '',
      goal === undefined ? 'none' : `${goal}${reached === undefined ? '' : reached >= goal ? ', reached' : ', missed'}`,
    ];
  });
  return [
    '# The zoo',
    'The `zoo/` folder holds eight small networks, one for each model of the paper. `rosetta train` trained them on a CPU, on the ' +
      '50,000 training photos of CIFAR-10 at 32 x 32 pixels ([how](training.md)). They are **small stand-ins, not the published ' +
      'models**: they give a fresh machine trained networks to look at. Tensor names and layouts follow the official checkpoints, so ' +
      'the same code reads both. Every command takes the card that lies beside the weights: ' +
      '`rosetta mine --model zoo/class-resnet.json --generator zoo/biggan.json ...`.',
    '`npm run experiment quality` measures the numbers below and keeps them in [quality.json](quality.json); `npm run experiment ' +
      'cards` writes them into the cards and onto this page; `npm run experiment contact-sheets` makes the pictures. Photos are the ' +
      '10,000 test photos of CIFAR-10. The last column of each table shows the same architecture with fresh weights.',
    table(['network', 'supervision', 'weights', 'file', 'main measure', 'goal'], rows),
    ...(raw
      ? [
          `For comparison, on raw pixels the nearest neighbours are right for ${percent(raw.knn)} % of the test photos, and a ` +
            `linear probe for ${percent(raw.probe)} %.`,
        ]
      : []),
    ...(photosAlone
      ? [
          'The judge of the generators took no part in any training: a ResNet-56 of ' +
            '[akamaster/pytorch_resnet_cifar10](https://github.com/akamaster/pytorch_resnet_cifar10). In its 64 pooled features we compare ' +
            '10,000 samples with the test photos by Fréchet distance, precision and recall; do not compare these with numbers from ' +
            `Inception-v3. We also count the samples that it recognises as the class asked for. For ${(photosAlone.images ?? 0).toLocaleString('en')} ` +
            `training photos the four numbers are ${round(photosAlone.frechet ?? NaN, 3)}, ${percent(photosAlone.precision ?? NaN)} %, ${percent(photosAlone.recall ?? NaN)} % and ` +
            `${percent(photosAlone.accuracy ?? NaN)} %.`,
        ]
      : []),
    ...networks.flatMap(section),
  ];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function section({ card, quality, recipe }: Network): string[] {
  const { batch, epochs } = recipe.schedule;
  const seen = Math.floor(photos / batch) * batch * epochs;
  const sheet = join(dirname(values.out), 'images', `samples-${card.name}.png`);
  return [
    `## ${card.name}`,
    `${capital(card.source)}. Task: ${card.task}; supervision: ${card.supervision}. Paper: ${card.paper}. ` +
      `[Recipe](${link(recipePath(card.name))}): ${epochs} epochs, ${(Math.round(seen / 1e3) * 1e3).toLocaleString('en')} photos in batches of ${batch}.`,
    quality.length
      ? table(
          ['measure', 'trained', 'untrained'],
          quality.map(({ measure, value, untrained }) => [measure, value, untrained ?? '']),
        )
      : 'Not measured.',
    ...(existsSync(sheet)
      ? [
          `![Samples of ${card.name}](${link(sheet)})`,
          `*${recipe.architecture.classes ? 'One class per row, in the order of CIFAR-10: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck. ' : ''}The first samples of seed 0, unpicked.*`,
        ]
      : []),
  ];
}
