// Exit codes of every command; docs/cli.md lists them too.

export const exitCodes = {
  done: 0,
  /** A file or a value is wrong: the message says which, and what to do. */
  userError: 1,
  /** The options are wrong. */
  usage: 2,
  /** The program failed where it should not. */
  internalError: 3,
  /** Stopped by Ctrl-C or a signal. */
  interrupted: 130,
} as const;
