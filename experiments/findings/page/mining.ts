// The sections of the findings on mining: counts and controls, layers, photos.
// They measure nothing.

import { basename } from 'node:path';
import { parseUnit, type Dictionary, type DictionaryModel } from 'rosetta-neurons/mining';
import { holds } from '../counts.ts';
import type { PhotoResult, TwinResult } from '../results.ts';
import type { PageOptions } from './options.ts';
import { fixed, listed, median, percent, rankCorrelation, table, type Cell } from '../statistics.ts';

/** How many times as many pairs as with an untrained twin are asked for. */
const enough = 5;
const bins = 5;

const titleOf = (models: readonly string[]) => models.join(' -- ');
const isGenerator = ({ card }: DictionaryModel) => 'latent' in card;

function zooOf(dictionary: Dictionary) {
  const models = dictionary.models.filter(({ role }) => role === 'zoo');
  const byName = new Map(models.map((model) => [model.name, model]));
  return { models, byName, lists: dictionary.pairs.filter(({ models: two }) => two.every((name) => byName.has(name))) };
}

type Point = readonly [number, number];

/** What is known, or an error: the page is written from whole results only. */
function known<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what}`);
  return value;
}

export function countsSection({
  dictionary,
  twins,
}: Pick<PageOptions, 'dictionary'> & { readonly twins: TwinResult | undefined }): string {
  const { models, byName, lists } = zooOf(dictionary);
  const ownTwin = new Map(
    dictionary.pairs
      .filter(({ models: [a, b] }) => b === `${a}.untrained`)
      .map(({ models: [a], counts }) => [a, counts] as const),
  );
  const crossed = (a: string, b: string) =>
    twins?.counts.find(({ models: two }) => two[0] === a && two[1] === `${b}.untrained`)?.replicated ?? NaN;
  const beyond = new Map(twins?.beyond.map(({ models: two, pairs }) => [two.join(), pairs] as const));
  const rows = lists.map(({ models: [a, b], counts, pairs }) => {
    const kept = pairs.filter(holds);
    const own = [a, b].map((name) => known(ownTwin.get(name), `twin of ${name}`).replicated);
    const other = twins ? [crossed(a, b), crossed(b, a)] : own;
    const most = Math.max(...other);
    const unexplained = beyond.get([a, b].join()) ?? NaN;
    return {
      title: titleOf([a, b]),
      reached: counts.replicated > 0 && counts.replicated >= enough * most,
      above: counts.pairs > counts.expectedOfNoise,
      replicated: counts.replicated,
      generator: [a, b].findIndex((name) => isGenerator(known(byName.get(name), name))),
      /** Replicated pairs of one with the twin of the first, and of the other with that of the second. */
      twinOf: [crossed(b, a), crossed(a, b)] as const,
      unexplained,
      cells: [
        titleOf([a, b]),
        counts.pairs,
        counts.expectedOfNoise,
        counts.significant,
        counts.replicated,
        `${fixed(median(kept.map(({ r }) => r)), 2)} (${fixed(median(kept.map(({ rNull }) => rNull ?? NaN)), 2)})`,
        ...(twins ? [other.join(', ')] : []),
        own.join(', '),
        most ? fixed(counts.replicated / most, 1) : counts.replicated ? 'none to compare' : '–',
        ...(twins ? [`${unexplained} (${percent(unexplained / counts.replicated)})`] : []),
      ] satisfies Cell[],
    };
  });
  const good = rows.filter(({ reached }) => reached);
  const bad = rows.filter(({ reached }) => !reached);
  const names = (some: typeof rows) => listed(some.map(({ title }) => title));
  const head = ['networks', 'pairs', 'noise would give', 'q < 0.01', 'replicated', 'median r'];
  const sum = (key: 'replicated' | 'unexplained') => rows.reduce((total, row) => total + row[key], 0);
  return [
    '## How many units do two networks share?',
    '*pairs*: mutual nearest neighbours, beside what tables of pure noise would give. *q < 0.01*: those of them that stand out of the ' +
      'null, in which every image of one network meets another image of the other; of what passes, at most one in a hundred is ' +
      'expected to be chance. *replicated*: of these, chosen by both halves of the images; *median r* is theirs, in brackets that of the same units under the null. ' +
      (twins
        ? "*twins*: replicated pairs of the first network with the second's untrained twin (the same architecture, fresh weights), and of the second with the first's. "
        : '') +
      '*own twins*: of the first network with its own twin, and of the second with its own. ' +
      `*times*: replicated over the larger number of ${twins ? 'twins' : 'own twins'}. ` +
      (twins
        ? "*beyond twins*: replicated pairs whose r is higher than what either unit reaches with any unit of the other network's twin. "
        : '') +
      'Two generators make different images and are not compared.',
    table(
      [...head, ...(twins ? ['twins'] : []), 'own twins', 'times', ...(twins ? ['beyond twins'] : [])],
      rows.map(({ cells }) => cells),
    ),
    `At least ${enough} times as many replicated pairs as with a twin: ${good.length} of ${rows.length} pairs of networks. Fewer: ${names(bad)}.`,
    ...(twins
      ? [
          'Untrained networks are not blank slates: a random convolution or patch projection answers to brightness, colour and edges too, and at 32 x 32 pixels much of a map may be that. ' +
            'So the twins have pairs of their own, and a count of pairs cannot tell which of them training made. ' +
            `The control by unit can: of ${sum('replicated')} replicated pairs, ${sum('unexplained')} (${percent(sum('unexplained') / sum('replicated'))}) are more alike than either unit is with anything in the other's twin. That leans towards the pairs, which were chosen for their r: read it beside the counts.`,
          ...mixedText(rows.filter(({ generator }) => generator >= 0)),
        ]
      : []),
    `More mutual pairs than pure noise would give: ${rows.filter(({ above }) => above).length} of ${rows.length}. A count of pairs says ` +
      'little either way: units that are alike within a network compete, so that fewer become mutual. Trust the controls instead.',
    setsText(dictionary, models),
  ].join('\n\n');
}

