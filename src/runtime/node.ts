// The engine for Node: onnxruntime-node, with a device and a number of threads.
// It knows graphs only, no models; the browser's engine has a file of its own.

// First of all: the engine reads it when it is loaded.
import './node/telemetry.ts';
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor, listSupportedBackends } from 'onnxruntime-node';
import { messageOf, UserError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { byteLengthOf } from '../graph/tensor.ts';
import { writeOnnx } from '../graph/write.ts';
import { devices, type Device, type Engine, type Session } from './engine.ts';
import { whyMissing } from './node/probe.ts';
import { wrapSession } from './ort.ts';

import { freshFile } from '../files/node/fresh-file.ts';
import { partialPath, removeDeadPartials } from '../files/node/replace-file.ts';
import { withTemporaryFolder } from '../files/node/temporary.ts';
export { nodeFolder } from '../files/node/folder.ts';

export interface NodeEngineOptions {
  /** Default `cpu`. */
  readonly device?: Device;
  /** Threads for one run. Default: one per core that this process may use. */
  readonly threads?: number;
}

/**
 * Under the launcher's settings glibc itself keeps freed memory at hand. ONNX Runtime's arena on top of it would hold about
 * half as much again; without them it is what saves the first touch of fresh memory in every run.
 */
const arena = !/glibc\.malloc\.mmap_threshold/.test(process.env.GLIBC_TUNABLES ?? '');

/** Above this size weights go through a file: a serialised graph is limited to 2 GB and would be held twice. */
const inlineBytes = 256 * 2 ** 20;

/** The devices that the installed onnxruntime-node brings a back end for; CUDA's is downloaded separately. */
export function availableDevices(): Device[] {
  const bundled = listSupportedBackends().filter((backend) => backend.bundled);
  return devices.filter((device) => bundled.some((backend) => backend.name === device));
}

/**
 * An engine on the given device.
 * @throws UserError when the runtime has no such device, or `threads` is not a positive whole number; from `open` when
 * the device does not work on this machine.
 */
export function nodeEngine(options: NodeEngineOptions = {}): Engine {
  const { device = 'cpu', threads = availableParallelism() } = options;
  if (!listSupportedBackends().some((backend) => backend.name === device)) throw unavailable(device);
  if (!Number.isInteger(threads) || threads < 1) {
    throw new UserError(`threads must be a positive whole number, not ${threads}`);
  }
  const sessionOptions: InferenceSession.SessionOptions = {
    executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    // What fails is thrown as well; the engine would print it too.
    logSeverityLevel: 4,
    enableCpuMemArena: arena,
    extra: {
      // Fusing a Pad into the Conv or pooling after it loses a value that is also an output under another name.
      optimization: { disable_specified_optimizers: 'Pad_Fusion' },
      session: {
        // Spinning threads would take the cores that decode the next images.
        intra_op: { allow_spinning: '0' },
        // "Flush denormals": dying activations are otherwise a hundred times slower.
        set_denormal_as_zero: '1',
      },
    },
  };
  return {
    device,
    async open(graph) {
      const missing = device === 'cpu' ? undefined : await whyMissing(device);
      if (missing !== undefined) throw unavailable(device, missing);
      const session = await createSession(graph, sessionOptions, device);
      return wrapSession(session, OrtTensor);
    },
  };
}

async function createSession(
  graph: Graph,
  options: InferenceSession.SessionOptions,
  device: Device,
): Promise<InferenceSession> {
  const weights = [...graph.initializers.values()];
  const bytes = weights.reduce((sum, tensor) => sum + byteLengthOf(tensor), 0);
  try {
    const folder = weights.find((tensor) => tensor.stored)?.stored?.folder;
    if (folder !== undefined)
      return await besideWeights(graph, folder, (file) => InferenceSession.create(file, options));
    if (bytes <= inlineBytes) return await InferenceSession.create(writeOnnx(graph).model, options);
    return await withTemporaryFolder(async (temporary) => {
      const file = await saveOnnx(graph, join(temporary, 'model.onnx'));
      return InferenceSession.create(file, options);
    });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`the ${device} engine cannot open the graph "${graph.name}": ${messageOf(error)}`);
  }
}

/** @param reason the engine's words when it has the device, but cannot use it. */
function unavailable(device: Device, reason?: string): UserError {
  const others = availableDevices().filter((other) => other !== device);
  const cause =
    reason === undefined
      ? `this onnxruntime-node has no "${device}"`
      : device === 'cuda'
        ? `it needs an NVIDIA driver, and the CUDA binaries of onnxruntime-node, which its installation notes tell how to get (the engine says: ${reason})`
        : `the engine says: ${reason}`;
  return new UserError(
    `the device "${device}" is not available: ${cause}. Choose another with --device: ${others.join(', ')}`,
  );
}

/**
 * Writes a graph to `path`, weights of 1 kB and more in `path + '.data'`. Returns the path.
 * @param folder where weights that are stored there stay; it must be the folder of `path`.
 */
export async function saveOnnx(graph: Graph, path: string, folder?: string): Promise<string> {
  const location = `${basename(path)}.data`;
  const { model, external = [] } = writeOnnx(graph, { external: { location, minBytes: 1024, folder } });
  await writeAnew(`${path}.data`, external);
  await writeAnew(path, [model]);
  return path;
}

async function writeAnew(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const file = await freshFile(path);
  try {
    for (const chunk of chunks) await file.writeFile(chunk);
  } finally {
    await file.close();
  }
}

/** Opens a graph from a file in the folder of its stored weights, from where the engine maps them into memory. */
async function besideWeights<T>(graph: Graph, folder: string, work: (file: string) => Promise<T>): Promise<T> {
  const file = partialPath(join(folder, 'run.onnx'));
  await removeDeadPartials(folder);
  try {
    return await work(await saveOnnx(graph, file, folder));
  } finally {
    // What is mapped stays readable.
    for (const name of [file, `${file}.data`]) await rm(name, { force: true });
  }
}

export type { Session };
