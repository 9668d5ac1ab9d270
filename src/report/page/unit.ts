// The page of one unit: its example maps, its pairs with units of every other model, its sets and concepts.
// It does not show the unit's moments: the dictionary does not hold them.

import type { View } from './app.ts';
import type { Report } from './data.ts';
import { h, plural, type Child } from './dom.ts';
import { mapFigure, unitHash } from './figure.ts';
import { pairHeadings, pairNumbers } from './pair-table.ts';
import { hashOf, type Route } from './route.ts';
import { copyLink, setCard } from './setcard.ts';
import type { UnitNumber } from '../payload.ts';

/** Sets that are shown with their figure; further ones are named. */
const drawn = 6;

export class UnitView implements View {
  readonly element = h('div');
  readonly #report: Report;
  #shown: UnitNumber | null = null;

  constructor(report: Report) {
    this.#report = report;
  }

  show({ path }: Route): string {
    const [model = '', layer = '', index = ''] = path;
    const name = path.join('/');
    const unit = this.#report.units.find(model, layer, /^\d+$/.test(index) ? Number(index) : -1);
    if (unit === null) {
      this.#shown = null;
      this.element.replaceChildren(
        h('h2', {}, 'No such unit'),
        h('p', {}, `This dictionary has no unit "${name}". `, h('a', { href: '#concepts' }, 'All concepts')),
      );
      return 'No such unit';
    }
    if (this.#shown === unit) return name;
    this.#shown = unit;
    const pairs = h('div', {}, h('p', { class: 'note' }, 'Reading pairs …'));
    this.element.replaceChildren(
      h(
        'div',
        { class: 'page-head' },
        h('h2', {}, 'Unit ', h('span', { class: 'id' }, name)),
        copyLink(unitHash(this.#report, unit)),
      ),
      this.#about(unit),
      this.#exemplars(unit),
      h('section', {}, h('h3', { class: 'section' }, 'Pairs'), pairs),
      this.#sets(unit),
    );
    void this.#pairs(unit).then((table) => pairs.replaceChildren(table));
    return name;
  }

  #about(unit: UnitNumber): HTMLElement {
    const { model, layer, index } = this.#report.units.parts(unit);
    const { name, facts, layers, role } = this.#report.packed.models[model];
    const { layer: layerName, channels, height, width } = layers[layer];
    return h(
      'p',
      { class: 'note' },
      `Channel ${index} of ${channels} in ${layerName} of ${name}${role === 'twin' ? ' (untrained twin)' : ''}, maps of ${height} x ${width}${role === 'twin' ? '' : `; ${facts.task}, ${facts.supervision}, ${facts.data}`}.`,
    );
  }

  #exemplars(unit: UnitNumber): HTMLElement | string {
    const maps = this.#report.mapsOf(unit);
    if (!maps || maps.images.length === 0) return '';
    const caption = `Maps of the unit over ${plural(maps.images.length, 'image')}`;
    return h(
      'section',
      {},
      h('h3', { class: 'section' }, 'Maps'),
      mapFigure(this.#report, [unit], maps.images, caption, 'large'),
      h(
        'p',
        { class: 'note' },
        `The strongest colour is ${maps.scale.toFixed(1)} standard deviations above the unit's mean.`,
      ),
    );
  }

  async #pairs(unit: UnitNumber): Promise<HTMLElement> {
    const { packed, units } = this.#report;
    const { model } = units.parts(unit);
    const rows: { r: number; element: HTMLElement }[] = [];
    for (const [index, list] of packed.pairs.entries()) {
      if (!list.models.includes(model)) continue;
      const columns = await this.#report.pairs(index);
      const [own, other] = list.models[0] === model ? [columns.a, columns.b] : [columns.b, columns.a];
      for (let row = own.indexOf(unit); row >= 0; row = own.indexOf(unit, row + 1)) {
        const { name, role } = packed.models[units.parts(other[row]).model];
        const element = h(
          'tr',
          { role: 'row' },
          h('td', { role: 'cell', class: 'unit' }, name, role === 'twin' && ' (untrained)'),
          h(
            'td',
            { role: 'cell', class: 'unit' },
            h('a', { href: unitHash(this.#report, other[row]) }, units.shortName(other[row])),
          ),
          pairNumbers(columns, row),
        );
        rows.push({ r: columns.r[row], element });
      }
    }
    if (rows.length === 0) {
      return h(
        'p',
        { class: 'note' },
        'None: in no other model it is the mutual nearest neighbour of a unit. A dead or constant unit never is.',
      );
    }
    rows.sort((x, y) => y.r - x.r);
    const heading = (name: keyof typeof pairHeadings) =>
      h(
        'th',
        { role: 'columnheader', scope: 'col', class: 'number', title: pairHeadings[name][1] },
        pairHeadings[name][0],
      );
    return h(
      'table',
      { class: 'pairs', role: 'table', 'aria-label': 'Pairs of this unit' },
      h(
        'thead',
        { role: 'rowgroup' },
        h(
          'tr',
          { role: 'row' },
          h('th', { role: 'columnheader', scope: 'col' }, 'Model'),
          h('th', { role: 'columnheader', scope: 'col' }, 'Unit'),
          (['r', 'rNull', 'excess', 'heldOut', 'q', 'replications'] as const).map(heading),
        ),
      ),
      h(
        'tbody',
        { role: 'rowgroup' },
        rows.map(({ element }) => element),
      ),
    );
  }

  #sets(unit: UnitNumber): HTMLElement {
    const { sets } = this.#report.packed;
    const own = sets.flatMap((set, index) => (set.units.includes(unit) ? [index] : []));
    const link = (index: number): Child => {
      const concept = this.#report.conceptOf(index);
      return concept ? h('a', { href: hashOf('concept', [concept.id]) }, `Concept ${concept.id}`) : 'in no concept';
    };
    return h(
      'section',
      {},
      h('h3', { class: 'section' }, own.length === 0 ? 'Sets' : plural(own.length, 'set')),
      own.length === 0 && h('p', { class: 'note' }, 'It is in no Rosetta set.'),
      own
        .slice(0, drawn)
        .map((index) =>
          h(
            'article',
            {},
            setCard(
              this.#report,
              sets[index],
              [h('h4', {}, sets[index].id), h('p', { class: 'note' }, link(index))],
              null,
              'small',
            ),
          ),
        ),
      own.length > drawn &&
        h(
          'ul',
          { class: 'others' },
          own.slice(drawn).map((index) => h('li', {}, h('b', {}, sets[index].id), ' ', link(index))),
        ),
    );
  }
}
