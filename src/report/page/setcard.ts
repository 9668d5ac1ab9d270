// A Rosetta set, drawn: its numbers beside its figure. Also the button that copies an address.
// It does not know where it stands; views put headings on it.

import type { Report } from './data.ts';
import { formatQ, formatR, h, type Child } from './dom.ts';
import { mapFigure } from './figure.ts';
import { meanings } from './masthead.ts';
import type { PackedSet } from '../payload.ts';

const number = (name: string, value: string, meaning: string): HTMLElement =>
  h('div', { title: meaning }, h('dt', {}, name), h('dd', {}, value));

export function setNumbers(set: PackedSet): HTMLElement {
  return h(
    'dl',
    { class: 'numbers' },
    number('r', formatR(set.r), `Mean over the pairs of units. ${meanings.r}`),
    number('excess', formatR(set.excess), meanings.excess),
    number('held out', formatR(set.heldOut), meanings.heldOut),
    number('q', formatQ(set.q), `Largest over the pairs of units. ${meanings.q}`),
  );
}

/** r of every two units of a set: the upper triangle, rows and columns named by the row of the figure. */
function pairwiseTable(report: Report, set: PackedSet): HTMLElement | null {
  const n = set.units.length;
  // Sets beyond the best ones have no r between their units.
  if (n < 3 || !set.pairwise.length) return null;
  const names = set.units.map((unit) => report.units.modelName(unit));
  let next = 0;
  return h(
    'table',
    { class: 'pairwise' },
    h('caption', {}, 'r between units'),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h('td'),
        names.slice(1).map((name, i) => h('th', { scope: 'col', title: name }, i + 2)),
      ),
    ),
    h(
      'tbody',
      {},
      names.slice(0, -1).map((name, row) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row', title: name }, row + 1),
          names.slice(1).map((other, column) => {
            if (column < row) return h('td');
            const r = set.pairwise[next++];
            if (r === null) return h('td', { title: `${name} and ${other} are on different images` }, '–');
            return h(
              'td',
              { title: `${name} and ${other}: r = ${formatR(r)}`, style: `--share: ${Math.max(0, r)}` },
              r
                .toFixed(2)
                .replace('-', '−')
                .replace(/0(?=\.)/, ''),
            );
          }),
        ),
      ),
    ),
  );
}

/** Whose unit chose the others, where a run has several anchors. */
const chooser = ({ packed }: Report, set: PackedSet): Child =>
  packed.options.anchors.length > 1 && h('p', { class: 'note' }, `Around the unit of ${set.anchor}`);

/** A set with its numbers, and whatever `head` is put above them. */
export function setCard(
  report: Report,
  set: PackedSet,
  head: Child,
  foot: Child,
  size: 'small' | 'large',
): HTMLElement {
  const caption = `Images of set ${set.id}, and the maps of its ${set.units.length} units over them`;
  return h(
    'div',
    { class: 'set-card' },
    h('div', { class: 'rail' }, head, setNumbers(set), chooser(report, set), pairwiseTable(report, set), foot),
    mapFigure(report, set.units, set.images, caption, size),
  );
}

/** Copies text; where the browser has no clipboard for pages from disk, by the old command. */
async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = h('textarea', { class: 'unseen' }, text);
    document.body.append(field);
    field.select();
    document.execCommand('copy');
    field.remove();
  }
}

/** A button that copies the address of this page at `hash`. */
export function copyLink(hash: string): HTMLElement {
  const button = h('button', { type: 'button', class: 'quiet', click: () => void press() }, 'Copy link');
  const press = async () => {
    await copy(new URL(hash, location.href).href);
    button.textContent = 'Copied';
    setTimeout(() => (button.textContent = 'Copy link'), 1500);
  };
  return h('span', { 'aria-live': 'polite' }, button);
}
