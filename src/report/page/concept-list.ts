// The list of concepts: filters, order, and one card for each concept that is left.
// A concept's own page is concept.ts.

import type { App, View } from './app.ts';
import type { Report } from './data.ts';
import { formatCount, h, plural } from './dom.ts';
import { fillForm, filterForm, limitFields, readForm, selectField, setChoices, type Params } from './form.ts';
import { hashOf, type Route } from './route.ts';
import { findConcepts } from './search.ts';
import { copyLink, setCard, setNumbers } from './setcard.ts';
import { VirtualList } from './virtual.ts';
import { unitHash } from './figure.ts';
import type { PackedConcept } from '../payload.ts';

/** Other sets that a card of the list can unfold; the rest is on the concept's page. */
const unfolded = 12;

/** Why there may be no concepts at all, as far as the counts tell. */
function whyNone({ packed }: Report): string {
  if (packed.models.filter((model) => model.role === 'zoo').length < 2) {
    return 'A concept needs units of at least two models, and this dictionary has fewer. Mine two or more.';
  }
  if (packed.pairs.every(({ counts }) => counts.pairs === 0)) {
    return 'No two units of different models are mutual nearest neighbours. Too few images, or images on which the units do not change, are the usual cause.';
  }
  if (packed.sets.length === 0) {
    return 'There are pairs of units, but no Rosetta set. Fewer models, more neighbours per unit (k), or another anchor may give sets; the pairs are in the view Pairs.';
  }
  return 'There are Rosetta sets, but they were not grouped into concepts.';
}

export class ConceptsView implements View {
  readonly element: HTMLElement;
  readonly #report: Report;
  readonly #form: HTMLFormElement;
  readonly #count = h('p', { class: 'count', role: 'status' });
  readonly #none = h('p', { class: 'none' });
  readonly #feed = h('div', { role: 'feed', 'aria-label': 'Concepts' });
  readonly #list: VirtualList;
  readonly #open = new Set<string>();
  #found: readonly number[] = [];
  #shown = '';

  constructor(app: App, report: Report) {
    this.#report = report;
    const models = report.packed.models.filter((model) => model.role === 'zoo');
    this.#form = filterForm(
      'Filter concepts',
      () => app.set({ text: app.route.params.text ?? '', ...readForm(this.#form) }),
      selectField('model', 'Model', [
        { value: '', text: 'any' },
        ...models.map(({ name }) => ({ value: name, text: name })),
      ]),
      selectField('layer', 'Layer', []),
      limitFields(),
      selectField('sort', 'Sort by', [
        { value: '', text: 'significant, then r' },
        { value: 'r', text: 'r' },
        { value: 'excess', text: 'excess r' },
        { value: 'heldOut', text: 'held-out r' },
        { value: 'q', text: 'q' },
        { value: 'size', text: 'size' },
      ]),
      h('button', { type: 'button', class: 'quiet', click: () => app.set({}) }, 'Clear'),
    );
    this.#list = new VirtualList(this.#feed, {
      spacer: () => h('div', { 'aria-hidden': 'true' }),
      render: (position) => this.#card(position),
      estimate: 560,
    });
    this.element = h(
      'div',
      {},
      h('h2', { class: 'unseen' }, 'Concepts'),
      this.#form,
      this.#count,
      this.#none,
      this.#feed,
    );
  }

  /** The order that the reader sees, for leafing from concept to concept. */
  get order(): readonly number[] {
    return this.#shown === '' ? findConcepts(this.#report, {}) : this.#found;
  }

  show({ params }: Route): string {
    const model = this.#report.packed.models.find(({ name }) => name === params.model);
    const layers = (model?.layers ?? []).map(({ layer }) => ({ value: layer, text: layer }));
    const select = this.#form.querySelector<HTMLSelectElement>('select[name="layer"]');
    if (select) {
      setChoices(select, [{ value: '', text: model ? 'any' : 'choose a model' }, ...layers]);
      select.disabled = !model;
    }
    fillForm(this.#form, params);
    // A layer of the model that was chosen before has gone from the choices.
    this.#find(layers.some(({ value }) => value === params.layer) ? params : { ...params, layer: '' });
    return 'Concepts';
  }

  #find(params: Params): void {
    const key = hashOf('', [], params);
    if (key === this.#shown) return this.#list.update();
    this.#shown = key;
    const { concepts } = this.#report.packed;
    this.#found = findConcepts(this.#report, params);
    this.#count.textContent =
      this.#found.length === concepts.length
        ? plural(concepts.length, 'concept')
        : `${formatCount(this.#found.length)} of ${plural(concepts.length, 'concept')}`;
    if (!this.#report.packed.hasExemplars && concepts.length > 0) {
      this.#count.append('. This report was made without example images, so there are no heatmaps.');
    }
    this.#none.hidden = this.#found.length > 0;
    this.#none.textContent =
      concepts.length === 0
        ? `No concepts. ${whyNone(this.#report)}`
        : 'No concept matches. Loosen a limit, or clear the filters.';
    this.#list.reset(this.#found.length);
  }

  #card(position: number): HTMLElement {
    const concept = this.#report.packed.concepts[this.#found[position]];
    const hash = hashOf('concept', [concept.id]);
    const heading = h('h3', {}, h('a', { href: hash }, concept.id));
    const head = h('div', { class: 'card-head' }, heading, copyLink(hash));
    return h(
      'article',
      { 'aria-posinset': position + 1, 'aria-setsize': this.#found.length, 'aria-label': `Concept ${concept.id}` },
      setCard(this.#report, this.#report.medoid(concept), head, this.#others(concept, hash), 'small'),
    );
  }

  #others(concept: PackedConcept, hash: string): HTMLElement {
    const others = concept.sets.slice(1);
    if (others.length === 0) return h('p', { class: 'note' }, 'Its only set');
    const content = h('ul', { class: 'others' });
    const details = h('details', {}, h('summary', {}, plural(others.length, 'other set')), content);
    const unfold = () => {
      if (content.childElementCount > 0) return;
      for (const index of others.slice(0, unfolded)) {
        const set = this.#report.packed.sets[index];
        const units = set.units.map((unit) =>
          h('a', { href: unitHash(this.#report, unit) }, this.#report.units.name(unit)),
        );
        content.append(h('li', {}, h('b', {}, set.id), setNumbers(set), h('span', { class: 'units' }, units)));
      }
      content.append(
        h(
          'li',
          {},
          h(
            'a',
            { href: hash },
            others.length > unfolded ? `All ${plural(concept.sets.length, 'set')}, with heatmaps` : 'With heatmaps',
          ),
        ),
      );
    };
    // Remembered, as the card is made anew when it is scrolled back to.
    details.addEventListener('toggle', () => {
      if (details.open) this.#open.add(concept.id);
      else this.#open.delete(concept.id);
      unfold();
    });
    if (this.#open.has(concept.id)) {
      unfold();
      details.open = true;
    }
    return details;
  }
}
