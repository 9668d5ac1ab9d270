// What exact and screened scores are predicted to cost, in multiply-adds, from shapes alone: the same on every machine,
// so that a run that is resumed chooses as it did.

import { UserError } from '../../errors.ts';
import { totalMultiplyAdds } from '../../graph/cost.ts';
import { positions, smallerGrid } from '../correlation/grid.ts';
import { centreGraph, type MapSource } from '../correlation/pass-graph.ts';
import { productsPerImage, rectangles, type MinedModel } from '../correlation/plan.ts';
import type { LongWork } from '../../progress.ts';
import type { Part } from '../correlation/run-pass.ts';
import { tables } from './lists.ts';
import { widths } from './widths.ts';

export interface PredictOptions {
  readonly models: readonly MinedModel[];
  readonly pairs: readonly (readonly [number, number])[];
  readonly parts: readonly Part[];
  readonly maps: MapSource;
  readonly nullModel: boolean;
  /** Passes over the images that exact scores take. */
  readonly passes: number;
  /** Values of a sketch. */
  readonly width: number;
}

/** What reading one estimate of one table costs, as the multiply-adds of a large product that take as long. */
const readOne = 200;
/** Candidates that a unit has, roughly, and what one of their multiply-adds costs against one of a large product. */
const candidatesOfUnit = 60;
const candidateWeight = 15;

/** Screening has to save this much of the work: exact scores of all pairs tell more. */
const worthwhile = 2;
/** Multiply-adds below which nothing needs saving: about a minute. */
const quick = 5e12;

/**
 * The options themselves when scores are to be screened: `always`, or when that is predicted to be much `cheaper`.
 * @param options.fits whether WebAssembly holds the operands of the smallest batch.
 * @param options.onNote is told the prediction, but for a run that is quick anyway and so exact.
 */
export function chosenScreening<Options extends PredictOptions>(
  options: Options & { readonly when: 'always' | 'cheaper'; readonly fits: boolean } & Pick<LongWork<never>, 'onNote'>,
): Options | undefined {
  const { exact, screened } = predict(options);
  if (options.when === 'cheaper' && exact < quick) return undefined;
  const unfit = 'WebAssembly does not hold the maps of four images; mine fewer layers with --taps';
  const narrow = options.width < widths.usual;
  if (options.when === 'always' && !options.fits) throw new UserError(`scores cannot be screened: ${unfit}`);
  const cheaper = !narrow && exact > worthwhile * screened;
  const screens = options.fits && (options.when === 'always' || cheaper);
  const ratio = screens ? exact / screened : screened / exact;
  const times = ratio < 10 ? Number(ratio.toPrecision(2)) : ratio.toFixed(0);
  const words = `predicted to take ${times} times as much work`;
  if (!options.fits) options.onNote?.(`exact scores of all pairs of units; they cannot be screened: ${unfit}`);
  else if (screens)
    options.onNote?.(`scores are screened; exact scores of all pairs of units are ${words} (--scores exact)`);
  else options.onNote?.(`exact scores of all pairs of units; screening is ${words} (--scores screened)`);
  if (narrow && options.fits)
    options.onNote?.(
      `the memory holds sketches of ${options.width} values, and screening needs ${widths.usual} to be sure; raise --memory`,
    );
  return screens ? options : undefined;
}

/** Multiply-adds of each way. */
export function predict({ models, pairs, parts, maps, nullModel, passes, width }: PredictOptions): {
  exact: number;
  screened: number;
} {
  const kinds = nullModel ? 2 : 1;
  let exact = 0;
  let screened = 0;
  for (const { source, halves, models: here } of parts) {
    const images = halves.flat().length;
    const forward = totalMultiplyAdds(centreGraph(source, 1, models, here, maps));
    const own = pairs.filter(([a, b]) => here.includes(a) && here.includes(b));
    const products = own.reduce((sum, [a, b]) => sum + productsPerImage(rectangles(models, a, b)), 0);
    exact += images * (passes * forward + kinds * products);
    screened += images * (2 * forward + kinds * candidateWeight * candidatePositions(models, own));
  }
  for (const [a, b] of pairs) {
    const read = (nullModel ? tables.length : tables.length / 2) * readOne;
    screened += models[a].units * models[b].units * (kinds * width + read);
  }
  return { exact, screened };
}

/** Positions of an image at which the candidates of all pairs of models are multiplied. */
function candidatePositions(models: readonly MinedModel[], pairs: readonly (readonly [number, number])[]): number {
  let total = 0;
  for (const [a, b] of pairs) {
    const units = models[a].units * models[b].units;
    let size = 0;
    for (const x of models[a].layers) {
      for (const y of models[b].layers) size += (x.units * y.units * positions(smallerGrid(x.grid, y.grid))) / units;
    }
    total += size * candidatesOfUnit * (models[a].units + models[b].units);
  }
  return total;
}
