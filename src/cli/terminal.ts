// What the command line prints, on either stream: made safe for a terminal, and at peace with a stream that is closed
// or full. What is said is the commands' own.

import { errorCode } from '../files/node/system-error.ts';
import { exitCodes } from './exit-codes.ts';

/** Control characters, line and paragraph separators, marks that turn the direction of text, and lone surrogates. */
const unsafe = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** One line of text in which nothing can move the cursor, change colours or turn the direction: `\u001b` for ESC. */
export const printable = (line: string): string => line.replace(unsafe, escaped);

/** Texts of several lines, such as help: each line by itself. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n');

/** Writes to a stream that may be closed or full; `failed` is told what went wrong, now or later. */
function write(stream: NodeJS.WriteStream, text: string, failed: (error: unknown) => void): void {
  try {
    stream.write(text);
  } catch (error) {
    failed(error);
  }
}

function resultLost(error: unknown): void {
  const code = errorCode(error);
  // A reader such as `head` has what it wanted; the work goes on.
  if (code === 'EPIPE') return;
  process.exitCode = exitCodes.userError;
  const reason = code === 'ENOSPC' ? 'no space left on the device' : (code ?? 'unknown error');
  complain(`cannot write to standard output: ${reason}`);
}

/** Nobody reads what is told on the side: the work goes on without. */
const unheard = (): void => {};

/** Has the streams' late errors taken as those of a write. Call it once, before anything is printed. */
export function guardStreams(): void {
  process.stdout.on('error', resultLost);
  process.stderr.on('error', unheard);
}

/** Prints lines of a result on standard output. */
export function printLines(...lines: readonly string[]): void {
  write(process.stdout, `${lines.map(printable).join('\n')}\n`, resultLost);
}

/** Prints a result as JSON on standard output. @param indent spaces; default none: one line. */
export function printJson(value: unknown, indent = 0): void {
  // Line breaks here are JSON's own: those inside texts are escaped already.
  write(process.stdout, `${printableLines(JSON.stringify(value, null, indent))}\n`, resultLost);
}

/** Says on standard error what is wrong, as one line; on a terminal in place of a line of progress. */
export function complain(message: string): void {
  const clear = process.stderr.isTTY ? '\r\x1b[2K' : '';
  write(process.stderr, `${clear}rosetta: ${printable(message)}\n`, unheard);
}

/** Writes to a stream on which nothing has to arrive, as progress; `text` is written as it is. */
export function tell(stream: NodeJS.WriteStream, text: string): void {
  write(stream, text, unheard);
}
