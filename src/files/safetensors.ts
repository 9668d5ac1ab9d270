// The safetensors format: a JSON header with every tensor's type, shape and place, then the data.
// It opens no file: checkpoint/node.ts does.

import { UserError } from '../errors.ts';
import { required } from '../lookup.ts';
import { bytesPerElement, fromBytes, sizeOf, toBytes, type DType, type Tensor } from '../graph/tensor.ts';
import { isRecord } from './parse-json.ts';
import { bytesSource, partOf, type ByteSource } from './source.ts';
import type { TensorRef } from './tensor-ref.ts';

/** The official library's limit. */
const maxHeaderBytes = 100_000_000;
/** Brackets, braces, colons and commas outside strings: they bound the memory that JSON.parse takes. */
const maxPunctuation = 10_000_000;

const dtypes = new Map<string, DType>([
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U64', 'uint64'],
  ['U32', 'uint32'],
  ['U16', 'uint16'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
]);
const codes = new Map([...dtypes].map(([code, dtype]) => [dtype, code]));

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** An opened safetensors file; its tensors are read when they are loaded. */
export interface Safetensors {
  readonly file: string;
  /** In file order. */
  readonly tensors: ReadonlyMap<string, TensorRef>;
  /** The `__metadata__` of the file. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Tensors of types that this project does not have (float8, complex), which `tensors` leaves out. */
  readonly others: ReadonlyMap<string, { readonly dtype: string; readonly shape: readonly number[] }>;
}

/**
 * Reads a safetensors file.
 * @throws UserError for a header that is not valid, or tensors that overlap, leave gaps or do not fill the file.
 */
export async function readSafetensors(source: ByteSource): Promise<Safetensors> {
  const file = source.name;
  const fail = (what: string): never => {
    throw new UserError(`${file}: ${what}. The safetensors file is truncated or damaged: download it again.`);
  };
  const prefix = await source.read(0, 8);
  const headerBytes = Number(new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true));
  if (headerBytes > maxHeaderBytes) fail(`its header claims ${headerBytes} bytes, more than ${maxHeaderBytes}`);
  if (8 + headerBytes > source.size) fail(`its header claims ${headerBytes} bytes and the file has ${source.size}`);
  const header = parseHeader(await source.read(8, headerBytes), fail);

  let metadata: Record<string, string> = {};
  const tensors = new Map<string, TensorRef>();
  const others = new Map<string, { dtype: string; shape: readonly number[] }>();
  const places: { name: string; start: number; end: number }[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      metadata = isTexts(value) ? value : fail('its metadata are not an object of texts');
      continue;
    }
    const entry = isEntry(value) ? value : fail(`tensor ${name} has no valid dtype, shape and data_offsets`);
    const { shape } = entry;
    const [start, end] = entry.data_offsets;
    places.push({ name, start, end });
    const dtype = dtypes.get(entry.dtype);
    if (!dtype) {
      others.set(name, { dtype: entry.dtype, shape });
      continue;
    }
    if (end - start !== sizeOf(shape) * bytesPerElement(dtype)) {
      fail(`tensor ${name} of type ${dtype} and shape [${shape.join(', ')}] has ${end - start} bytes`);
    }
    const data = partOf(source, 8 + headerBytes + start, end - start);
    const load = async (): Promise<Tensor> => ({ dtype, shape, data: fromBytes(dtype, await data.read(0, data.size)) });
    tensors.set(name, { name, dtype, shape, load });
  }

  let offset = 0;
  for (const { name, start, end } of places.sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== offset)
      fail(`tensor ${name} begins at byte ${start} of the data, and the one before ends at ${offset}`);
    offset = end;
  }
  const dataBytes = source.size - 8 - headerBytes;
  if (offset !== dataBytes) fail(`its tensors take ${offset} bytes and the file has ${dataBytes} for them`);
  return { file, tensors, metadata, others };
}

const isTexts = (value: unknown): value is Record<string, string> =>
  isRecord(value) && Object.values(value).every((v) => typeof v === 'string');
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);

function isEntry(value: unknown): value is Entry {
  if (!isRecord(value) || typeof value.dtype !== 'string' || !isCounts(value.shape)) return false;
  const offsets = value.data_offsets;
  return isCounts(offsets) && offsets.length === 2 && offsets[0] <= offsets[1];
}

function parseHeader(bytes: Uint8Array, fail: (what: string) => never): Record<string, unknown> {
  const { punctuation, colons } = survey(bytes);
  if (punctuation > maxPunctuation) fail('its header has more entries than any checkpoint');
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    fail('its header is not valid JSON');
  }
  if (!isRecord(header)) return fail('its header is not a JSON object');
  // JSON.parse keeps the last of two equal keys in silence; each key has a colon.
  const keys = Object.values(header).reduce((n: number, v) => n + (isRecord(v) ? Object.keys(v).length : 0), 0);
  if (keys + Object.keys(header).length !== colons) fail('its header names a tensor twice, or is nested too deep');
  return header;
}

function survey(json: Uint8Array): { punctuation: number; colons: number } {
  const [quote, backslash, colon] = [0x22, 0x5c, 0x3a];
  let inString = false;
  let punctuation = 0;
  let colons = 0;
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (inString) {
      if (c === backslash) i++;
      else if (c === quote) inString = false;
    } else if (c === quote) inString = true;
    else if (c === colon) colons++;
    else if (c === 0x2c || c === 0x5b || c === 0x7b) punctuation++;
  }
  return { punctuation: punctuation + colons, colons };
}

/**
 * The first bytes of a safetensors file, a multiple of 8 long, and the order in which the tensors' data follow:
 * largest elements first, so that every tensor is aligned, otherwise as given.
 * @throws UserError for the one name that the format keeps for itself.
 */
export function encodeSafetensorsHeader(
  tensors: ReadonlyMap<string, { readonly dtype: DType; readonly shape: readonly number[] }>,
  metadata: Readonly<Record<string, string>> = {},
): { bytes: Uint8Array; names: string[] } {
  const sorted = [...tensors].sort(([, a], [, b]) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype));
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : [];
  let offset = 0;
  for (const [name, { dtype, shape }] of sorted) {
    if (name === '__metadata__') throw new UserError('No tensor of a safetensors file can be called __metadata__.');
    const end = offset + sizeOf(shape) * bytesPerElement(dtype);
    entries.push([name, { dtype: codes.get(dtype), shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  // Not one JSON.stringify of an object: that would put names like '1' first.
  const json = `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = new TextEncoder().encode(json);
  const bytes = new Uint8Array(Math.ceil((8 + text.length) / 8) * 8).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(text, 8);
  return { bytes, names: sorted.map(([name]) => name) };
}

/** A safetensors file as chunks to be written one after another; the tensors' chunks share their memory. */
export function safetensorsChunks(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const { bytes, names } = encodeSafetensorsHeader(tensors, metadata);
  return [bytes, ...names.map((name) => toBytes(required(tensors, name, 'tensor')))];
}

/** All tensors of a safetensors file in memory; messages call it `name`. @throws UserError as `readSafetensors`. */
export async function readSafetensorsBytes(name: string, bytes: Uint8Array): Promise<Map<string, Tensor>> {
  const { tensors } = await readSafetensors(bytesSource(name, bytes));
  const loaded = new Map<string, Tensor>();
  for (const [key, ref] of tensors) loaded.set(key, await ref.load());
  return loaded;
}
