// A dictionary that could have been mined, made from a seed: models, pairs, sets, concepts, images and maps.
// Its numbers are plausible, not measured; nothing here tests the mining.

import type { ReportInput } from '../../src/report/index.ts';
import { exemplars, randomNumbers, type PictureOptions } from './scenes.ts';
import type {
  Concept,
  Dictionary,
  DictionaryModel,
  Pair,
  PairList,
  RosettaSet,
} from '../../src/mining/run/dictionary.ts';
import { unitName } from '../../src/mining/run/units.ts';

const zoo = [
  {
    name: 'resnet20',
    layers: [
      [16, 32],
      [32, 16],
      [64, 8],
    ],
    names: ['layer1', 'layer2', 'layer3'],
    task: 'classification',
    supervision: 'labels',
  },
  {
    name: 'vgg11_bn',
    layers: [
      [128, 16],
      [256, 8],
      [512, 4],
      [512, 2],
    ],
    names: ['features.6', 'features.13', 'features.20', 'features.27'],
    task: 'classification',
    supervision: 'labels',
  },
  {
    name: 'resnet50-dino',
    layers: [
      [256, 32],
      [512, 16],
      [1024, 8],
      [2048, 4],
    ],
    names: ['layer1', 'layer2', 'layer3.1', 'layer4'],
    task: 'representation',
    supervision: 'self-supervised, DINO',
  },
  {
    name: 'ddpm-unet',
    layers: [
      [128, 32],
      [256, 16],
      [256, 8],
      [256, 8],
      [256, 16],
    ],
    names: ['down.0', 'down.1', 'mid', 'up.1', 'up.2'],
    task: 'generation',
    supervision: 'denoising',
  },
] as const;

export interface FixtureOptions extends PictureOptions {
  readonly concepts: number;
  /** Number of models; beyond four, more of the same under other names. */
  readonly models?: number;
  /** Pairs of each two models. */
  readonly pairs?: number;
  readonly exemplars?: boolean;
  readonly twins?: boolean;
  readonly nullModel?: boolean;
  readonly seed?: number;
}

