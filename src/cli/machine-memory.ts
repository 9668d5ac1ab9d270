// How much memory there is for a program on this machine.
// How much of it a command takes is for the command to say.

import { totalmem } from 'node:os';

/** Bytes: of the machine, or of the container where that has a limit. */
export function machineMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
