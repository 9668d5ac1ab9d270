// How many units each layer of one model shares with each layer of another, as a table of links.
// It counts the pairs that it is told to; which pairs are good is not its matter.

import type { PairColumns, Report } from './data.ts';
import { formatCount, h } from './dom.ts';
import { pairListParams } from './pair-table.ts';
import { hashOf } from './route.ts';
import { chosen } from './search.ts';

/** Pairs by layer of the first model (rows) and of the second (columns), row by row. */
export function countByLayers(report: Report, index: number, columns: PairColumns, only: string): Uint32Array {
  const [a, b] = report.packed.pairs[index].models.map((model) => report.packed.models[model]);
  const counts = new Uint32Array(a.layers.length * b.layers.length);
  for (let row = 0; row < columns.rows; row++) {
    if (!chosen(columns, row, only)) continue;
    counts[report.units.parts(columns.a[row]).layer * b.layers.length + report.units.parts(columns.b[row]).layer]++;
  }
  return counts;
}

/** The table. Each count leads to those pairs; its colour is on a scale of square roots, so that small counts show. */
export function layerMatrix(report: Report, index: number, columns: PairColumns, only: string): HTMLElement {
  const [a, b] = report.packed.pairs[index].models.map((model) => report.packed.models[model]);
  const counts = countByLayers(report, index, columns, only);
  const top = Math.max(1, ...counts);
  const cell = (count: number, row: string, column: string) => {
    const title = `${row} and ${column}: ${formatCount(count)}`;
    if (count === 0) return h('td', { title }, h('span', { class: 'unseen' }, '0'));
    const at = Math.round(Math.sqrt(count / top) * 235);
    const [red, green, blue] = report.colours.subarray(at * 3, at * 3 + 3);
    const dark = red * 0.299 + green * 0.587 + blue * 0.114 < 140;
    const href = hashOf('pairs', [], { ...pairListParams(report, index), layerA: row, layerB: column, only });
    return h(
      'td',
      { title, style: `background: rgb(${red} ${green} ${blue}); color: ${dark ? '#fff' : '#000'}` },
      h('a', { href, 'aria-label': title }, formatCount(count)),
    );
  };
  return h(
    'div',
    { class: 'matrix', tabindex: 0, role: 'group', 'aria-label': `Pairs by layers of ${a.name} and ${b.name}` },
    h(
      'table',
      {},
      h('caption', {}, `Rows: layers of ${a.name}. Columns: layers of ${b.name}.`),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('td'),
          b.layers.map(({ layer }) => h('th', { scope: 'col' }, h('span', {}, layer))),
        ),
      ),
      h(
        'tbody',
        {},
        a.layers.map(({ layer }, row) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, layer),
            b.layers.map((other, column) => cell(counts[row * b.layers.length + column], layer, other.layer)),
          ),
        ),
      ),
    ),
  );
}
