// A long list of which only the rows near the window are in the document; the window itself scrolls.
// It knows nothing of what the rows show.

export interface ListOptions {
  /** An element of the kind that may stand before and after rows: a `div`, or a `tr` in a table body. */
  readonly spacer: () => HTMLElement;
  readonly render: (index: number) => HTMLElement;
  /** Height of a row before any was seen, in pixels. */
  readonly estimate: number;
  /** All rows are equally high: measure only one. */
  readonly uniform?: boolean;
}

/** Rows are kept in the document up to this far outside the window, in pixels. */
const usualMargin = 600;

export class VirtualList {
  readonly #parent: HTMLElement;
  readonly #options: ListOptions;
  readonly #before: HTMLElement;
  readonly #after: HTMLElement;
  readonly #rows = new Map<number, HTMLElement>();
  readonly #indexOf = new WeakMap<Element, number>();
  readonly #resized: ResizeObserver;
  #count = 0;
  #typical: number;
  /** Heights that were measured; 0 where none was. */
  #heights = new Float64Array();
  /** Top of each row, from the list's top; one more than rows. */
  #tops = new Float64Array(1);
  #queued = false;

  constructor(parent: HTMLElement, options: ListOptions) {
    this.#parent = parent;
    this.#options = options;
    this.#typical = options.estimate;
    this.#before = options.spacer();
    this.#after = options.spacer();
    // Rows may hold the window's place when heights change; spacers change all the time.
    for (const spacer of [this.#before, this.#after]) spacer.style.setProperty('overflow-anchor', 'none');
    parent.append(this.#before, this.#after);
    this.#resized = new ResizeObserver((entries) => {
      for (const { target } of entries) if (target instanceof HTMLElement) this.#measure(target);
      this.#layOut();
      this.update();
    });
    const later = () => this.#schedule();
    addEventListener('scroll', later, { passive: true });
    addEventListener('resize', later, { passive: true });
  }

  /** Shows a list of `count` rows anew. */
  reset(count: number): void {
    for (const row of this.#rows.values()) this.#drop(row);
    this.#rows.clear();
    this.#count = count;
    this.#heights = new Float64Array(count);
    this.#layOut();
    // What is seen comes first; the rows around it with the next frame.
    this.update(0);
    this.#schedule();
  }

  /** Brings the rows in the document in line with the window; for after the list was put (back) in the document. */
  update(margin = usualMargin): void {
    if (!this.#parent.isConnected) return;
    const top = -this.#before.getBoundingClientRect().top - margin;
    const first = this.#rowAt(top);
    const end = Math.min(this.#count, this.#rowAt(top + innerHeight + 2 * margin) + 1);

    for (const [index, row] of this.#rows) {
      // A row that has the keyboard's focus stays, so that Tab goes on from it.
      if ((index >= first && index < end) || row.contains(document.activeElement)) continue;
      this.#drop(row);
      this.#rows.delete(index);
    }
    const added: HTMLElement[] = [];
    const kept = [...this.#rows.keys()].filter((index) => index >= end);
    let next: Element = this.#rows.get(Math.min(...kept)) ?? this.#after;
    for (let index = end - 1; index >= first; index--) {
      let row = this.#rows.get(index);
      if (!row) {
        row = this.#options.render(index);
        this.#indexOf.set(row, index);
        this.#rows.set(index, row);
        next.before(row);
        added.push(row);
      }
      next = row;
    }
    this.#space(first, end);
    if (this.#options.uniform) {
      // One row stands for all, and is measured each time: a narrower window makes all of them higher.
      const [row] = this.#rows.values();
      if (row) this.#measure(row);
    } else {
      for (const row of added) this.#measure(row);
      for (const row of added) this.#resized.observe(row);
      if (added.length > 0) this.#layOut();
    }
    this.#space(first, end);
  }

  /** Heights of the spacers: what is above the first row in the document, and below the last. */
  #space(first: number, end: number): void {
    let [above, below] = [this.#tops[first] ?? 0, this.#tops[this.#count] - (this.#tops[end] ?? 0)];
    for (const [index, row] of this.#rows) {
      if (index < first) above -= row.offsetHeight;
      if (index >= end) below -= row.offsetHeight;
    }
    this.#before.style.height = `${Math.max(0, above)}px`;
    this.#after.style.height = `${Math.max(0, below)}px`;
  }

  #schedule(): void {
    if (this.#queued) return;
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      this.update();
    });
  }

  #drop(row: HTMLElement): void {
    this.#resized.unobserve(row);
    row.remove();
  }

  #measure(row: HTMLElement): void {
    const index = this.#indexOf.get(row);
    const height = row.getBoundingClientRect().height;
    if (index === undefined || height === 0) return;
    if (this.#options.uniform) {
      if (height === this.#typical) return;
      this.#typical = height;
      this.#layOut();
      return;
    }
    if (this.#heights.every((known) => known === 0)) this.#typical = height;
    this.#heights[index] = height;
  }

  #layOut(): void {
    const tops = new Float64Array(this.#count + 1);
    for (let i = 0; i < this.#count; i++) {
      tops[i + 1] = tops[i] + (this.#options.uniform ? this.#typical : this.#heights[i] || this.#typical);
    }
    this.#tops = tops;
  }

  /** The row at a distance from the list's top, or the nearest one. */
  #rowAt(y: number): number {
    let low = 0;
    let high = Math.max(0, this.#count - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#tops[middle] <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
