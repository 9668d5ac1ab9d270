// Runs a search to its end: shows its progress, saves it now and then, and leaves in order when it is told to stop.
// What is searched for is the caller's.

import type { SavedSearch } from '../../synthesis/search/state.ts';
import type { SearchEvent } from '../../synthesis/search/search.ts';
import { short } from '../../report/synthesis/curve.ts';
import type { ProgressPrinter } from '../progress.ts';
import type { SearchFile } from './state-file.ts';

/** Seconds between two savings. */
const saveEvery = 20;

/**
 * @param begin the search, which goes on from `saved` and yields after every step.
 * @param label of the progress, e.g. the photo's name where there are several.
 * @throws the signal's reason when aborted, after saving.
 */
export async function runSearch<Result>(
  begin: (saved: SavedSearch | undefined) => AsyncGenerator<SearchEvent, Result>,
  options: { file: SearchFile; printer: ProgressPrinter; label: string; signal: AbortSignal },
): Promise<{ result: Result; seconds: number }> {
  const { file, printer, label, signal } = options;
  const begun = performance.now();
  const seconds = () => file.seconds + (performance.now() - begun) / 1000;
  let saved = begun;
  const work = begin(file.saved);
  try {
    let step = await work.next();
    for (; !step.done; step = await work.next()) {
      const { value } = step;
      if (value.stage === 'candidates') {
        printer.update({ stage: `${label}candidates`, done: value.done, total: value.total, unit: 'samples' });
        continue;
      }
      const { loss, terms, leader } = value;
      file.track.add(value);
      const agreement = terms.rosetta && `, r ${(1 - terms.rosetta[leader]).toFixed(3)}`;
      const note = `loss ${short(loss[leader])}${agreement ?? ''}`;
      printer.update({ stage: `${label}search`, done: value.step, total: value.steps, unit: 'steps', note });
      if (signal.aborted || performance.now() - saved >= 1000 * saveEvery) {
        await file.save(value.saved(), seconds());
        saved = performance.now();
      }
      signal.throwIfAborted();
    }
    return { result: step.value, seconds: seconds() };
  } finally {
    await work.return(undefined as never);
  }
}
