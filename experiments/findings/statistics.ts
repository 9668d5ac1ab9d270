// What the findings say in numbers: means, intervals, sign tests, ranks, and tables in Markdown. Pure functions.
// They know no network and read no file.

import { randomAt } from 'rosetta-neurons';

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The value that a fraction of the others lies below, interpolated; NaN for none. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  if (!sorted.length) return NaN;
  const at = fraction * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (at - Math.floor(at)) * (high - low);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/**
 * Interval of the mean by the percentile bootstrap: the values are drawn again with replacement, `resamples` times.
 * Source: Efron, "Bootstrap methods: another look at the jackknife", 1979.
 * @returns [low, high]; both NaN without values.
 */
export function bootstrap(
  values: readonly number[],
  { level = 0.95, resamples = 10_000, seed = 0 } = {},
): readonly [low: number, high: number] {
  const n = values.length;
  const means = Array.from({ length: resamples }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += values[Math.floor(randomAt(seed, i * n + k) * n)];
    return sum / n;
  });
  return [quantile(means, (1 - level) / 2), quantile(means, (1 + level) / 2)];
}

/** How many differences are above and below 0, and the two-sided p of so uneven a split, exactly; those of 0 are left out. */
export function signTest(differences: readonly number[]) {
  const above = differences.filter((d) => d > 0).length;
  const below = differences.filter((d) => d < 0).length;
  const n = above + below;
  // The binomial coefficients by their logarithms: 2^n is more than a number holds.
  let logarithm = -n * Math.LN2;
  let tail = 0;
  for (let k = 0; k <= Math.min(above, below); k++) {
    tail += Math.exp(logarithm);
    logarithm += Math.log((n - k) / (k + 1));
  }
  return { above, below, p: Math.min(1, 2 * tail) };
}

/** Ranks from 1; equal values share the mean of theirs. */
export function ranks(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]);
  const out = new Array<number>(values.length);
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let i = from; i < to; i++) out[order[i]] = (from + to + 1) / 2;
    from = to;
  }
  return out;
}

/** Pearson's r; NaN where one of the two does not vary. */
export function correlation(x: readonly number[], y: readonly number[]): number {
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((value, i) => {
    xy += (value - mx) * (y[i] - my);
    xx += (value - mx) ** 2;
    yy += (y[i] - my) ** 2;
  });
  return xx && yy ? xy / Math.sqrt(xx * yy) : NaN;
}

/** Spearman's rank correlation. */
export const rankCorrelation = (x: readonly number[], y: readonly number[]): number => correlation(ranks(x), ranks(y));

/** Differences of paired values with their mean, its interval and the sign test. @param better 1 if more is better, else -1. */
export function paired(values: readonly number[], others: readonly number[], better: 1 | -1) {
  const differences = values.map((value, i) => value - others[i]);
  const [low, high] = bootstrap(differences);
  const { above, below, p } = signTest(differences);
  const [wins, losses] = better > 0 ? [above, below] : [below, above];
  const verdict =
    low * better > 0 && high * better > 0 ? 'better' : low * better < 0 && high * better < 0 ? 'worse' : 'open';
  return { mean: mean(differences), low, high, wins, losses, p, verdict };
}

/** A number with so many digits behind the point; a dash for what is none. */
export const fixed = (value: number | null | undefined, digits = 3): string =>
  value === null || value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits).replace(/^-/, '−');

export const percent = (fraction: number, digits = 0): string =>
  Number.isNaN(fraction) ? '–' : `${(100 * fraction).toFixed(digits)} %`;

/** A p-value as people write it. */
export const pValue = (p: number): string => (p < 0.0001 ? '< 0.0001' : p.toFixed(p < 0.01 ? 4 : 2));

export type Cell = string | number | null | undefined;
/** A table in Markdown; cells that are undefined stay empty. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]) =>
    `| ${cells.map((cell) => String(cell ?? '').replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** "a, b and c". */
export function listed(words: readonly string[], none = 'none'): string {
  const last = words.at(-1);
  if (last === undefined) return none;
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}
