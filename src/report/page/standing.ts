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

/** Orders sets: those that miss `significance` after all others (q is null without a null: no one misses it), then larger r. */
export const bySignificanceThenR = (
  a: { readonly q: number | null; readonly r: number },
  b: { readonly q: number | null; readonly r: number },
): number => Number(misses(a)) - Number(misses(b)) || b.r - a.r;

const misses = ({ q }: { readonly q: number | null }): boolean => q !== null && q >= significance;
