// The document of the findings: sections in the order of the stages, each made of a stage's numbers.
// Sentences that state a number, or which way it fell, are computed; what is said in any case stays true in any case.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { countsSection, depthSection, photosSection } from './mining.ts';
import { editsSection, inversionSection } from './search.ts';
import type { Dictionary } from 'rosetta-neurons/mining';
import type { EditsResult, InversionResult, PhotoResult, Timed, TwinResult } from '../results.ts';
import type { PageOptions } from './options.ts';
import { table } from '../statistics.ts';

export interface Found {
  readonly dictionary: Dictionary;
  readonly counts: Timed;
  readonly twins: TwinResult | undefined;
  readonly photos: PhotoResult | undefined;
  readonly inversion: Readonly<Record<string, InversionResult>>;
  readonly edits: Readonly<Record<string, EditsResult>>;
}

export async function writeFindings({
  path,
  options,
  found,
  classes,
  sizes,
}: Pick<PageOptions, 'options' | 'classes' | 'sizes'> & {
  readonly path: string;
  readonly found: Found;
}): Promise<void> {
  const { dictionary, counts, twins, photos, inversion, edits } = found;
  const images = join(dirname(path), 'images');
  const picture = (name: string) => ({
    file: join(images, name),
    link: relative(dirname(path), join(images, name)).replaceAll('\\', '/'),
  });
  const given: PageOptions = { dictionary, options, classes, sizes, picture };
  const stages = [counts, twins, photos, ...Object.values(inversion), ...Object.values(edits)];
  const minutes = stages.reduce((sum, stage) => sum + (stage?.seconds ?? 0), 0) / 60;
  const sections = [
    introduction(given, minutes),
    countsSection({ ...given, twins }),
    depthSection(given),
    photos ? photosSection({ ...given, photos }) : left('Do the pairs hold on photos?', 'photos'),
    Object.keys(inversion).length ? await inversionSection({ ...given, inversion }) : left('Inversion', 'inversion'),
    Object.keys(edits).length ? await editsSection({ ...given, edits }) : left('Edits', 'edits'),
  ];
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${sections.join('\n\n')}\n`);
}

const left = (title: string, stage: string) => `## ${title}\n\nNot measured: the stage \`${stage}\` was not run.`;

function introduction({ dictionary, options }: PageOptions, minutes: number): string {
  const models = dictionary.models.filter(({ role }) => role === 'zoo');
  const rows = models.map(({ name, card, units, layers }) => [
    name,
    'latent' in card ? 'generator' : 'encoder',
    card.supervision,
    units,
    layers.length,
    layers.reduce((sum, { dead, constant }) => sum + dead + constant, 0),
  ]);
  return [
    '# Findings',
    'What the small networks of the demo zoo have in common, and what that is good for. All numbers and pictures are of one run ' +
      'of `npm run experiment findings`, which wrote this page; nothing is chosen by hand, and failures are reported like successes. ' +
      `Measuring took ${minutes.toFixed(0)} minutes.`,
    `The networks see 32 x 32 pixels. ${options.samples} samples of each generator were mined, at truncation ${options.truncation}. ` +
      'The terms (pair, q, replicated, Rosetta set) are those of [mining.md](mining.md).',
    table(['network', 'kind', 'supervision', 'units', 'layers', 'dead or constant units'], rows),
  ].join('\n\n');
}
