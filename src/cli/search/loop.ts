// Runs a search to its end: shows its progress, saves it now and then, and leaves in order when it is told to stop.
// What is searched for is the caller's.

import type { SavedSearch } from '../../synthesis/search/state.ts';
import type { SearchProgress } from '../../synthesis/search/search.ts';
import { short } from '../../report/synthesis/curve.ts';
import type { ProgressPrinter } from '../progress.ts';
import type { SearchFile } from './state-file.ts';

/** Seconds between two savings. */
const saveEvery = 20;

/**
 * @param begin the search, which goes on from `saved` and tells its progress after every step.
 * @param label of the progress, e.g. the photo's name where there are several.
 * @throws the signal's reason when aborted, after saving.
 */
export async function runSearch<Result>(
  begin: (way: {
    saved: SavedSearch | undefined;
    onProgress: (progress: SearchProgress) => Promise<void>;
  }) => Promise<Result>,
  options: { file: SearchFile; printer: ProgressPrinter; label: string; signal: AbortSignal },
): Promise<{ result: Result; seconds: number }> {
  const { file, printer, label, signal } = options;
  const begun = performance.now();
  const seconds = () => file.seconds + (performance.now() - begun) / 1000;
  let saved = begun;
  const onProgress = async (progress: SearchProgress): Promise<void> => {
    const stage = `${label}${progress.stage}`;
    if (progress.stage === 'candidates') return printer.update({ ...progress, stage });
    const { loss, terms, leader } = progress;
    file.track.add(progress);
    const agreement = terms.rosetta && `, r ${(1 - terms.rosetta[leader]).toFixed(3)}`;
    printer.update({ ...progress, stage, note: `loss ${short(loss[leader])}${agreement ?? ''}` });
    if (signal.aborted || performance.now() - saved >= 1000 * saveEvery) {
      await file.save(progress.saved(), seconds());
      saved = performance.now();
    }
    signal.throwIfAborted();
  };
  const result = await begin({ saved: file.saved, onProgress });
  return { result, seconds: seconds() };
}
