// Photos that could not be read, told at the end of a command. What was done without them is the command's own.

import type { Unreadable } from '../images/source.ts';
import type { ProgressPrinter } from './progress.ts';

/** Photos that are named one by one. */
const shown = 10;

/** @param all where all of them are named. */
export function noteSkipped(unreadable: readonly Unreadable[], printer: ProgressPrinter, all?: string): void {
  for (const { name, reason } of unreadable.slice(0, shown)) printer.note(`skipped ${name}: ${reason}`);
  const rest = unreadable.length - shown;
  if (rest > 0) printer.note(`skipped ${rest} more${all ? `; ${all} names them all` : ''}`);
}
