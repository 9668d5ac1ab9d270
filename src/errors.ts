// The one class of errors that are the caller's to mend: bad files, bad options, missing capabilities.
// Anything else that is thrown is a defect of this program.

/**
 * A mistake in what was given: the message names the thing, what was expected, and what to do next.
 * The command line prints such a message without a stack trace.
 */
export class UserError extends Error {
  override name = 'UserError';
}

/** What was thrown, in its own words. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
