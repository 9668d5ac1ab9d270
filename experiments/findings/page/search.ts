// The sections of the findings on inversion and edits, with their pictures.
// They search nothing.

import { basename } from 'node:path';
import { kinds } from '../edits.ts';
import { methods, pixelWeight } from '../inversion.ts';
import { writeSheet } from './pictures.ts';
import {
  editKinds,
  searchMethods,
  type EditResult,
  type EditsResult,
  type InversionResult,
  type Nearness,
  type SearchMethod,
} from '../results.ts';
import type { PageOptions } from './options.ts';
import { fixed, listed, mean, paired, percent, pValue, quantile, table, type Cell } from '../statistics.ts';
import { unpacked } from '../stages.ts';

interface Measure {
  readonly key: 'psnr' | 'ssim' | 'distance' | 'r';
  readonly title: string;
  readonly better: 1 | -1;
  readonly digits: number;
}

/** Measures of a result, with the way that is better. */
const measures: readonly Measure[] = [
  { key: 'psnr', title: 'PSNR, dB', better: 1, digits: 2 },
  { key: 'ssim', title: 'SSIM', better: 1, digits: 3 },
  { key: 'distance', title: "distance in the judge's features", better: -1, digits: 3 },
  { key: 'r', title: 'mean r of the pairs', better: 1, digits: 3 },
];
const allMethods = { start: 'no search', ...methods };

const withStart = ['start', ...searchMethods] as const;

interface Verdict {
  readonly name: string;
  readonly one: SearchMethod;
  readonly other: SearchMethod;
  readonly key: Measure['key'];
  readonly verdict: string;
}

export async function inversionSection({
  inversion,
  options,
  sizes,
  picture,
}: PageOptions & { readonly inversion: Readonly<Record<string, InversionResult>> }): Promise<string> {
  const parts = [
    '## Does guidance by pairs beat pixels alone?',
    `Photos of \`${basename(options.data)}\` are searched for in the latents of each generator: by the mean squared error of pixels alone; by the ` +
      'agreement of the Rosetta pairs alone (all pairs of the generator that passed the controls, of all encoders, up to 1,000); by both, ' +
      `pixels at ${pixelWeight} beside 1 for the pairs. The same ${options.starts} random starts for all, ${options.steps} steps, the start that ended best ` +
      "by the method's own objective. Where a generator has classes, the photo's is given to all methods. *no search*: the first start.",
    'The judge is a ResNet-56 of a third party that took no part in mining, training or search: the distance is in its features ' +
      '(unit vectors at each position, three stages), and *class seen* is the fraction of results that it gives the class of the photo. ' +
      'PSNR is what the search by pixels maximises, mean r what the search by pairs does, and each is bound to win by its own measure; SSIM, the distance and the class are the objective of none.' +
      ' Of the encoders that guide, those that were trained on class labels are of the judge’s kind, which may help pairs by its measure.',
  ];
  const verdicts: Verdict[] = [];
  for (const [name, { rows, space, pairs, classes, none }] of Object.entries(inversion)) {
    if (!rows.length) {
      parts.push(`### ${name}`, `Not possible: ${none}.`);
      continue;
    }
    const column = (method: SearchMethod | 'start', key: Exclude<keyof Nearness, 'image'>) =>
      rows.map((row) => Number(row[method][key]));
    const shares = withStart.map((method) => mean(column(method, 'sameClass')));
    const lines = withStart.map((method, m) => [
      allMethods[method],
      ...measures.map(({ key, digits }) => fixed(mean(column(method, key)), digits)),
      percent(shares[m]),
    ]);
    const contrasts: readonly (readonly [SearchMethod, SearchMethod])[] = [
      ['pairs', 'pixels'],
      ['both', 'pixels'],
      ['both', 'pairs'],
    ];
    const differences = contrasts.flatMap(([one, other]) =>
      measures.map(({ key, title, better, digits }) => {
        const found = paired(column(one, key), column(other, key), better);
        verdicts.push({ name, one, other, key, verdict: found.verdict });
        return [
          `${methods[one]} less ${methods[other]}`,
          title,
          fixed(found.mean, digits),
          `${fixed(found.low, digits)} to ${fixed(found.high, digits)}`,
          `${found.wins} : ${found.losses}`,
          pValue(found.p),
          found.verdict,
        ];
      }),
    );
    const { file, link } = picture(`findings-inversion-${name}.png`);
    const strip = rows.filter(({ photo }) => photo);
    await writeSheet(
      file,
      [
        strip.map(({ photo }) => image(photo)),
        ...searchMethods.map((method) => strip.map((row) => image(row[method].image))),
      ],
      sizes[name],
    );
    parts.push(
      `### ${name}`,
      `${rows.length} photos, ${pairs} pairs, space ${space}, ${classes ? `${classes} classes` : 'no classes'}.`,
      table(['search by', ...measures.map(({ title }) => title), 'class seen'], lines),
      'Differences of paired results, with the 95 % interval of their mean (bootstrap over photos), photos that were better and worse, ' +
        'and the p of the sign test. *better* and *worse*: the interval leaves out 0.',
      table(['difference', 'measure', 'mean', '95 % interval', 'better : worse', 'p', 'verdict'], differences),
      `![${strip.length} photos and what was found for them](${link})`,
      `*${strip.length} of the photos, evenly spread, in the first row; below them what was found by pixels, by pairs, by both.*`,
    );
  }
  if (verdicts.length) parts.push('### In short', verdictText(verdicts));
  return parts.join('\n\n');
}

