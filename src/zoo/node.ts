// Opens models in Node: a checkpoint, a card (JSON beside a checkpoint), or an .onnx file, recognised by content.
// Building the network is done elsewhere.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { networkPath, openCheckpoint, stateDict, type Checkpoint } from '../checkpoint/checkpoint.ts';
import { pickledModules } from '../checkpoint/modules.ts';
import { openFile } from '../checkpoint/node.ts';
import { recognise } from '../checkpoint/recognise.ts';
import { errorCode, reasonOf } from '../files/node/system-error.ts';
import type { ByteSource } from '../files/source.ts';
import { messageOf, UserError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { readOnnx, type ReadOptions } from '../graph/read.ts';
import type { Tensor } from '../graph/tensor.ts';
import { parseCard } from './read-card.ts';
import type { Hints } from './architecture.ts';
import {
  describeModel,
  modelFromTensors,
  shapesOf,
  type FromCheckpointOptions,
  type LoadedModel,
} from './from-checkpoint.ts';
import { parseConfig } from './network-config.ts';
import { compiledKey, readCompiled, writeCompiled, type Compiled } from './node/compiled.ts';
import { modelFromGraph } from './onnx/onnx.ts';
import { Weights } from './weights.ts';

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

export interface LoadOptions extends FromCheckpointOptions {
  /** Where compiled models are kept, and from which size of a checkpoint on (bytes, default 0); by default nowhere. */
  readonly compiled?: {
    readonly folder: string;
    readonly minBytes?: number;
    /** Told when a compiled copy cannot be written; the model is used all the same. */
    readonly onFailure?: (error: Error) => void;
  };
}

/**
 * Opens the model in a file.
 * @param path a checkpoint (safetensors, torch), an ONNX file, or a model card, whose `file` names one of them beside it.
 * @throws UserError saying what is wrong with the file, and what to do.
 */
export function loadModel(path: string, options: LoadOptions): Promise<LoadedModel> {
  return withFile(path, async (source) => {
    const kind = await kindOf(source);
    if (kind === 'card') {
      if (options.card)
        throw new UserError(`${path}, which a model card names as its "file", is not a file of weights`);
      const text = new TextDecoder().decode(await source.read(0, source.size));
      const { card, file } = parseCard(text, path);
      return loadModel(join(dirname(path), file), { ...options, card });
    }
    if (kind === 'onnx') return modelFromGraph(await readGraph(source), options);
    return loadCheckpoint(path, source, options);
  });
}

async function loadCheckpoint(path: string, source: ByteSource, options: LoadOptions): Promise<LoadedModel> {
  const json = await configBeside(path);
  const { folder, minBytes = 0 } = options.compiled ?? {};
  const settings = [options.settings, options.card?.architecture, options.card?.config, options.card?.input, json];
  const compiled =
    folder !== undefined && source.size >= minBytes
      ? { folder, key: await compiledKey(folder, path, settings) }
      : undefined;
  const found = compiled && (await readCompiled(compiled.folder, compiled.key));
  if (found) return fromCompiled(found, options);

  const checkpoint = await openCheckpoint(source);
  const tensors = new Map<string, Tensor>();
  for (const [name, ref] of networkTensors(checkpoint)) tensors.set(name, await ref.load());
  const modules = pickledModules(checkpoint, networkPath(checkpoint));
  const hints: Hints = { ...(modules && { modules }), ...(json && { json }) };
  const loaded = modelFromTensors(tensors, { ...options, hints });
  if (!compiled) return loaded;
  const { card, over } = describeModel(shapesOf(tensors), { ...options, hints, taps: ['**'] });
  const weights = new Weights(tensors, card.name);
  try {
    await writeCompiled(compiled.folder, compiled.key, over(weights), weights, hints);
  } catch (error) {
    options.compiled?.onFailure?.(error instanceof Error ? error : new Error(messageOf(error)));
    return loaded;
  }
  const written = await readCompiled(compiled.folder, compiled.key);
  return written ? fromCompiled(written, options) : loaded;
}

function fromCompiled({ tensors, constants, hints }: Compiled, options: LoadOptions): LoadedModel {
  const { card, assumed, over } = describeModel(shapesOf(tensors), { ...options, hints });
  return { model: over(new Weights(tensors, card.name, constants)), assumed };
}

/** The network's tensors, and beside them the mean latent that rosinality's StyleGAN2 files keep outside the network. */
function networkTensors(checkpoint: Checkpoint) {
  const tensors = new Map(stateDict(checkpoint));
  const mean = checkpoint.tensors.get('latent_avg');
  if (mean && networkPath(checkpoint) !== '') tensors.set('latent_avg', mean);
  return tensors;
}

/** `config.json` beside a checkpoint, as BigGAN's comes; of other programs' files of that name nothing is used. */
async function configBeside(path: string): Promise<Hints['json']> {
  const text = await readFile(join(dirname(path), 'config.json'), 'utf8').catch(() => '');
  return parseConfig(text);
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
      `${source.name} is not an ONNX model: those have at most 2 GB. Larger weights are kept in a file beside it`,
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
      if (!stat.isFile()) throw unreadable('is not a regular file');
      return file;
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw unreadable(errorCode(error) === 'ENOENT' ? 'is missing' : `cannot be read (${reasonOf(error)})`);
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
