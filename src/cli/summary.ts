// A dictionary in a few lines of text, for the terminal.

import type { Dictionary } from '../mining/run/dictionary.ts';
import { silentUnits } from '../report/page/standing.ts';

const plural = (n: number, one: string): string => `${n} ${one}${n === 1 ? '' : 's'}`;

function screenedLine({ width, candidates, unsure, audit }: NonNullable<Dictionary['screening']>): string {
  const { found, units, largestError } = audit;
  return (
    `screened by sketches of ${width}: ${candidates.toLocaleString('en')} pairs of units computed exactly, ` +
    `${plural(unsure, 'unit')} unsure; of ${units} audited ` +
    `${found} have their nearest, the largest error was ${largestError.toFixed(1)} deviations`
  );
}

/** Lines: the images, a table of the pairs of models, the sets and concepts. */
export function summary(dictionary: Dictionary): string[] {
  const { images, models, pairs, sets, concepts, options, setCounts } = dictionary;
  const lost = images.unreadable.length ? `, ${images.unreadable.length} unreadable` : '';
  const apart = silentUnits(models);
  const names = pairs.map((list) => list.models.join(' -- '));
  const width = Math.max(...names.map((name) => name.length));
  const rows = pairs.map(({ counts }, i) => {
    const controls = options.nullModel
      ? `${`${counts.significant}`.padStart(13)}${`${counts.replicated}`.padStart(13)}`
      : '';
    return `${names[i].padEnd(width)}${`${counts.pairs}`.padStart(8)}${controls}`;
  });
  const head = `${'models'.padEnd(width)}${'pairs'.padStart(8)}${options.nullModel ? `${'q < 0.01'.padStart(13)}${'replicated'.padStart(13)}` : ''}`;
  const { anchors } = options;
  const around = anchors.length ? `anchor${anchors.length > 1 ? 's' : ''} ${anchors.join(', ')}` : 'without an anchor';
  const others = Object.entries(setCounts).map(([name, count]) => `${name || 'none'} ${count}`);
  return [
    `${plural(images.count, 'image')} of ${images.source}${lost}; ${plural(apart, 'unit')} dead or constant`,
    ...(dictionary.screening ? [screenedLine(dictionary.screening)] : []),
    head,
    ...rows,
    `${plural(sets.length, 'Rosetta set')} (${around}; by anchor: ${others.join(', ')}), ${plural(concepts.length, 'concept')}`,
  ];
}