const image = (text: string | undefined) => (text === undefined ? undefined : unpacked(text));

function verdictText(verdicts: readonly Verdict[]): string {
  const contrasts: readonly (readonly [SearchMethod, SearchMethod])[] = [
    ['pairs', 'pixels'],
    ['both', 'pixels'],
  ];
  const lines = contrasts.flatMap(([one, other]) =>
    measures.map(({ key, title }) => {
      const own = verdicts.filter((v) => v.one === one && v.other === other && v.key === key);
      const of = (verdict: string) => own.filter((v) => v.verdict === verdict).map(({ name }) => name);
      const told = ['better', 'worse', 'open'].flatMap((verdict) => {
        const names = of(verdict);
        return names.length ? [`${verdict} on ${listed(names)}`] : [];
      });
      return `- ${methods[one]} against ${methods[other]}, ${title}: ${told.join('; ')}.`;
    }),
  );
  return lines.join('\n');
}

type When = 'before' | 'after';

export async function editsSection({
  edits,
  options,
  sizes,
  classes,
  picture,
}: PageOptions & { readonly edits: Readonly<Record<string, EditsResult>> }): Promise<string> {
  const told = Object.entries(kinds).map(([kind, { told: what }]) => `*${kind}*: ${what}`);
  const parts = [
    '## How far do edits get?',
    `One edit each of ${options.edits} fresh samples of each generator, in w+, ${options.steps} steps. ${told.join('; ')}. ` +
      '*r*: of the units that are told, with their targets, before and after the search (of a class change: with the maps of the original, ' +
      'once the class is switched, and after the search). *another image*: the same r of an unrelated sample, which is what agreement comes to for nothing. ' +
      'A copy-paste is judged over the whole map, most of which stays: its r begins high. ' +
      '*nearer*: fraction of the images whose r rose.',
    'What the search does not look at: *picture*, PSNR of the image with the original, moved or pasted as pixels, over the part that is known; ' +
      '*same class*: the judge sees the same class in the result as in the original; *changed*: mean absolute change of pixels, of a copy-paste inside ' +
      'the box and outside of it, where nothing was to change.',
  ];
  const rows: Cell[][] = [];
  const classRows: Cell[][] = [];
  const pictures: string[] = [];
  const className = (index: number | undefined) => (index === undefined ? 'none' : classes[index]);
  for (const [name, { samples, none }] of Object.entries(edits)) {
    if (!samples.length) {
      pictures.push(`${name} cannot be edited: ${none}.`);
      continue;
    }
    for (const kind of editKinds) {
      const own = samples.flatMap((sample) => sample[kind] ?? []);
      if (!own.length) continue;
      const of = (value: (one: EditResult) => number) => mean(own.map(value));
      const way = (value: (when: When) => (one: EditResult) => number, digits: number) =>
        `${fixed(of(value('before')), digits)} -> ${fixed(of(value('after')), digits)}`;
      const box = own[0].changed.inside !== undefined;
      rows.push([
        name,
        kind,
        way((when) => (one) => one[when], 3),
        fixed(
          quantile(
            own.map(({ after }) => after),
            0,
          ),
          2,
        ),
        fixed(of(({ other }) => other)),
        percent(of(({ before, after }) => Number(after > before))),
        own[0].picture ? way((when) => (one) => one.picture?.[when] ?? NaN, 1) : '',
        kind === 'class' ? '' : percent(of(({ named }) => Number(named.before === named.after))),
        box
          ? `${fixed(of(({ changed }) => changed.inside ?? NaN))} inside, ${fixed(of(({ changed }) => changed.outside ?? NaN))} outside`
          : fixed(of(({ changed }) => changed.all)),
      ]);
      if (kind !== 'class') continue;
      classRows.push([
        name,
        percent(of(({ named }) => Number(named.before === named.own))),
        percent(of(({ named }) => Number(named.after === named.target))),
        percent(of(({ named }) => Number(named.after === named.own))),
      ]);
    }
    const { file, link } = picture(`findings-edits-${name}.png`);
    const shown = samples.filter((sample) => Object.values(sample)[0].images);
    const present = editKinds.filter((kind) => samples[0][kind]);
    const lines = present.map((kind) =>
      shown.flatMap((sample, i) => {
        const images = sample[kind]?.images?.map(unpacked);
        return [...(i ? [undefined] : []), images?.[0], images?.at(-1)];
      }),
    );
    await writeSheet(file, lines, sizes[name]);
    const targets = shown.flatMap((sample) =>
      sample.class ? [`${className(sample.class.named.own)} to ${className(sample.class.named.target)}`] : [],
    );
    pictures.push(
      `![${shown.length} samples of ${name} before and after edits](${link})`,
      `*${name}: the first ${shown.length} samples, each with its result; a row for each edit: ${listed(present)}` +
        `${targets.length ? ` (${targets.join(', ')})` : ''}.*`,
    );
  }
  parts.push(
    table(
      ['generator', 'edit', 'r', 'lowest after', 'another image', 'nearer', 'picture, dB', 'same class', 'changed'],
      rows,
    ),
  );
  if (classRows.length)
    parts.push(
      'Class changes, by the judge: does it see the class that the original was made with, and in the result the class that was asked for, or still the old one?',
      table(['generator', 'original: own class', 'result: class asked for', 'result: old class'], classRows),
    );
  return [...parts, ...pictures].join('\n\n');
}
