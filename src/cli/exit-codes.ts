// Exit codes of every command; docs/cli.md lists them too.

export const exitCodes = {
  done: 0,
  /** A file or a value is wrong: the message says which, and what to do. */
  userError: 1,
  /** The options are wrong. */
  usage: 2,
  /** The program failed where it should not. */
  internalError: 3,
  // Stopped by a signal: 128 and its number, as a shell has it for a process that the signal has killed.
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143,
} as const;

/** Signals that stop a command. */
export const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type StopSignal = (typeof stopSignals)[number];
