// Opens models in Node: a checkpoint, a card (JSON beside a checkpoint), or an .onnx file, recognised by content.
// Building the network is done elsewhere.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openCheckpoint, stateDict } from '../checkpoint/checkpoint.ts';
import { openFile } from '../checkpoint/node.ts';
import { recognise } from '../checkpoint/recognise.ts';
import type { ByteSource } from '../checkpoint/source.ts';
import { UserError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { readOnnx, type ReadOptions } from '../graph/read.ts';
import type { Tensor } from '../graph/tensor.ts';
import { parseCard } from './card-schema.ts';
import { modelFromTensors, type FromCheckpointOptions, type LoadedModel } from './from-checkpoint.ts';
import { modelFromGraph } from './onnx.ts';

/** Cards are small; a larger file is not one. */
const largestCard = 2 ** 20;
/** Protocol buffers hold no more in one message. */
const largestOnnx = 2 ** 31 - 1;
const maxReadBytes = 2 ** 30; // one read(2) moves less than 2 GiB

export type FileKind = 'card' | 'onnx' | 'checkpoint';

/**
 * What a file is, by its first bytes. What is none of the three counts as a checkpoint, since opening one tells what a
 * file is instead.
 * @throws UserError when the file cannot be read.
 */
export const fileKind = (path: string): Promise<FileKind> => withFile(path, kindOf);

/**
 * Opens the model in a file.
 * @param path a checkpoint (safetensors, torch), an ONNX file, or a model card, whose `file` names one of them beside it.
 * @throws UserError saying what is wrong with the file, and what to do.
 */
export function loadModel(path: string, options: FromCheckpointOptions): Promise<LoadedModel> {
  return withFile(path, async (source) => {
    const kind = await kindOf(source);
    if (kind === 'card') {
      if (options.card) throw new UserError(`${path}, which a model card names as its "file", is no file of weights`);
      const text = new TextDecoder().decode(await source.read(0, source.size));
      const { card, file } = parseCard(text, path);
      return loadModel(join(dirname(path), file), { ...options, card });
    }
    if (kind === 'onnx') return modelFromGraph(await readGraph(source), options);
    const checkpoint = await openCheckpoint(source);
    const tensors = new Map<string, Tensor>();
    for (const [name, ref] of stateDict(checkpoint)) tensors.set(name, await ref.load());
    return modelFromTensors(tensors, options);
  });
}

/**
 * The graph of an ONNX file, with weights that are kept in files beside it; of those only the parts that it names are read.
 * @throws UserError when the file is no ONNX model, is damaged, or lacks a file of weights.
 */
export const readOnnxFile = (path: string): Promise<Graph> => withFile(path, readGraph);

async function withFile<T>(path: string, work: (source: ByteSource) => Promise<T>): Promise<T> {
  const source = await openFile(path);
  try {
    return await work(source);
  } finally {
    await source.close();
  }
}

async function kindOf(source: ByteSource): Promise<FileKind> {
  const head = await source.read(0, Math.min(64, source.size));
  if (source.size <= largestCard && new TextDecoder().decode(head).trimStart().startsWith('{')) return 'card';
  try {
    await recognise(source);
    return 'checkpoint';
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Protocol buffers: field 1, a number. Every ONNX model begins with its `ir_version`.
    return head[0] === 0x08 ? 'onnx' : 'checkpoint';
  }
}

async function readGraph(source: ByteSource): Promise<Graph> {
  if (source.size > largestOnnx) {
    throw new UserError(
      `${source.name} is no ONNX model: those have at most 2 GB. Larger weights are kept in a file beside it`,
    );
  }
  const weights = weightFiles(source.name);
  try {
    return readOnnx(await source.read(0, source.size), { external: weights.read });
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${source.name}: ${error.message}`, { cause: error });
    throw error;
  } finally {
    weights.close();
  }
}

/** Files of weights beside a model, each opened once. Links are followed: download caches are made of them. */
function weightFiles(model: string): { read: NonNullable<ReadOptions['external']>; close(): void } {
  const files = new Map<string, { path: string; handle: number; size: number }>();
  const open = (location: string) => {
    const path = join(dirname(model), ...location.split('/'));
    const unreadable = (reason: string) =>
      new UserError(`its weights are kept in ${path}, which ${reason}. Put that file beside the model`);
    try {
      // Without O_NONBLOCK, opening a pipe would wait for a writer.
      const handle = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      const stat = fstatSync(handle);
      const file = { path, handle, size: stat.size };
      files.set(location, file);
      if (!stat.isFile()) throw unreadable('is no regular file');
      return file;
    } catch (error) {
      if (error instanceof UserError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      throw unreadable(code === 'ENOENT' ? 'is missing' : `cannot be read (${message})`);
    }
  };
  return {
    read(location, offset, length) {
      const { path, handle, size } = files.get(location) ?? open(location);
      const end = length === undefined ? size : offset + length;
      const short = () =>
        new UserError(
          `${path} has ${size} bytes, but weights are to be read up to ${end}. It is cut short or belongs to another ` +
            'model; fetch it again',
        );
      if (end > size || offset > end) throw short();
      const bytes = new Uint8Array(end - offset);
      for (let done = 0; done < bytes.length;) {
        const count = readSync(handle, bytes, done, Math.min(bytes.length - done, maxReadBytes), offset + done);
        if (count === 0) throw short();
        done += count;
      }
      return bytes;
    },
    close: () => files.forEach(({ handle }) => closeSync(handle)),
  };
}
