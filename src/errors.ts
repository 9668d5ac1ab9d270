// The one class of errors that are the caller's to mend: bad files, bad options, missing capabilities.
// Anything else that is thrown is a defect of this program.

/**
 * A mistake in what was given: the message names the thing, what was expected, and what to do next.
 * The command line prints such a message without a stack trace.
 */
export class UserError extends Error {
  override name = 'UserError';
}

/**
 * What a library found wrong with the bytes that it was given. Libraries throw plain errors for it.
 * @throws the error itself when it is of another class, such as a TypeError: that is a defect, which must not pass for
 *   trouble with the bytes.
 */
export function complaintOf(error: unknown): string {
  if (!(error instanceof Error) || error.constructor !== Error) throw error;
  return error.message;
}

/** What was thrown, in its own words. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
