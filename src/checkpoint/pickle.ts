// Reads Python's pickle format, protocols 0 to 5, into inert plain data.
// It runs nothing that is in the file, and knows nothing of torch.

import { UserError } from '../errors.ts';
import { PickleTruncated } from './pickle-bytes.ts';
import { PickleMachine, type PickleOptions } from './pickle-machine.ts';
import { operations } from './pickle-opcodes.ts';
import type { ByteSource } from './source.ts';
import type { CheckpointTree } from './tree.ts';

export interface Unpickled {
  readonly value: CheckpointTree;
  /** Where the pickle ends, and the next one may begin. */
  readonly end: number;
}

const maxOperations = 20_000_000;

/** Pickles are read whole. Those of checkpoints keep their tensors elsewhere, and are a few megabytes. */
export const maxPickleBytes = 256 * 2 ** 20;

/**
 * Reads the pickle at `start` of `bytes`. Byte strings in the value share the memory of `bytes`;
 * Python 2's strings are read as latin-1.
 * @throws PickleTruncated when `bytes` end too early; UserError for damaged data, or for more objects than any checkpoint has.
 */
export function unpickle(name: string, bytes: Uint8Array, start = 0, options: PickleOptions = {}): Unpickled {
  const machine = new PickleMachine(name, bytes, start, options);
  const { input } = machine;
  for (let count = 0; count < maxOperations; count++) {
    const code = input.u8();
    if (code === 0x2e) return { value: machine.pop(), end: input.position };
    const operation = operations[code];
    if (operation) operation(machine);
    else input.fail(`byte ${code} is no operation`);
  }
  return machine.refuse(`${maxOperations} operations`);
}

/** Reads a pickle of unknown length at `start` of a source, in windows that grow until it fits. */
export async function readPickle(source: ByteSource, start: number, options: PickleOptions = {}): Promise<Unpickled> {
  const available = source.size - start;
  for (let window = 65536; ; window *= 16) {
    const length = Math.min(window, available, maxPickleBytes);
    const bytes = await source.read(start, length);
    try {
      const { value, end } = unpickle(source.name, bytes, 0, options);
      return { value, end: start + end };
    } catch (error) {
      if (!(error instanceof PickleTruncated) || error.needed > available) throw error;
      if (error.needed > maxPickleBytes) {
        throw new UserError(
          `${source.name}: its pickled objects take more than ${maxPickleBytes} bytes, so it was not read.`,
        );
      }
    }
  }
}
