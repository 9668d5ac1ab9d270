// The histogram of best r of two models against the null, as SVG.
// It does not compute it: the dictionary holds the bins.

import { formatCount, h, svg } from './dom.ts';
import type { PackedPairs } from '../payload.ts';

const width = 320;
const height = 120;
const base = 100;

/** r below which the given fraction of the units lies, from the bins. */
function quantile(counts: readonly number[], fraction: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  const bin = counts.findIndex((count) => (seen += count) >= fraction * total);
  return -1 + ((Math.max(0, bin) + 0.5) * 2) / counts.length;
}

/** A chart with a line below it that says what is under the pointer. Bins are equal over [-1, 1]; empty ends are cut off. */
export function histogramChart({ histogram: { bins, best, nullBest } }: PackedPairs): HTMLElement {
  if (best.every((count) => count === 0)) return h('p', { class: 'note' }, 'No units to show.');
  const filled = Array.from({ length: bins }, (_, i) => best[i] > 0 || nullBest[i] > 0);
  // Whole tenths, so that the ticks are round numbers.
  const low = Math.floor((-1 + (filled.indexOf(true) * 2) / bins) * 10 + 1e-9) / 10;
  const high = Math.ceil((-1 + ((filled.lastIndexOf(true) + 1) * 2) / bins) * 10 - 1e-9) / 10;
  const top = Math.max(...best, ...nullBest);
  const x = (r: number) => ((r - low) / (high - low)) * width;
  const y = (count: number) => base - (count / top) * (base - 6);
  const edge = (bin: number) => -1 + (bin * 2) / bins;

  const shown = filled.map((_, i) => i).filter((i) => edge(i) >= low - 1e-9 && edge(i + 1) <= high + 1e-9);
  const bars = shown
    .filter((i) => best[i] > 0)
    .map((i) => `M${x(edge(i)) + 0.4} ${base}V${y(best[i])}H${x(edge(i + 1)) - 0.4}V${base}Z`)
    .join('');
  const line = shown
    .map((i, at) => `${at === 0 ? 'M' : 'L'}${x(edge(i))} ${y(nullBest[i] ?? 0)}H${x(edge(i + 1))}`)
    .join('');
  const step = high - low > 1 ? 0.5 : 0.2;
  const ticks: number[] = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + 1e-9; tick += step) ticks.push(tick);

  const summary =
    `Half of the units have a best r above ${quantile(best, 0.5).toFixed(2)}` +
    (nullBest.length > 0 ? `; under the null, above ${quantile(nullBest, 0.5).toFixed(2)}.` : '.');
  const readout = h('p', { class: 'readout' }, summary);
  const chart = svg(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': summary, class: 'histogram' },
    svg('path', { d: bars, class: 'bars' }),
    nullBest.length > 0 && svg('path', { d: line, class: 'null' }),
    svg('path', { d: `M0 ${base}H${width}`, class: 'axis' }),
    ticks.map((tick) => {
      const anchor = tick - low < 0.02 ? 'start' : high - tick < 0.02 ? 'end' : 'middle';
      return svg(
        'text',
        { x: x(tick), y: base + 14, 'text-anchor': anchor },
        tick.toFixed(1).replace('-', '−').replace('−0.0', '0.0'),
      );
    }),
  );
  chart.addEventListener('pointermove', (event) => {
    const { left, width: drawn } = chart.getBoundingClientRect();
    const r = low + ((event.clientX - left) / drawn) * (high - low);
    const bin = Math.min(bins - 1, Math.max(0, Math.floor(((r + 1) / 2) * bins)));
    readout.textContent =
      `r ${edge(bin).toFixed(2)} to ${edge(bin + 1).toFixed(2)}: ${formatCount(best[bin])} units` +
      (nullBest.length > 0 ? `, null ${formatCount(nullBest[bin])}` : '');
  });
  chart.addEventListener('pointerleave', () => (readout.textContent = summary));
  return h('div', { class: 'chart' }, chart, readout);
}
