// Reads Python's pickle format, protocols 0 to 5, into inert plain data.
// It runs nothing that is in the file, and knows nothing of torch.

import { PickleBytes, PickleWindow } from './bytes.ts';
import { PickleMachine, type PickleOptions } from './machine.ts';
import { operations } from './opcodes.ts';
import type { ByteSource } from '../../files/source.ts';
import type { CheckpointTree } from '../tree.ts';

export interface Unpickled {
  readonly value: CheckpointTree;
  /** Where the pickle ends, and the next one may begin. */
  readonly end: number;
}

const maxOperations = 20_000_000;

/**
 * Reads the pickle at `start` of `bytes`. Byte strings in the value share the memory of `bytes`;
 * Python 2's strings are read as latin-1.
 * @throws UserError when `bytes` end too early, for damaged data, or for more objects than any checkpoint has.
 */
export function unpickle(name: string, bytes: Uint8Array, start = 0, options: PickleOptions = {}): Unpickled {
  return run(new PickleMachine(new PickleBytes(name, bytes.length, start, bytes), options));
}

/**
 * Reads the pickle at `start` of a source, of which only a window is in memory at any time. Byte strings longer than
 * 32 KiB stay in the source: the value has their places.
 * @param window bytes that are read at once, unless a single value needs more.
 * @throws UserError as `unpickle`, and for more than 256 MiB of texts and short byte strings.
 */
export async function readPickle(
  source: ByteSource,
  start: number,
  options: PickleOptions = {},
  window = 2 ** 18,
): Promise<Unpickled> {
  const input = new PickleBytes(source.name, source.size, start);
  const machine = new PickleMachine(input, options);
  for (;;) {
    try {
      return run(machine);
    } catch (error) {
      if (!(error instanceof PickleWindow)) throw error;
      await input.fill(source, error.end, window);
    }
  }
}

/** Runs a machine to the pickle's end. After a PickleWindow it can go on with the operation that wanted more bytes. */
function run(machine: PickleMachine): Unpickled {
  const { input } = machine;
  let start = input.position;
  try {
    for (; machine.operations < maxOperations; machine.operations++) {
      start = input.position;
      const code = input.u8();
      if (code === 0x2e) return { value: machine.pop(), end: input.position };
      const operation = operations[code];
      if (operation) operation(machine);
      else input.fail(`byte ${code} is no operation`);
    }
  } catch (error) {
    if (error instanceof PickleWindow) input.position = start;
    throw error;
  }
  return machine.refuse(`${maxOperations} operations`);
}
