// The table of pairs of two models: filters, columns to sort by, and the rows that are near the window.
// The pairs of a single unit are in unit.ts.

import type { App, View } from './app.ts';
import type { PairColumns, Report } from './data.ts';
import { formatCount, formatQ, formatR, h, plural } from './dom.ts';
import { unitHash } from './figure.ts';
import { fillForm, filterForm, limitFields, readForm, selectField, setChoices, type Params } from './form.ts';
import { meanings } from './masthead.ts';
import { hashOf, type Route } from './route.ts';
import { chosen, findPairs, firstDirection, pairSorts, type PairSort } from './search.ts';
import { VirtualList } from './virtual.ts';

export const pairHeadings: Record<PairSort, readonly [text: string, meaning: string]> = {
  a: ['Unit', ''],
  b: ['Unit', ''],
  r: ['r', meanings.r],
  rNull: ['null', meanings.rNull],
  excess: ['excess', meanings.excess],
  heldOut: ['held out', meanings.heldOut],
  q: ['q', meanings.q],
  replications: ['repl.', meanings.replications],
};

/** The cells with the numbers of a pair, from r on. */
export function pairNumbers(columns: PairColumns, row: number): HTMLElement[] {
  const cell = (name: string, text: string) => h('td', { role: 'cell', class: 'number', 'data-name': name }, text);
  return [
    cell('r', formatR(columns.r[row])),
    cell('null', formatR(columns.rNull[row])),
    cell('excess', formatR(columns.excess[row])),
    cell('held out', formatR(columns.heldOut[row])),
    cell('q', formatQ(columns.q[row])),
    cell('repl.', `${columns.replications[row]} of 2`),
  ];
}

/** Index of the pair list that the settings `of` and `with` name, in either order; the first one otherwise. */
export function pairListOf({ packed }: Report, params: Params): number {
  const index = packed.pairs.findIndex(({ models: [a, b] }) => {
    const names = [packed.models[a].name, packed.models[b].name];
    return (
      params.of !== undefined && params.with !== undefined && names.includes(params.of) && names.includes(params.with)
    );
  });
  return Math.max(0, index);
}

/** The settings that name a pair list. */
export function pairListParams({ packed }: Report, index: number): { of: string; with: string } {
  const [a, b] = packed.pairs[index].models;
  return { of: packed.models[a].name, with: packed.models[b].name };
}

