// Which process this is, in words that a file can keep: enough to tell later whether it is still alive.
// It knows no locks and no partial files; those keep such marks.

import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { isRecord } from '../parse-json.ts';
import { errorCode } from './system-error.ts';

export interface ProcessMark {
  readonly pid: number;
  readonly host: string;
  /** Of the kernel's start, and the processes' number space (containers have their own); empty where unknown. */
  readonly boot: string;
  readonly space: string;
  /** When the process started, in ticks since boot; empty where unknown. */
  readonly start: string;
  /** Tells two marks of one process apart. */
  readonly id: string;
}

const orEmpty = (read: () => string): string => {
  try {
    return read().trim();
  } catch {
    return '';
  }
};

/** Fields 3 and 22 of `stat`, empty where unknown; the second one, a name in brackets, may hold blanks. */
function statOf(pid: number | 'self'): { state: string; start: string } {
  const text = orEmpty(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0], start: fields[19] ?? '' };
}

const here = {
  host: hostname(),
  boot: orEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
  space: orEmpty(() => readlinkSync('/proc/self/ns/pid')),
};

/** When this process started, in ticks since boot; empty where unknown. */
export const ownStart = statOf('self').start;

/** A new mark of this process. */
export const ownMark = (): ProcessMark => ({ pid: process.pid, ...here, start: ownStart, id: randomUUID() });

/** A short name of the place whose process numbers are comparable with ours. */
export const placeName: string = createHash('sha256')
  .update(JSON.stringify([here.host, here.boot, here.space]))
  .digest('hex')
  .slice(0, 8);

/** Undefined where it cannot be told from here: another machine, another container, before a restart. */
export function isAlive(mark: ProcessMark): boolean | undefined {
  if (mark.host !== here.host || mark.boot !== here.boot || mark.space !== here.space) return undefined;
  return isRunning(mark.pid, mark.start);
}

/** Whether the process here that has this number started then; an empty `start` is any. */
export const isRunning = (pid: number, start: string): boolean =>
  numberIsTaken(pid) && (!start || start === statOf(pid).start);

/** Whether a process that has not ended has this number here; one of another user counts. */
export function numberIsTaken(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    // One that was killed keeps its number until its parent has asked how it ended, which a parent may never do.
    return !['Z', 'X'].includes(statOf(pid).state);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

const isMark = (value: unknown): value is ProcessMark & Record<string, unknown> =>
  isRecord(value) &&
  typeof value.pid === 'number' &&
  Number.isSafeInteger(value.pid) &&
  value.pid > 0 &&
  [value.host, value.boot, value.space, value.start, value.id].every((field) => typeof field === 'string');

/** @returns undefined when the text is none. */
export function parseMark(text: string): ProcessMark | undefined {
  try {
    const mark: unknown = JSON.parse(text);
    return isMark(mark) ? mark : undefined;
  } catch {
    return undefined;
  }
}
