// Moving between views: the address behind `#` is the one place where the page's state lives.
// It does not know what the views show.

import { displayParams } from './display.ts';
import { hashOf, parseRoute, type Route } from './route.ts';
import type { Params } from './form.ts';

/** One of the page's views. It is made once, and told where the reader is each time it is shown. */
export interface View {
  readonly element: HTMLElement;
  /** Called when the view is in the document. Returns the title for the window. */
  show(route: Route): string;
}

export class App {
  route: Route;
  readonly #render: (route: Route) => void;
  readonly #viewTop: () => number;
  #written = 0;
  /** Where the window was scrolled to, by address: restored on the way back. */
  readonly #scrolled = new Map<string, number>();
  #followsLink = false;
  /** The address of what is shown: for a moment the browser's own is ahead of it. */
  #shown = location.hash;

  /**
   * @param render shows a route
   * @param viewTop where the window has to be scrolled to for the view's first line, below what stays on screen
   */
  constructor(render: (route: Route) => void, viewTop: () => number) {
    this.#render = render;
    this.#viewTop = viewTop;
    this.route = parseRoute(location.hash);
    history.scrollRestoration = 'manual';
    addEventListener('hashchange', () => this.#arrive());
    addEventListener('scroll', () => this.#scrolled.set(this.#shown, scrollY), { passive: true });
    addEventListener(
      'click',
      (event) => {
        const link = event.target instanceof Element ? event.target.closest('a[href^="#"]') : null;
        if (!link) return;
        this.#write();
        this.#followsLink = true;
      },
      { capture: true },
    );
  }

  start(): void {
    this.#render(this.route);
    this.#write();
  }

  /** Goes to another view, as a link does. */
  go(view: string, path: readonly string[] = [], params: Params = {}): void {
    this.#write();
    this.#followsLink = true;
    location.hash = hashOf(view, path, params);
  }

  /** Changes the settings of the view that is shown, without an entry in the browser's history. */
  set(params: Params): void {
    this.route = { ...this.route, params };
    this.writeSoon();
    this.#render(this.route);
  }

  /** Notes a setting that the views need not be told of. */
  writeSoon(): void {
    // Browsers limit how often the address may change, and typing is faster.
    clearTimeout(this.#written);
    this.#written = window.setTimeout(() => this.#write(), 250);
  }

  #write(): void {
    clearTimeout(this.#written);
    const { view, path, params } = this.route;
    const hash = hashOf(view, path, { ...params, ...displayParams() });
    this.#shown = hash;
    this.#scrolled.set(hash, scrollY);
    if (hash !== location.hash) history.replaceState(history.state, '', hash);
  }

  #arrive(): void {
    // A new view starts at its top; the head of the page comes back into sight only where it was in sight.
    const top = this.#followsLink ? Math.min(scrollY, this.#viewTop()) : (this.#scrolled.get(location.hash) ?? 0);
    this.#followsLink = false;
    this.#shown = location.hash;
    this.route = parseRoute(location.hash);
    this.#render(this.route);
    scrollTo(0, top);
    this.#write();
  }
}
