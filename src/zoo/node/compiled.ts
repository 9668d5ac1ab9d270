// Compiled models on disk: the constants that a network's graph is made of, ready to be mapped into memory, and the
// graph as .onnx. Graphs for other batch sizes are built by the same code from the same constants.
// It does not decide which models are compiled.

import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import { required } from '../../lookup.ts';
import { writeOnnx } from '../../graph/write.ts';
import {
  byteLengthOf,
  bytesPerElement,
  fromBytes,
  sizeOf,
  toBytes,
  type DType,
  type Float32Tensor,
  type Tensor,
  type TensorData,
} from '../../graph/tensor.ts';
import { program } from '../../program.ts';
import { nodeFolder } from '../../files/node/folder.ts';
import type { PickledModule } from '../../checkpoint/modules.ts';
import type { Hints } from '../architecture.ts';
import { modelGraph } from '../export.ts';
import type { Model } from '../model.ts';
import type { Weights } from '../weights.ts';
import { sealed, unsealed } from '../../files/sealed.ts';

/** Changes when derived constants do, so that older files are made anew. */
const formatVersion = 2;
/** Tensors up to this size are kept beside the constants: some settings of a graph need them. */
const keptBytes = 4 * 2 ** 20;
const alignment = 4096;

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Place in the file of data; undefined for tensors of which only the shape is kept. */
  readonly offset?: number;
}

interface Index {
  readonly version: string;
  readonly source: string;
  readonly hints: { readonly json?: Hints['json']; readonly modules?: readonly (readonly [string, PickledModule])[] };
  /** Tensors of the checkpoint. */
  readonly tensors: readonly Entry[];
  /** Constants by key. */
  readonly constants: readonly Entry[];
  /** Size and time of change of the files, by which damage is noticed. */
  readonly files: Readonly<Record<'data' | 'onnx', { readonly bytes: number; readonly changed: number }>>;
}

/** What a compiled model is made of. */
export interface Compiled {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly constants: ReadonlyMap<string, Float32Tensor>;
  readonly hints: Hints;
  /** The graph as an ONNX file, weights beside it. */
  readonly onnx: string;
}

const version = `${program.version}/${formatVersion}`;

/**
 * Key of a compiled model: of the content of its checkpoint, and all that decides its constants.
 * The content is read once and known again by the file's size and time of change.
 */
export async function compiledKey(folder: string, path: string, settings: unknown): Promise<string> {
  const content = await digestOf(folder, resolve(path));
  const rest = createHash('sha256')
    .update(JSON.stringify([version, settings]))
    .digest('hex');
  return `${content.slice(0, 16)}-${rest.slice(0, 12)}`;
}

async function digestOf(folder: string, path: string): Promise<string> {
  const { size, mtimeMs, ino } = await stat(path);
  const known = join(folder, `${createHash('sha256').update(path).digest('hex').slice(0, 16)}.digest.json`);
  const stamp = JSON.stringify([path, size, mtimeMs, ino]);
  try {
    const saved = await unsealed<{ stamp: string; sha256: string }>(await readFile(known, 'utf8'));
    if (saved?.stamp === stamp) return saved.sha256;
  } catch {
    // Not seen before, or unreadable: read the file.
  }
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
  const sha256 = hash.digest('hex');
  try {
    await replace(known, [Buffer.from(await sealed({ stamp, sha256 }))]);
  } catch {
    // Then the file is read once more next time.
  }
  return sha256;
}

/** The compiled model of a key; undefined when there is none, or its files are damaged. */
export async function readCompiled(folder: string, key: string): Promise<Compiled | undefined> {
  const paths = pathsOf(folder, key);
  try {
    const index = await unsealed<Index>(await readFile(paths.index, 'utf8'));
    if (index?.version !== version) return undefined;
    for (const kind of ['data', 'onnx'] as const) {
      const { size, mtimeMs } = await stat(paths[kind]);
      if (size !== index.files[kind].bytes || mtimeMs !== index.files[kind].changed) return undefined;
    }
    const read = (entry: Entry) => storedTensor(folder, `${key}.data`, entry);
    const { json, modules } = index.hints;
    return {
      tensors: new Map(index.tensors.map((entry) => [entry.name, read(entry)])),
      constants: new Map(index.constants.map((entry) => [entry.name, read(entry) as Float32Tensor])),
      hints: { ...(json && { json }), ...(modules && { modules: new Map(modules) }) },
      onnx: paths.onnx,
    };
  } catch {
    return undefined; // missing or damaged: it is made anew
  }
}

/**
 * Writes what a model's graph is made of: its graph is built with all layers, so that every constant is there.
 * @throws when the folder cannot be written, or the disk is full; nothing half-written is left looking whole.
 */
