// Making elements and writing numbers. Every text goes in as text: nothing here, or in the page, parses HTML.
// It is not a framework: views build their elements once and change them by hand.

export type Child = Node | string | number | null | undefined | false | readonly Child[];
export type Attributes = Readonly<
  Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>
>;

function fill(element: Element, attributes: Attributes, children: readonly Child[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  append(element, children);
}

const isList = (child: Child): child is readonly Child[] => Array.isArray(child);

/** Appends children; lists are flattened, and null, undefined and false are left out. */
export function append(parent: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (isList(child)) append(parent, child);
    else parent.append(typeof child === 'number' ? String(child) : child);
  }
}

/** An HTML element. An attribute whose value is a function is a listener of the event of that name. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  fill(element, attributes, children);
  return element;
}

/** An SVG element. */
export function svg(tag: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  fill(element, attributes, children);
  return element;
}

const missing = '–';
const isMissing = (value: number | null): value is null => value === null || Number.isNaN(value);

/** A correlation with three decimals; an en dash for null and NaN. */
export const formatR = (value: number | null): string =>
  isMissing(value) ? missing : value.toFixed(3).replace('-', '−');

/** A q-value: three decimals, or its power of ten where it is small. */
export function formatQ(value: number | null): string {
  if (isMissing(value)) return missing;
  if (value === 0 || value >= 0.0005) return value.toFixed(3);
  return value.toExponential(0).replace('-', '−');
}

/** A whole number with separators. By hand: the first use of the browser's own formatter takes as long as the whole view. */
export const formatCount = (value: number): string => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');

/** `1 set`, `2 sets`. */
export const plural = (count: number, noun: string): string => `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
