// The page of one concept: its medoid set, large, and below it the other sets.
// Which concept comes before and after it is the list's matter.

import type { View } from './app.ts';
import type { Report } from './data.ts';
import { h, plural } from './dom.ts';
import { hashOf, type Route } from './route.ts';
import { copyLink, setCard } from './setcard.ts';
import { VirtualList } from './virtual.ts';

export class ConceptView implements View {
  readonly element: HTMLElement;
  readonly #report: Report;
  readonly #order: () => readonly number[];
  readonly #leaves = h('div');
  readonly #top = h('div');
  readonly #rest = h('div');
  readonly #list: VirtualList;
  #others: readonly number[] = [];
  #shown = '';

  /** @param order the concepts in the order of the list, by index */
  constructor(report: Report, order: () => readonly number[]) {
    this.#report = report;
    this.#order = order;
    this.#list = new VirtualList(this.#rest, {
      spacer: () => h('div', { 'aria-hidden': 'true' }),
      render: (position) => this.#set(this.#others[position]),
      estimate: 560,
    });
    this.element = h('div', {}, this.#leaves, this.#top, this.#rest);
  }

  show({ path: [id = ''] }: Route): string {
    const { concepts } = this.#report.packed;
    const index = concepts.findIndex((concept) => concept.id === id);
    this.#leaves.replaceChildren(this.#leaf(index));
    if (index < 0) {
      this.#shown = id;
      this.#others = [];
      this.#top.replaceChildren(
        h('h2', {}, 'No such concept'),
        h('p', {}, `This dictionary has no concept "${id}". `, h('a', { href: '#concepts' }, 'All concepts')),
      );
      this.#list.reset(0);
      return 'No such concept';
    }
    const concept = concepts[index];
    if (this.#shown === id) this.#list.update();
    else {
      this.#shown = id;
      this.#others = concept.sets.slice(1);
      const medoid = this.#report.medoid(concept);
      const head = h('p', { class: 'note' }, `Medoid: set ${medoid.id}`);
      this.#top.replaceChildren(
        h(
          'div',
          { class: 'page-head' },
          h('h2', {}, 'Concept ', h('span', { class: 'id' }, id)),
          copyLink(hashOf('concept', [id])),
        ),
        h(
          'p',
          { class: 'note' },
          `${plural(concept.sets.length, 'set')} of units, ${plural(this.#report.modelsOf(concept).length, 'model')}.`,
        ),
        setCard(this.#report, medoid, head, null, 'large'),
        this.#others.length > 0 ? h('h3', { class: 'section' }, plural(this.#others.length, 'other set')) : '',
      );
      this.#list.reset(this.#others.length);
    }
    return `Concept ${id}`;
  }

  #set(index: number): HTMLElement {
    const set = this.#report.packed.sets[index];
    return h(
      'article',
      { 'aria-label': `Set ${set.id}` },
      setCard(this.#report, set, h('h4', {}, set.id), null, 'small'),
    );
  }

  #leaf(index: number): HTMLElement {
    const order = this.#order();
    const at = order.indexOf(index);
    const link = (text: string, position: number) => {
      const concept = at < 0 ? undefined : this.#report.packed.concepts[order[position]];
      return concept ? h('a', { href: hashOf('concept', [concept.id]) }, text) : h('span', { class: 'off' }, text);
    };
    return h('nav', { class: 'leaf', 'aria-label': 'Concepts' }, link('Previous', at - 1), link('Next', at + 1));
  }
}