export async function writeCompiled(
  folder: string,
  key: string,
  model: Model,
  weights: Weights,
  hints: Hints,
): Promise<void> {
  const paths = pathsOf(folder, key);
  const graph = modelGraph(model, { batch: 1 });
  const chunks: Uint8Array[] = [];
  let length = 0;
  const place = (name: string, tensor: Tensor): Entry => {
    const padding = -length & (alignment - 1);
    if (padding) chunks.push(new Uint8Array(padding));
    const offset = length + padding;
    chunks.push(toBytes(tensor));
    length = offset + byteLengthOf(tensor);
    return { name, dtype: tensor.dtype, shape: tensor.shape, offset };
  };
  const places = new Map<Tensor, Entry>();
  const constants = [...weights.made].map(([name, tensor]) => {
    places.set(tensor, place(name, tensor));
    return required(places, tensor, 'tensor');
  });
  const tensors = [...weights.tensors].map(([name, tensor]): Entry => {
    const { dtype, shape } = tensor;
    const kept = !weights.made.has(name) && byteLengthOf(tensor) <= keptBytes;
    return kept ? place(name, tensor) : { name, dtype, shape };
  });
  await replace(paths.data, chunks);
  const initializers = [...graph.initializers].map(([name, tensor]): [string, Tensor] => {
    const at = places.get(tensor)?.offset;
    return [name, at === undefined ? tensor : { ...tensor, stored: { folder, file: `${key}.data`, offset: at } }];
  });
  const { model: onnx, external } = writeOnnx(
    { ...graph, initializers: new Map(initializers) },
    { external: { location: `${key}.more.data`, minBytes: 1024, folder } },
  );
  await replace(paths.more, external ?? []);
  await replace(paths.onnx, [onnx]);
  const { json, modules } = hints;
  const index: Index = {
    version,
    source: key.split('-')[0],
    hints: { ...(json && { json }), ...(modules && { modules: [...modules] }) },
    tensors,
    constants,
    files: { data: await stamp(paths.data), onnx: await stamp(paths.onnx) },
  };
  await removeOutdated(folder, key);
  // Last: without an index there is no entry.
  await replace(paths.index, [Buffer.from(await sealed(index))]);
}

const pathsOf = (folder: string, key: string) => ({
  index: join(folder, `${key}.json`),
  data: join(folder, `${key}.data`),
  more: join(folder, `${key}.more.data`),
  onnx: join(folder, `${key}.onnx`),
});

async function stamp(path: string) {
  const { size, mtimeMs } = await stat(path);
  return { bytes: size, changed: mtimeMs };
}

/** Files that nothing would read again: of other versions of this program, and what a killed process left without an index. */
async function removeOutdated(folder: string, current: string): Promise<void> {
  const names = await readdir(folder);
  const present = new Set(names);
  for (const name of names) {
    const [, key] = /^([0-9a-f]{16}-[0-9a-f]{12})\.(data|more\.data|onnx)$/.exec(name) ?? [];
    if (key && key !== current && !present.has(`${key}.json`)) {
      // Another process may be about to write the index.
      const found = await stat(join(folder, name)).catch(() => undefined);
      if (found && Date.now() - found.mtimeMs > 3_600_000) await rm(join(folder, name), { force: true });
    }
    if (!/^[0-9a-f]{16}-[0-9a-f]{12}\.json$/.test(name) || name === `${current}.json`) continue;
    const index = await unsealed<Index>(await readFile(join(folder, name), 'utf8').catch(() => ''));
    if (index?.version === version) continue;
    for (const path of Object.values(pathsOf(folder, name.slice(0, -5)))) await rm(path, { force: true });
  }
}

/** Written beside, then renamed. */
const replace = (path: string, chunks: readonly Uint8Array[]): Promise<void> =>
  nodeFolder(dirname(path)).write(basename(path), chunks);

/** A tensor whose data are read when somebody asks for them. */
function storedTensor(folder: string, file: string, { name, dtype, shape, offset }: Entry): Tensor {
  let data: TensorData | undefined;
  return {
    dtype,
    shape,
    ...(offset !== undefined && { stored: { folder, file, offset } }),
    get data() {
      if (offset === undefined) {
        throw new UserError(
          `the compiled copy in ${folder} lacks the tensor "${name}"; remove that folder, it is made anew`,
        );
      }
      return (data ??= fromBytes(dtype, readRange(join(folder, file), offset, sizeOf(shape) * bytesPerElement(dtype))));
    },
  };
}

function readRange(path: string, offset: number, length: number): Uint8Array {
  const handle = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const count = readSync(handle, bytes, done, Math.min(length - done, 2 ** 30), offset + done);
      if (count === 0) throw new UserError(`${path} is cut short; remove it, it is made anew`);
      done += count;
    }
    return bytes;
  } finally {
    closeSync(handle);
  }
}
