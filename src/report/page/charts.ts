// The charts: best r against the null for every two models, layers against layers, and the untrained controls.
// The charts themselves are histogram.ts and matrix.ts.

import type { App, View } from './app.ts';
import type { Report } from './data.ts';
import { formatCount, h, type Child } from './dom.ts';
import { fillForm, filterForm, readForm, selectField } from './form.ts';
import { histogramChart } from './histogram.ts';
import { layerMatrix } from './matrix.ts';
import { pairListOf, pairListParams } from './pair-table.ts';
import { hashOf, type Route } from './route.ts';
import type { PackedPairs } from '../payload.ts';

export class ChartsView implements View {
  readonly element: HTMLElement;
  readonly #report: Report;
  readonly #form: HTMLFormElement;
  readonly #choice: HTMLSelectElement;
  readonly #matrix = h('div');
  #shown = '';

  constructor(app: App, report: Report) {
    this.#report = report;
    const { pairs } = report.packed;
    this.#choice = h(
      'select',
      {},
      pairs.map((list, index) => h('option', { value: index }, report.pairTitle(list))),
    );
    this.#form = filterForm(
      'Layers',
      () => app.set({ ...pairListParams(report, Number(this.#choice.value)), ...readForm(this.#form) }),
      h('label', { class: 'field' }, h('span', {}, 'Models'), this.#choice),
      selectField('only', 'Count', [
        { value: '', text: 'all pairs' },
        { value: 'significant', text: 'significant' },
        { value: 'replicated', text: 'replicated' },
      ]),
    );
    const hasNull = pairs.some(({ histogram }) => histogram.nullBest.length > 0);
    this.element = h(
      'div',
      {},
      pairs.length === 0
        ? h('p', { class: 'none' }, 'No charts: this dictionary has fewer than two models.')
        : [
            h('h2', {}, 'Best r of every unit'),
            h(
              'p',
              { class: 'note' },
              'Of each unit of both models, r with the unit of the other model that is most like it.',
              hasNull && [
                ' ',
                h('span', { class: 'key bars' }),
                ' measured ',
                h('span', { class: 'key null' }),
                ' null: the same with maps of other images.',
              ],
            ),
            h(
              'div',
              { class: 'small-multiples' },
              pairs.filter((list) => !this.#isControl(list)).map((list) => this.#figure(list)),
            ),
            h('h2', { class: 'section' }, 'Layers that share units'),
            h('p', { class: 'note' }, 'How many pairs two layers have. A count leads to its pairs.'),
            this.#form,
            this.#matrix,
            h('h2', { class: 'section' }, 'Controls'),
            this.#controls(),
          ],
    );
  }

  show({ params }: Route): string {
    if (this.#report.packed.pairs.length === 0) return 'Charts';
    const index = pairListOf(this.#report, params);
    this.#choice.value = String(index);
    fillForm(this.#form, params);
    const key = `${index} ${params.only ?? ''}`;
    if (this.#shown !== key) {
      this.#shown = key;
      void this.#report.pairs(index).then((columns) => {
        if (this.#shown === key)
          this.#matrix.replaceChildren(layerMatrix(this.#report, index, columns, params.only ?? ''));
      });
    }
    return 'Charts';
  }

  #isControl({ models }: PackedPairs): boolean {
    return models.some((model) => this.#report.packed.models[model].role === 'twin');
  }

  #figure(list: PackedPairs): HTMLElement {
    const index = this.#report.packed.pairs.indexOf(list);
    return h(
      'figure',
      {},
      h(
        'figcaption',
        {},
        h('a', { href: hashOf('pairs', [], pairListParams(this.#report, index)) }, this.#report.pairTitle(list)),
      ),
      histogramChart(list),
    );
  }

  /** Trained with trained, then trained with untrained. */
  #controls(): HTMLElement {
    const { pairs } = this.#report.packed;
    const twins = pairs.filter((list) => this.#isControl(list));
    if (twins.length === 0) return h('p', { class: 'note' }, 'No untrained twins were mined in this run.');
    const row = (list: PackedPairs, control: boolean) =>
      h(
        'tr',
        { class: control ? 'control' : null },
        h('th', { scope: 'row' }, this.#report.pairTitle(list)),
        (['pairs', 'significant', 'replicated', 'expectedOfNoise'] as const).map((name) =>
          h('td', { class: 'number' }, formatCount(list.counts[name])),
        ),
      );
    const trained = pairs.filter((list) => !this.#isControl(list));
    const rows: Child[] = [...trained.map((list) => row(list, false)), ...twins.map((list) => row(list, true))];
    return h(
      'div',
      {},
      h(
        'p',
        { class: 'note' },
        'A twin has the architecture of a model and fresh weights: what it shares with a trained model, no training made.',
      ),
      h(
        'div',
        { class: 'scrolled' },
        h(
          'table',
          { class: 'controls' },
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              h('th', { scope: 'col' }, 'Models'),
              ['pairs', 'significant', 'replicated', 'noise alone'].map((name) =>
                h('th', { scope: 'col', class: 'number' }, name),
              ),
            ),
          ),
          h('tbody', {}, rows),
        ),
      ),
    );
  }
}
