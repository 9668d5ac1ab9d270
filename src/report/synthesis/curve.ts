// One term of a loss by step, as a small SVG chart.
// It picks no colours; style.ts does.

import { html, type Html } from '../html.ts';

export interface Curve {
  readonly name: string;
  /** In the order of the steps; values that are no finite numbers are left out. */
  readonly values: readonly (readonly [step: number, value: number])[];
}

const width = 200;
const base = 72;
const top = 12;

/** So many points are drawn at most: more cannot be told apart. */
const most = 400;

export const short = (value: number): string => String(Number(value.toPrecision(3))).replace('-', '\u2212');

/** A figure: the name, the first and last value, and the line between them, over an axis that contains 0. */
export function lossCurve({ name, values }: Curve): Html {
  const all = values.filter(([step, value]) => Number.isFinite(step) && Number.isFinite(value));
  if (all.length === 0)
    return html`<figure class="curve">
      <figcaption>${name} <span>no values</span></figcaption>
    </figure>`;
  const every = Math.ceil(all.length / most);
  const shown = all.filter((_, i) => i % every === 0 || i === all.length - 1);
  const [[first, start], [last, end]] = [all[0], all[all.length - 1]];
  const low = all.reduce((least, [, value]) => Math.min(least, value), 0);
  const high = all.reduce((greatest, [, value]) => Math.max(greatest, value), 0);
  const x = (step: number) => (last === first ? width / 2 : ((step - first) / (last - first)) * width).toFixed(1);
  const y = (value: number) => (base - ((value - low) / (high - low || 1)) * (base - top)).toFixed(1);
  const points = shown.map(([step, value]) => `${x(step)},${y(value)}`).join(' ');
  const label = `${name}: ${short(start)} at step ${first}, ${short(end)} at step ${last}`;
  return html`<figure class="curve">
    <figcaption>${name} <span>${short(start)} → ${short(end)}</span></figcaption>
    <svg viewBox="0 0 ${width} 90" role="img" aria-label="${label}">
      <path class="axis" d="M0 ${y(0)}H${width}" />
      <polyline points="${points}" />
      <circle cx="${x(last)}" cy="${y(end)}" r="2.5" />
      <text x="0" y="86">${first}</text>
      <text x="${width}" y="86" text-anchor="end">step ${last}</text>
    </svg>
  </figure>`;
}