export class PairsView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #report: Report;
  readonly #form: HTMLFormElement;
  readonly #choice: HTMLSelectElement;
  readonly #count = h('p', { class: 'count', role: 'status' });
  readonly #headRow = h('tr', { role: 'row' });
  readonly #table: HTMLTableElement;
  readonly #list: VirtualList;
  #columns: PairColumns | null = null;
  #rows: Uint32Array = new Uint32Array();
  #shown = '';

  constructor(app: App, report: Report) {
    this.#app = app;
    this.#report = report;
    this.#choice = h(
      'select',
      {
        'aria-label': 'Models',
        change: () =>
          app.set({ text: app.route.params.text ?? '', ...pairListParams(report, Number(this.#choice.value)) }),
      },
      report.packed.pairs.map((list, index) => h('option', { value: index }, report.pairTitle(list))),
    );
    this.#form = filterForm(
      'Filter pairs',
      (event) => {
        if (event.target === this.#choice) return;
        const { of, with: other, text, sort, direction } = app.route.params;
        app.set(defined({ of, with: other, text, sort, direction, ...readForm(this.#form) }));
      },
      h('label', { class: 'field' }, h('span', {}, 'Models'), this.#choice),
      selectField('layerA', 'Layer', []),
      selectField('layerB', 'Layer', []),
      selectField('only', 'Show', [
        { value: '', text: 'all pairs' },
        { value: 'significant', text: 'significant' },
        { value: 'replicated', text: 'replicated' },
      ]),
      limitFields(),
      h(
        'button',
        {
          type: 'button',
          class: 'quiet',
          click: () => app.set(defined({ of: app.route.params.of, with: app.route.params.with })),
        },
        'Clear',
      ),
    );
    const body = h('tbody', { role: 'rowgroup' });
    this.#table = h(
      'table',
      { class: 'pairs', role: 'table', 'aria-label': 'Pairs of units' },
      h('thead', { role: 'rowgroup' }, this.#headRow),
      body,
    );
    this.#list = new VirtualList(body, {
      spacer: () => h('tr', { class: 'spacer', 'aria-hidden': 'true' }),
      render: (position) => this.#row(position),
      estimate: 32,
      uniform: true,
    });
    this.element = h('div', {}, h('h2', { class: 'unseen' }, 'Pairs'), this.#form, this.#count, this.#table);
  }

  show({ params }: Route): string {
    const { packed } = this.#report;
    if (packed.pairs.length === 0) {
      this.#count.textContent = 'No pairs: this dictionary has fewer than two models.';
      this.#table.hidden = this.#form.hidden = true;
      return 'Pairs';
    }
    const index = pairListOf(this.#report, params);
    const models = packed.pairs[index].models.map((model) => packed.models[model]);
    this.#choice.value = String(index);
    ['layerA', 'layerB'].forEach((name, side) => {
      const select = this.#form.querySelector<HTMLSelectElement>(`select[name="${name}"]`);
      if (!select) return;
      setChoices(select, [
        { value: '', text: 'any' },
        ...models[side].layers.map(({ layer }) => ({ value: layer, text: layer })),
      ]);
      select.previousElementSibling?.replaceChildren(`Layer of ${models[side].name}`);
    });
    fillForm(this.#form, params);
    void this.#find(index, params);
    return `Pairs of ${this.#report.pairTitle(packed.pairs[index])}`;
  }

  async #find(index: number, params: Params): Promise<void> {
    const key = hashOf(String(index), [], params);
    if (key === this.#shown) return this.#list.update();
    this.#shown = key;
    const columns = await this.#report.pairs(index);
    if (key !== this.#shown) return;
    this.#columns = columns;
    this.#rows = findPairs(this.#report, index, columns, params);
    this.#head(index, params);
    const { expectedOfNoise } = this.#report.packed.pairs[index].counts;
    const rows = this.#rows;
    const count = (only: string) => formatCount(rows.filter((row) => chosen(columns, row, only)).length);
    const all = plural(columns.rows, 'pair');
    this.#count.replaceChildren(
      this.#rows.length === columns.rows ? all : `${formatCount(this.#rows.length)} of ${all}`,
      this.#report.packed.options.nullModel
        ? `: ${count('significant')} significant, ${count('replicated')} replicated.`
        : '; without a null in this run, none can be called significant.',
      ` Of all its units, noise alone would pair ${formatCount(expectedOfNoise)}.`,
    );
    this.#table.setAttribute('aria-rowcount', String(this.#rows.length + 1));
    this.#list.reset(this.#rows.length);
  }

  #head(index: number, params: Params): void {
    const { packed } = this.#report;
    const sorted = pairSorts.find((name) => name === params.sort) ?? 'r';
    const direction = params.direction || firstDirection(sorted);
    const names = packed.pairs[index].models.map((model) => packed.models[model].name);
    const headings = pairSorts.map((name, column) => {
      const [text, meaning] = pairHeadings[name];
      const active = name === sorted;
      const next = active && direction === firstDirection(name) ? (direction === 'up' ? 'down' : 'up') : '';
      const click = () => this.#app.set({ ...this.#app.route.params, sort: name === 'r' ? '' : name, direction: next });
      return h(
        'th',
        {
          role: 'columnheader',
          scope: 'col',
          class: column > 1 ? 'number' : null,
          'aria-sort': active ? (direction === 'up' ? 'ascending' : 'descending') : 'none',
        },
        h('button', { type: 'button', title: meaning || null, 'data-sort': name, click }, names[column] ?? text),
      );
    });
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.sort : undefined;
    this.#headRow.replaceChildren(...headings);
    if (focused) this.#headRow.querySelector<HTMLElement>(`[data-sort="${focused}"]`)?.focus();
  }

  #row(position: number): HTMLElement {
    const columns = this.#columns;
    if (!columns) throw new Error('Internal error: a row before its columns');
    const row = this.#rows[position];
    const unit = (number: number) =>
      h(
        'td',
        { role: 'cell', class: 'unit' },
        h('a', { href: unitHash(this.#report, number) }, this.#report.units.shortName(number)),
      );
    return h(
      'tr',
      { role: 'row', 'aria-rowindex': position + 2 },
      unit(columns.a[row]),
      unit(columns.b[row]),
      pairNumbers(columns, row),
    );
  }
}

/** The settings that are there. */
function defined(params: Readonly<Record<string, string | undefined>>): Params {
  return Object.fromEntries(
    Object.entries(params).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
