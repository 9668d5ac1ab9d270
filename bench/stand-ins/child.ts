// A measurement in a process of its own, so that its peak memory is its own.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Runs a program again with other arguments. @param url `import.meta.url` of the program.
 * @returns what the last line of its output says, as JSON. @throws Error naming `what` when it fails.
 */
export function resultOf<T>(url: string, args: readonly string[], what: string): T {
  const { stdout, status } = spawnSync(process.execPath, [...process.execArgv, fileURLToPath(url), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${what} failed`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}

/** Largest resident memory of this process so far, in bytes. */
export const peakBytes = (): number => 1024 * process.resourceUsage().maxRSS;

export const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Options as arguments; those without a value are left out. */
export const asArguments = (options: Readonly<Record<string, string | undefined>>): string[] =>
  Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
