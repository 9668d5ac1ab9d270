// What page, inspect and summary say alike of a dictionary: which units never changed, which concepts stand first.
// It reads plain numbers; it formats nothing.

/** q below this counts as significant; that of mining, since the page's modules import nothing beyond the page. */
export const significance = 0.01;

interface CountedModel {
  readonly role: 'zoo' | 'twin';
  readonly layers: readonly { readonly dead: number; readonly constant: number }[];
}

/** Dead and constant units of the models that were asked for: those of their untrained twins are not counted. */
export const silentUnits = (models: readonly CountedModel[]): number =>
  models
    .filter(({ role }) => role === 'zoo')
    .flatMap(({ layers }) => layers)
    .reduce((sum, { dead, constant }) => sum + dead + constant, 0);

interface Judged {
  readonly q: number | null;
  readonly r: number;
  readonly excess: number | null;
}

/** Orders sets: those that miss `significance` after all others (q is null without a null: no one misses it). */
const bySignificance = (a: Pick<Judged, 'q'>, b: Pick<Judged, 'q'>): number => Number(misses(a)) - Number(misses(b));
const misses = ({ q }: Pick<Judged, 'q'>): boolean => q !== null && q >= significance;

/** Significant sets first, then larger r. */
export const bySignificanceThenR = (a: Pick<Judged, 'q' | 'r'>, b: Pick<Judged, 'q' | 'r'>): number =>
  bySignificance(a, b) || b.r - a.r;

/** Significant sets first, then larger excess over the null; r without a null. */
export const bySignificanceThenExcess = (a: Judged, b: Judged): number =>
  bySignificance(a, b) || (b.excess ?? b.r) - (a.excess ?? a.r);
