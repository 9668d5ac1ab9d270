// Progress on standard error: one line that is redrawn on a terminal, a plain line now and then otherwise.
// It counts and prints; what is counted is the caller's.

import type { Progress } from '../progress.ts';
import { printable, tell } from './terminal.ts';

export interface Step extends Progress {
  /** Put behind the numbers, e.g. how good a search is by now. */
  readonly note?: string;
}

/** Seconds between two plain lines. */
const plainEvery = 15;

export class ProgressPrinter {
  #stage = '';
  #start = 0;
  #startDone = 0;
  #last = -Infinity;
  #finished = false;

  /** @param quiet prints nothing. */
  constructor(
    readonly stream: NodeJS.WriteStream,
    readonly quiet = false,
  ) {}

  update(step: Step): void {
    if (this.quiet) return;
    const now = performance.now() / 1000;
    const fresh = step.stage !== this.#stage;
    if (fresh) {
      this.#clear();
      this.#stage = step.stage;
      this.#start = now;
      this.#startDone = step.done;
      this.#last = -Infinity;
      this.#finished = false;
    }
    if (this.#finished) return;
    const finished = step.done === step.total;
    const every = this.stream.isTTY ? 0.1 : plainEvery;
    if (!finished && !fresh && now - this.#last < every) return;
    if (!this.stream.isTTY && fresh && !finished) {
      this.#last = now;
      return;
    }
    this.#last = now;
    this.#finished = finished;
    const line = printable(this.#line(step, now - this.#start));
    if (!this.stream.isTTY) tell(this.stream, `${line}\n`);
    else tell(this.stream, `\r\x1b[2K${line.slice(0, (this.stream.columns || 80) - 1)}${finished ? '\n' : ''}`);
  }

  /** A line of its own, between the progress. */
  note(text: string): void {
    if (this.quiet) return;
    this.#clear();
    tell(this.stream, `${printable(text)}\n`);
  }

  #clear(): void {
    if (this.stream.isTTY && this.#stage) tell(this.stream, '\r\x1b[2K');
  }

  #line({ stage, done, total, unit, note }: Step, seconds: number): string {
    const rate = (done - this.#startDone) / Math.max(seconds, 1e-3);
    const percent = total ? Math.floor((100 * done) / total) : 100;
    const parts = [`${stage}: ${done} of ${total} ${unit}`, `${percent} %`];
    if (done > this.#startDone && seconds > 0.5) {
      parts.push(`${rate >= 10 ? rate.toFixed(0) : rate.toFixed(1)} ${unit}/s`);
      parts.push(done < total ? `${duration((total - done) / rate)} left` : `took ${duration(seconds)}`);
    }
    if (note) parts.push(note);
    return parts.join(', ');
  }
}

/** `42 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