/** What is said of the pairs of a generator and an encoder, where counts are small. */
function mixedText(
  rows: readonly { readonly generator: number; readonly twinOf: Point; readonly replicated: number }[],
): string[] {
  if (!rows.length) return [];
  const ofGenerator = Math.max(...rows.map(({ generator, twinOf }) => twinOf[generator]));
  const ofEncoder = Math.max(...rows.map(({ generator, twinOf }) => twinOf[1 - generator]));
  const counts = rows.map(({ replicated }) => replicated);
  return [
    `With a generator the counts are small: ${Math.min(...counts)} to ${Math.max(...counts)} replicated pairs (median ${median(counts)}). Encoders share ${ofGenerator ? `up to ${ofGenerator}` : 'none'} ` +
      `with the untrained twins of generators, but trained generators up to ${ofEncoder} with those of encoders: what a generator draws, an untrained encoder sees in part. ` +
      `A few pairs more or less decide here whether there are ${enough} times as many.`,
  ];
}

function setsText({ sets, concepts, options }: Dictionary, models: readonly DictionaryModel[]): string {
  const bySet = new Map(sets.map((set) => [set.id, set]));
  const anchorOf = (id: string) => bySet.get(id)?.anchor;
  const rows = options.anchors.map((anchor) => {
    const own = sets.filter((set) => set.anchor === anchor);
    const sure = own.filter(({ q }) => q !== null && q < 0.01);
    const theirs = concepts.filter(({ sets: ids }) => ids.some((id) => anchorOf(id) === anchor));
    return [
      anchor,
      own.length,
      sure.length,
      fixed(median(own.map(({ r }) => r)), 2),
      fixed(median(own.flatMap(({ rHeldOut }) => rHeldOut ?? [])), 2),
      theirs.length,
    ];
  });
  const shared = concepts.filter(({ sets: ids }) => new Set(ids.map(anchorOf)).size > 1).length;
  const encoders = models.filter((model) => !isGenerator(model)).length;
  return [
    '### Rosetta sets',
    `A set is a unit of a generator with one unit of each of the ${encoders} encoders that chose it. Sets whose units correlate make one concept.`,
    table(['anchor', 'sets', 'all of its pairs at q < 0.01', 'median r', 'median r, held out', 'concepts'], rows),
    `Concepts in all: ${concepts.length}; with sets of more than one generator: ${shared}.`,
  ].join('\n\n');
}

