// Reads what torch.save has written since version 1.6, and TorchScript archives: a ZIP of one pickle and its storages.
// The code that TorchScript archives carry is neither read nor run.

import { UserError } from '../../errors.ts';
import type { Checkpoint } from '../types.ts';
import { maxPickleBytes } from '../pickle/bytes.ts';
import { unpickle } from '../pickle/pickle.ts';
import type { ByteSource } from '../../files/source.ts';
import { torchOptions } from './objects.ts';
import { torchCheckpoint } from './tensors.ts';
import { readZip } from '../../files/zip.ts';

/**
 * Reads a torch archive: `ROOT/data.pkl`, with storage KEY in `ROOT/data/KEY`; ROOT is any folder.
 * Format: caffe2/serialize/inline_container.h and torch/serialization.py.
 * @throws UserError for a file that is truncated, damaged, big-endian, or another kind of ZIP archive.
 */
export async function readTorchZip(source: ByteSource): Promise<Checkpoint> {
  const entries = new Map<string, ByteSource>();
  for (const entry of await readZip(source)) {
    // Which of them would be meant is anyone's guess.
    if (entries.has(entry.path)) {
      throw new UserError(`${source.name} is a ZIP archive with two entries called ${entry.path}. Download it again.`);
    }
    entries.set(entry.path, entry);
  }
  const [pickleName] = [...entries.keys()].filter((n) => /^([^/]+\/)?data\.pkl$/.test(n));
  const pickle = entries.get(pickleName) ?? notTorch(source.name, [...entries.keys()]);
  const root = pickleName.slice(0, -'data.pkl'.length);

  const order = entries.get(`${root}byteorder`);
  if (order && new TextDecoder().decode(await order.read(0, Math.min(order.size, 16))) === 'big') {
    throw new UserError(`${source.name} was written on a big-endian machine. Save it again on a little-endian one.`);
  }
  if (pickle.size > maxPickleBytes) {
    throw new UserError(`${pickle.name} has ${pickle.size} bytes, more than ${maxPickleBytes}, so it was not read.`);
  }
  const { value } = unpickle(pickle.name, await pickle.read(0, pickle.size), 0, torchOptions(source.name));
  return torchCheckpoint('torch-zip', source.name, value, (key) => entries.get(`${root}data/${key}`));
}

function notTorch(file: string, names: readonly string[]): never {
  const kind = names.some((n) => n.endsWith('.npy')) ? 'NumPy archive (.npz)' : 'ZIP archive';
  const shown = names.slice(0, 5).join(', ') + (names.length > 5 ? ', ...' : '');
  throw new UserError(
    `${file} is a ${kind} without the data.pkl of a torch checkpoint (it has ${shown || 'no entries'}). ` +
      'If the checkpoint is inside it, unpack it and give that file.',
  );
}
