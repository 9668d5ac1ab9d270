// Opens models in Node: a checkpoint, a card (JSON beside a checkpoint), or an .onnx file, recognised by content.
// Building the network is done elsewhere.

import { dirname, join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { openCheckpoint, stateDict } from '../checkpoint/checkpoint.ts';
import { openFile } from '../checkpoint/node.ts';
import type { Tensor } from '../graph/tensor.ts';
import { parseCard } from './card-schema.ts';
import { modelFromTensors, type FromCheckpointOptions, type LoadedModel } from './from-checkpoint.ts';

/** Cards are small; a larger file is not one. */
const largestCard = 2 ** 20;

/**
 * Opens the model in a file.
 * @param path a checkpoint (safetensors, torch), or a model card, whose `file` names the checkpoint beside it.
 * @throws UserError saying what is wrong with the file, and what to do.
 */
export async function loadModel(path: string, options: FromCheckpointOptions): Promise<LoadedModel> {
  const source = await openFile(path);
  try {
    if (await looksLikeJson(source)) {
      const { card, file } = parseCard(await readFile(path, 'utf8'), path);
      return await loadModel(join(dirname(path), file), { ...options, card });
    }
    const checkpoint = await openCheckpoint(source);
    const tensors = new Map<string, Tensor>();
    for (const [name, ref] of stateDict(checkpoint)) tensors.set(name, await ref.load());
    return modelFromTensors(tensors, options);
  } finally {
    await source.close();
  }
}

async function looksLikeJson(source: { size: number; read(offset: number, length: number): Promise<Uint8Array> }) {
  if (source.size === 0 || source.size > largestCard) return false;
  const start = new TextDecoder().decode(await source.read(0, Math.min(64, source.size)));
  return start.trimStart().startsWith('{');
}