/** A whole run, as the report takes it. */
export function fixture(options: FixtureOptions): ReportInput {
  const random = randomNumbers(options.seed ?? 1);
  const between = (low: number, high: number) => low + (high - low) * random();
  const below = (n: number) => Math.floor(random() * n);
  const withNull = options.nullModel ?? true;

  const models = Array.from({ length: options.models ?? 4 }, (_, i): DictionaryModel => {
    const { name, layers, names, task, supervision } = zoo[i % zoo.length];
    const full = i < zoo.length ? name : `${name}-v${1 + Math.floor(i / zoo.length)}`;
    return model(full, 'zoo', full, names, layers, task, supervision);
  });
  const twins = options.twins
    ? models.map((trained) => ({
        ...trained,
        name: `${trained.name}-untrained`,
        role: 'twin' as const,
        twinOf: trained.name,
      }))
    : [];
  const unitsOf = new Map(
    [...models, ...twins].map(({ name, layers }) => [
      name,
      layers.flatMap(({ layer, channels }) => Array.from({ length: channels }, (_, i) => unitName(name, layer, i))),
    ]),
  );
  const anyUnit = (name: string) => {
    const units = unitsOf.get(name)!;
    return units[below(units.length)];
  };

  const pairList = (a: string, b: string, trained: boolean): PairList => {
    const others = [...unitsOf.get(b)!].map((unit) => ({ unit, key: random() })).sort((x, y) => x.key - y.key);
    const own = unitsOf.get(a)!;
    const wanted = options.pairs ?? Math.floor(Math.min(own.length, others.length) * 0.4);
    const pairs = Array.from({ length: wanted }, (_, i): Pair => {
      const r = trained ? 0.15 + 0.8 * random() ** 1.6 : 0.05 + 0.3 * random();
      const rNull = withNull ? between(-0.02, 0.15) : null;
      const q = withNull ? (r > 0.3 ? 10 ** -between(2, 12) : random() ** 2) : null;
      const replications = (r > 0.35 ? 2 : below(3)) as 0 | 1 | 2;
      return {
        a: own[i % own.length],
        b: others[(i * 7) % others.length].unit,
        r,
        rNull,
        excess: rNull === null ? null : r - rNull,
        q,
        rHeldOut: replications === 0 ? null : r - between(0, 0.06),
        replications,
      };
    });
    const significant = pairs.filter((pair) => pair.q !== null && pair.q < 0.01);
    const bins = 100;
    const best = new Array<number>(bins).fill(0);
    const nullBest = new Array<number>(bins).fill(0);
    const bin = (r: number) => Math.min(bins - 1, Math.max(0, Math.floor(((r + 1) / 2) * bins)));
    for (let i = 0; i < own.length + others.length; i++) {
      best[bin(trained ? 0.1 + 0.45 * random() + 0.4 * random() ** 3 : 0.05 + 0.3 * random())]++;
      nullBest[bin(0.02 + 0.14 * random() + 0.12 * random())]++;
    }
    return {
      models: [a, b],
      pairs,
      counts: {
        pairs: pairs.length,
        significant: significant.length,
        replicated: significant.filter((pair) => pair.replications === 2).length,
        expectedOfNoise: Math.round((own.length * others.length) / (own.length + others.length - 1)),
      },
      histogram: { bins, best, nullBest: withNull ? nullBest : [] },
    };
  };
  const pairs = models.flatMap((a, i) => models.slice(i + 1).map((b) => pairList(a.name, b.name, true)));
  for (const twin of twins) {
    for (const other of models) {
      if (`${other.name}-untrained` !== twin.name) pairs.push(pairList(other.name, twin.name, false));
    }
  }

  const sets: RosettaSet[] = [];
  const concepts: Concept[] = [];
  for (let i = 0; i < options.concepts; i++) {
    const size = 1 + Math.floor(6 * random() ** 4);
    const own = Array.from({ length: size }, (): RosettaSet => {
      const pairwise = Array.from({ length: (models.length * (models.length - 1)) / 2 }, () => between(0.3, 0.95));
      const r = pairwise.reduce((sum, value) => sum + value, 0) / pairwise.length;
      return {
        id: '',
        anchor: null,
        units: models.map(({ name }) => anyUnit(name)),
        r,
        excess: withNull ? r - between(0, 0.12) : null,
        rHeldOut: random() < 0.05 ? null : r - between(0, 0.05),
        q: withNull ? 10 ** -between(1, 9) : null,
        pairwise,
      };
    }).map((set, at) => ({ ...set, id: `s${sets.length + at}` }));
    sets.push(...own);
    concepts.push({
      id: Math.floor(random() * 2 ** 40)
        .toString(16)
        .padStart(10, '0'),
      sets: own.map(({ id }) => id),
      r: own[0].r,
    });
  }

  const dictionary: Dictionary = {
    schemaVersion: 3,
    program: { name: 'rosetta-neurons', version: '0.1.0' },
    created: '2025-01-02T03:04:05.000Z',
    score: 'pearson',
    options: { k: 1, setK: 5, anchors: [], seed: 0, nullModel: withNull, conceptThreshold: 0.5 },
    images: {
      source: 'cifar-10-test',
      count: 10000,
      sources: [{ source: 'cifar-10-test', count: 10000, height: 32, width: 32, generated: null }],
      sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      unreadable: [{ name: 'broken/0042.png', reason: 'the file ends after 512 of 3072 bytes' }],
    },
    models: [...models, ...twins],
    pairs,
    setCounts: { '': sets.length, ...Object.fromEntries(models.map(({ name }) => [name, sets.length + below(300)])) },
    sets,
    concepts,
  };
  if (options.exemplars === false) return { dictionary };
  return { dictionary, ...exemplars(dictionary, options, random) };
}

/** The same run with two models as anchors that are not correlated: sets have, in turn, no unit of the one or the other. */
export function withTwoAnchors(input: ReportInput, anchors: readonly [string, string]): ReportInput {
  const { dictionary } = input;
  const sets = dictionary.sets.map((set, i): RosettaSet => {
    const anchor = anchors[i % 2];
    const without = set.units.findIndex((unit) => unit.startsWith(`${anchors[1 - (i % 2)]}/`));
    const pairs = set.units.flatMap((_, a) => set.units.slice(a + 1).map((__, d) => [a, a + 1 + d]));
    const pairwise = set.pairwise.filter((_, p) => !pairs[p].includes(without));
    return { ...set, anchor, units: set.units.filter((_, m) => m !== without), pairwise };
  });
  return { ...input, dictionary: { ...dictionary, options: { ...dictionary.options, anchors }, sets } };
}

function model(
  name: string,
  role: 'zoo' | 'twin',
  cardName: string,
  names: readonly string[],
  layers: readonly (readonly [number, number])[],
  task: string,
  supervision: string,
): DictionaryModel {
  return {
    name,
    role,
    card: {
      name: cardName,
      architecture: name.split('-')[0],
      config: {},
      task,
      supervision,
      data: 'CIFAR-10 train',
      licence: 'MIT',
      source: 'https://example.org/models/' + name,
      input: {
        height: 32,
        width: 32,
        mean: [0.5, 0.5, 0.5],
        std: [0.25, 0.25, 0.25],
        resize: 'bilinear',
        antialias: true,
      },
      taps: names,
    },
    units: layers.reduce((sum, [channels]) => sum + channels, 0),
    layers: layers.map(([channels, size], i) => ({
      layer: names[i],
      channels,
      height: size,
      width: size,
      dead: i,
      constant: 0,
    })),
  };
}
