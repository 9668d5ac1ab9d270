// The memory allocator's settings for processes that compute, where the system has glibc.
// They are read when a process starts, so one that wants them starts another.

import { spawn } from 'node:child_process';

// Large pages make the first touch of fresh memory cheap; high thresholds and one arena let buffers that were given
// back be taken again, already touched. With the defaults, fresh memory for outputs costs more than computing them.
// Blocks of 32 MiB and more come from the system and go back to it: a heap of such blocks falls to pieces, and
// a step through a StyleGAN-XL would hold several times what it needs.
const settings = {
  'glibc.malloc.hugetlb': 1,
  'glibc.malloc.mmap_threshold': 2 ** 25,
  'glibc.malloc.trim_threshold': 2 ** 34,
  'glibc.malloc.arena_max': 1,
};

/** Milliseconds within which the same signal counts once: npm passes on a Ctrl-C that the terminal has sent as well. */
const moment = 250;
/** Milliseconds after a second signal until a process that is busy with a computation, and hears nothing, is killed. */
const patience = 1000;

/** Whether a process of its own with these settings would be of use. */
export const wantsAllocator = () =>
  process.platform === 'linux' && !process.env.GLIBC_TUNABLES?.includes('glibc.malloc');

/** Runs a script with these settings in place of this process: signals reach it once, its exit is ours. */
export function runWithAllocator(script, args) {
  const own = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const orphan = ['--import', new URL('orphan.js', import.meta.url).href];
  const child = spawn(process.execPath, [...process.execArgv, ...orphan, script, ...args], {
    env: { ...process.env, GLIBC_TUNABLES: [process.env.GLIBC_TUNABLES, ...own].filter(Boolean).join(':') },
    // The channel lets the child notice when this process is killed.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    // A group of its own: else a terminal's Ctrl-C would reach it directly and through us.
    detached: true,
  });
  let asked;
  const stop = (signal) => {
    const now = performance.now();
    if (asked?.signal === signal && now - asked.at < moment) return;
    child.kill(signal);
    if (asked) setTimeout(() => child.kill('SIGKILL'), patience).unref();
    asked = { signal, at: now };
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  process.on('SIGCONT', () => child.kill('SIGCONT'));
  process.on('SIGTSTP', () => {
    child.kill('SIGSTOP');
    process.kill(process.pid, 'SIGSTOP');
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 1;
    if (!signal) return;
    // Killed by us because it was asked to stop: then that is what ended it.
    const cause = signal === 'SIGKILL' && asked ? asked.signal : signal;
    process.removeAllListeners(cause);
    process.kill(process.pid, cause);
  });
}
