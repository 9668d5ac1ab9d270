// Starts the page: reads the data, builds the frame, and shows the view that the address names.
// The only module of page/ that does something by being loaded.

import { App, type View } from './app.ts';
import { ChartsView } from './charts.ts';
import { ConceptView } from './concept.ts';
import { ConceptsView } from './concept-list.ts';
import { openReport, type Report } from './data.ts';
import { displayControls, readDisplay } from './display.ts';
import { h } from './dom.ts';
import { repaint } from './figure.ts';
import { masthead } from './masthead.ts';
import { PairsView } from './pair-table.ts';
import type { Route } from './route.ts';
import { UnitView } from './unit.ts';

const tabs = { concepts: 'Concepts', pairs: 'Pairs', charts: 'Charts' } as const;

/** A button that goes from the system's choice of light or dark to the other one and back. */
function themeButton(): HTMLElement {
  const root = document.documentElement;
  const isDark = () =>
    (root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
  const button = h('button', { type: 'button', class: 'quiet', click: () => turn() });
  const name = () => (button.textContent = isDark() ? 'Light theme' : 'Dark theme');
  const turn = () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    name();
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', name);
  name();
  return button;
}

function start(report: Report, root: HTMLElement): void {
  const main = h('main', { tabindex: -1 });
  const links = new Map(Object.entries(tabs).map(([view, text]) => [view, h('a', { href: `#${view}` }, text)]));
  const search = h('input', {
    type: 'search',
    name: 'text',
    placeholder: 'Model, layer, unit or concept',
    'aria-label': 'Search',
    title: 'For example layer3.1/17. Press / to come here.',
    spellcheck: 'false',
    autocomplete: 'off',
    input: () => {
      if (app.route.view === 'concepts' || app.route.view === 'pairs')
        app.set({ ...app.route.params, text: search.value });
    },
    keydown: (event) => {
      const elsewhere = app.route.view !== 'concepts' && app.route.view !== 'pairs';
      if (event instanceof KeyboardEvent && event.key === 'Enter' && elsewhere)
        app.go('concepts', [], { text: search.value });
    },
  });

  const show = (route: Route): void => {
    readDisplay(route.params);
    const view = viewOf(route.view);
    document.documentElement.dataset.view = route.view;
    if (main.firstChild !== view.element) main.replaceChildren(view.element);
    if (document.activeElement !== search) search.value = route.params.text ?? '';
    document.title = `${view.show(route)} – Rosetta neurons`;
    for (const [name, link] of links) {
      if (name === route.view) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  };

  const app = new App(show, () => main.offsetTop - bar.offsetHeight);
  const concepts = new ConceptsView(app, report);
  // Views are made when they are first asked for.
  const makers: Record<string, () => View> = {
    concept: () => new ConceptView(report, () => concepts.order),
    unit: () => new UnitView(report),
    pairs: () => new PairsView(app, report),
    charts: () => new ChartsView(app, report),
  };
  const views = new Map<string, View>();
  const viewOf = (name: string): View => {
    if (!Object.hasOwn(makers, name)) return concepts;
    const view = views.get(name) ?? makers[name]();
    views.set(name, view);
    return view;
  };

  const bar = h(
    'div',
    { class: 'bar' },
    h('nav', { 'aria-label': 'Views' }, [...links.values()]),
    search,
    displayControls((modeChanged) => {
      if (modeChanged) repaint();
      app.writeSoon();
    }),
  );
  root.replaceChildren(
    h('button', { type: 'button', class: 'skip', click: () => main.focus() }, 'Skip to content'),
    masthead(report, themeButton()),
    bar,
    main,
  );
  // Heads of tables stick below the bar, which is higher where it breaks.
  new ResizeObserver(() => document.documentElement.style.setProperty('--bar', `${bar.offsetHeight - 1}px`)).observe(
    bar,
  );
  addEventListener('keydown', (event) => {
    const typing = event.target instanceof HTMLElement && event.target.matches('input, select, textarea');
    if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
  app.start();
}

async function open(): Promise<void> {
  const root = document.getElementById('app');
  if (!root) return;
  try {
    start(await openReport(), root);
  } catch (error) {
    root.replaceChildren(h('p', { role: 'alert' }, `The report cannot be shown: ${String(error)}`));
    throw error;
  }
}

void open();
