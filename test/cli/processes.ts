// Which processes descend from one that was started: found by a mark in their environment, on systems with /proc.
// It is no test itself.

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Ids of all processes whose environment has `name=value`; ones that have ended but are not yet collected are left out. */
export function processesWith(name: string, value: string): number[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${name}=${value}`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Those that are left after `seconds`, or as soon as there are none. */
export async function leftAfter(seconds: number, name: string, value: string): Promise<number[]> {
  const until = performance.now() + 1000 * seconds;
  for (;;) {
    const left = processesWith(name, value);
    if (!left.length || performance.now() > until) return left;
    await sleep(20);
  }
}
