// Feeds one target: every input must be read or end in a UserError, soon and in little memory.
// It starts no process: worker.ts gives each target one, so that what hangs or runs out of memory is seen from outside.

import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { UserError } from '../../src/errors.ts';
import type { Prepared } from './target.ts';

export interface Limits {
  /** For one input. */
  readonly milliseconds: number;
  /** By which one input may make the process grow. */
  readonly bytes: number;
}

export interface CampaignOptions {
  readonly seed: number;
  /** Inputs in all. */
  readonly runs: number;
  /** When to stop, as Date.now() tells it; default never. */
  readonly until?: number;
  /** Default none: time and memory are not looked at. */
  readonly limits?: Limits;
  /** Told of each input before it is read. */
  readonly onInput?: (input: Uint8Array, figures: Figures) => void;
}

export interface Failure {
  /** What happened: the error with its stack, or the limit that was passed. */
  readonly what: string;
  /** The smallest input that was found to do it. */
  readonly input: Uint8Array;
}

export interface Figures {
  inputs: number;
  read: number;
  refused: number;
  slowestMilliseconds: number;
  /** Of the process. */
  peakBytes: number;
}

/** After so many inputs, the next batch has the next seed. */
const batch = 500;
/** More are not worth having before these are mended. */
const maxFailures = 10;

export async function campaign(
  target: Prepared,
  { seed, runs, until = Infinity, limits, onInput }: CampaignOptions,
): Promise<Figures & { failures: Failure[] }> {
  const figures: Figures = { inputs: 0, read: 0, refused: 0, slowestMilliseconds: 0, peakBytes: 0 };
  const failures = new Map<string, Failure>();
  let latest = '';
  const property = fc.asyncProperty(target.inputs, async (input) => {
    // Nothing is begun after the end, and what was begun is judged.
    if (Date.now() >= until) return;
    onInput?.(input, figures);
    figures.inputs++;
    try {
      const found = await feed(target, input, limits);
      figures[found.outcome]++;
      figures.slowestMilliseconds = Math.max(figures.slowestMilliseconds, found.milliseconds);
    } catch (error) {
      latest = error instanceof Error ? (error.stack ?? error.message) : `thrown: ${String(error)}`;
      throw error;
    }
  });
  for (let n = 0; figures.inputs < runs && Date.now() < until && failures.size < maxFailures; n++) {
    const numRuns = Math.min(batch, runs - figures.inputs);
    const details = await fc.check(property, { seed: seed + n, numRuns });
    if (!details.failed || !details.counterexample) continue;
    const failure = { what: latest, input: details.counterexample[0] };
    if (!failures.has(kindOf(latest))) failures.set(kindOf(latest), failure);
  }
  figures.peakBytes = peak();
  return { ...figures, failures: [...failures.values()] };
}

/** Reads one input. @throws whatever is no UserError, and an Error when a limit is passed. */
export async function feed(
  target: Prepared,
  input: Uint8Array,
  limits?: Limits,
): Promise<{ outcome: 'read' | 'refused'; milliseconds: number }> {
  const before = limits ? process.memoryUsage.rss() : 0;
  let found = await once(target, input);
  if (!limits) return found;
  // A busy machine makes anything slow once, hardly three times.
  for (let again = 0; again < 2 && found.milliseconds > limits.milliseconds; again++) found = await once(target, input);
  if (found.milliseconds > limits.milliseconds) throw new Error(`took ${Math.round(found.milliseconds)} ms`);
  const grown = peak() - before;
  if (grown > limits.bytes) {
    resetPeak();
    throw new Error(`took ${Math.round(grown / 2 ** 20)} MB of memory`);
  }
  return found;
}

async function once(
  target: Prepared,
  input: Uint8Array,
): Promise<{ outcome: 'read' | 'refused'; milliseconds: number }> {
  const start = performance.now();
  const cpu = process.cpuUsage();
  let outcome: 'read' | 'refused' = 'read';
  try {
    await target.read(input);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    outcome = 'refused';
  }
  // On a busy machine the clock runs on while the reader waits for its turn.
  const { user, system } = process.cpuUsage(cpu);
  return { outcome, milliseconds: Math.min(performance.now() - start, (user + system) / 1000) };
}

/** Failures of one kind have one place in the code. */
const kindOf = (what: string): string => {
  const frame = /\n\s+at .*(src\/\S+?:\d+)/.exec(what)?.[1];
  return frame ?? what.split('\n')[0].replaceAll(/\d+/g, 'N');
};

const peak = (): number => process.resourceUsage().maxRSS * 1024;

/** So that smaller inputs that take less are told from those that take as much. */
function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not Linux: the peak stays, and the input is as large as it was found.
  }
}