export function depthSection({ dictionary }: Pick<PageOptions, 'dictionary'>): string {
  const { byName, lists } = zooOf(dictionary);
  const depths = new Map(
    [...byName].map(([name, { layers }]) => [
      name,
      new Map(layers.map(({ layer }, i) => [layer, layers.length > 1 ? i / (layers.length - 1) : 0] as const)),
    ]),
  );
  const depthOf = (unit: string) => {
    const { model, layer } = parseUnit(unit);
    return known(depths.get(model)?.get(layer), `depth of ${unit}`);
  };
  const perPair = lists.map(({ models, pairs }) => {
    const kept = pairs.filter(holds);
    const points = kept.map(({ a, b }): Point => [depthOf(a), depthOf(b)]);
    const both = (k: 0 | 1) => points.map((point) => point[k]);
    return { models, points, rho: points.length > 2 ? rankCorrelation(both(0), both(1)) : NaN };
  });
  const withGenerator = ({ models }: (typeof perPair)[number]) =>
    models.some((name) => isGenerator(known(byName.get(name), name)));
  const [encoders, mixed] = [perPair.filter((pair) => !withGenerator(pair)), perPair.filter(withGenerator)];
  // Of two encoders none is first: each pair counts half in either order.
  const symmetric = encoders.flatMap(({ points }) =>
    points.flatMap(([x, y]): Point[] => [
      [x, y],
      [y, x],
    ]),
  );
  const generatorFirst = mixed.flatMap(({ models, points }) =>
    isGenerator(known(byName.get(models[0]), models[0])) ? points : points.map(([x, y]): Point => [y, x]),
  );
  const summary = (pairs: typeof perPair, way: 1 | -1) => {
    const some = pairs.filter(({ rho }) => !Number.isNaN(rho));
    const fits = some.filter(({ rho }) => way * rho > 0);
    return `${fits.length} of ${some.length} (median ${fixed(median(some.map(({ rho }) => rho)), 2)})`;
  };
  return [
    '## Which layers meet?',
    'Of the replicated pairs, the fraction by the relative depth of both units: 0 is the first mined layer, 1 the last; a generator ' +
      'begins at its latent and ends at the image. Every pair of units counts once, so that pairs of networks that share much weigh more.',
    '**Two encoders** (in either order):',
    heat(symmetric),
    '**A generator (rows) and an encoder (columns):**',
    heat(generatorFirst),
    `If like depth meets like depth, the depths of a pair of encoders correlate positively; they do, by ranks, in ${summary(encoders, 1)}. ` +
      `If a generator goes the encoder's way backwards, theirs correlate negatively; they do in ${summary(mixed, -1)}.`,
    table(
      ['networks', 'replicated', 'rank correlation of depths'],
      perPair.map(({ models, points, rho }) => [titleOf(models), points.length, fixed(rho, 2)]),
    ),
  ].join('\n\n');
}

/** A table of fractions of points in [0, 1] x [0, 1]; those of at least half the largest are in bold. */
function heat(points: readonly Point[]): string {
  const cellOf = (depth: number) => Math.min(bins - 1, Math.floor(depth * bins));
  const cells = Array.from({ length: bins }, () => new Array<number>(bins).fill(0));
  for (const [x, y] of points) cells[cellOf(x)][cellOf(y)] += 1 / points.length;
  const label = (i: number) => `${(i / bins).toFixed(1)}-${((i + 1) / bins).toFixed(1)}`;
  const most = Math.max(...cells.flat());
  const shown = (fraction: number) =>
    fraction && fraction >= most / 2 ? `**${percent(fraction)}**` : percent(fraction);
  if (!points.length) return 'No pair replicated.';
  return table(
    ['depth', ...cells.map((_, i) => label(i))],
    cells.map((row, i) => [label(i), ...row.map(shown)]),
  );
}

export function photosSection({
  photos,
  options,
}: Pick<PageOptions, 'options'> & { readonly photos: PhotoResult }): string {
  const rows = photos.pairs.map((pair) => [
    titleOf(pair.models),
    pair.generated,
    `${pair.mutual} (${percent(pair.mutual / pair.generated)})`,
    `${pair.hold} (${percent(pair.hold / pair.generated)})`,
    `${fixed(pair.rGenerated, 2)} -> ${fixed(pair.rPhotos, 2)}`,
    fixed(pair.low, 2),
    fixed(pair.ranks, 2),
    pair.photos,
  ]);
  const sum = (key: 'generated' | 'mutual' | 'hold') => photos.pairs.reduce((total, pair) => total + pair[key], 0);
  const [all, mutual, hold] = (['generated', 'mutual', 'hold'] as const).map(sum);
  const lowest = photos.pairs
    .filter(({ generated }) => generated)
    .sort((x, y) => x.hold / x.generated - y.hold / y.generated)[0];
  return [
    '## Do the pairs hold on photos?',
    `The pairs above were found on generated images. Two encoders can be mined on photos as well: ${options.mined} of ` +
      `\`${basename(options.data)}\`, on none of which the zoo was trained. ` +
      'Of the pairs that replicated on generated images: how many are each other’s ' +
      'nearest on photos again; how many do so with q < 0.01 in both halves of the photos; their median r on generated images ' +
      'and on photos; the r on photos that one in twenty stays below; and whether their order by r is the same (rank correlation).',
    table(
      [
        'networks',
        'replicated, generated',
        'mutual on photos',
        'replicated on photos too',
        'median r',
        'lowest 5 %',
        'ranks',
        'replicated on photos, all',
      ],
      rows,
    ),
    all
      ? `Of ${all} pairs, ${mutual} (${percent(mutual / all)}) are mutual nearest neighbours on photos again, and ${hold} (${percent(hold / all)}) replicate there. ` +
        `Fewest, by share: ${titleOf(lowest.models)}, ${lowest.hold} of ${lowest.generated}.`
      : 'No pair replicated on generated images.',
    'A pair that is no longer mutual is not lost at once: a neighbour in the same layer may have come before it. Its r tells. ' +
      'Pairs with a generator have no photos to hold on: the generator has maps of its own images only.',
  ].join('\n\n');
}
